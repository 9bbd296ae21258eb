"""Which experiment, conditions and settings a command line means."""

import json
import os
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

from biocredit.protocols.experiments import Configuration, Experiment, find
from biocredit.protocols.experiments.overrides import SettingError, assignment, from_json, parsed
from biocredit.protocols.experiments.own_file import load
from biocredit.protocols.experiments.settings import PARTS

#: Larger files are no settings.
LARGEST_FILE = 20_000_000


def chosen(given: Namespace) -> tuple[Experiment, dict[str, Configuration], bool]:
    """Return the experiment, the configurations that were asked for, and whether they are the quick ones."""
    overrides = dict(assignment(text) for text in given.set)
    counts = {"run.epochs": given.epochs, "run.seeds": given.seeds}
    overrides |= {name: value for name, value in counts.items() if value is not None}
    experiment, quick = _experiment(given.experiment), given.quick
    if given.experiment.endswith(".json"):
        about = read_json(Path(given.experiment))
        experiment = edited(experiment, about, given.experiment)
        quick = quick or about.get("quick") is True
    return experiment, experiment.configured(overrides, quick=given.quick, only=given.condition), quick


def _experiment(word: str) -> Experiment:
    if word.endswith(".json"):
        about = read_json(Path(word))
        source = about.get("source")
        return load(source) if isinstance(source, str) else find(about["experiment"])
    return load(word) if word.endswith(".py") else find(word)


def edited(experiment: Experiment, about: dict[str, Any], file: str) -> Experiment:
    """Return the experiment with the conditions that a file holds."""
    changed, parts = {}, {**PARTS, **experiment.parts}
    for label, settings in about["conditions"].items():
        experiment.configured(only=[label])
        try:
            changed[label] = from_json(experiment.conditions[label], settings, parts=parts)
        except SettingError as refusal:
            raise SettingError(f"{file}: {refusal}") from None
    if not changed:
        raise SettingError(f"{file}: holds no conditions")
    return replace(experiment, conditions=changed)


def read_json(path: Path) -> dict[str, Any]:
    """Read what ``biocredit show`` prints.

    Raises
    ------
    SettingError
        If it is something else.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise SettingError(f"{path}: too large for settings")
    try:
        about = parsed(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise SettingError(f"{path}: not a text in UTF-8") from None
    except SettingError as refusal:
        raise SettingError(f"{path}: {refusal}") from None
    for name, kind in (("experiment", str), ("conditions", dict)):
        if not isinstance(about, dict) or not isinstance(about.get(name), kind):
            raise SettingError(f"{path} holds no {name!r}: wanted what 'biocredit show' prints")
    return about


def values(text: str) -> tuple[str, list[str]]:
    """Split ``FIELD=A,B,...``; a value with commas of its own is written as a JSON list of values."""
    name, written = assignment(text)
    if written.startswith("["):
        try:
            found = parsed(written)
        except SettingError as refusal:
            raise SettingError(f"--over {name}: {refusal}") from None
        listed = [json.dumps(value) for value in found] if isinstance(found, list) else []
    else:
        listed = [value for value in written.split(",") if value]
    if not listed:
        raise SettingError(f"--over {name}: wanted values, such as {name}=1,2,3")
    return name, listed


def prepare_jax() -> None:
    """Keep compiled programs in the user's cache folder."""
    from biocredit.protocols.datasets.files import cache_folder

    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder() / "compiled"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
