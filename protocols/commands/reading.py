"""Commands that only look: ``list``, ``show``, ``report``, ``record``, ``cite``, ``data``, ``version``."""

import csv
import json
import sys
from argparse import Namespace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from biocredit.circuits.core.errors import CircuitError, nearest
from biocredit.protocols.commands import tables
from biocredit.protocols.commands.choosing import chosen
from biocredit.protocols.commands.files import require_sound, traces
from biocredit.protocols.experiments import every
from biocredit.protocols.experiments.overrides import SettingError, as_json

#: Packages that results depend on.
PACKAGES = ("biocredit", "jax", "jaxlib", "brainpy", "brainstate", "numpy", "scipy", "optax", "h5py", "matplotlib")


def list_command(given: Namespace) -> int:
    """Print what there is: experiments, or rules, pathways, ..., whose name contains a word."""
    words = [word for word in (given.what, given.word) if word]
    kind = words.pop(0) if words and words[0] in tables.LISTS else "experiments"
    if len(words) > 1:
        raise SettingError(f"unknown list {given.what!r}: {nearest(given.what, tables.LISTS)}")
    head, *rows = tables.LISTS[kind]()
    found = [row for row in rows if not words or words[0] in row[0]]
    if not found:
        raise SettingError(f"no {kind.removesuffix('s')} contains {words[0]!r}: see biocredit list {kind}")
    tables.print_table([head, *found])
    return 0


def show_command(given: Namespace) -> int:
    """Print the configuration of an experiment as JSON."""
    experiment, conditions, quick = chosen(given)
    about = {"experiment": experiment.name, "figure": experiment.figure, "title": experiment.title, "quick": quick}
    about |= {"source": experiment.source} if experiment.source else {}
    about["conditions"] = {label: as_json(one) for label, one in conditions.items()}
    print(json.dumps(about, indent=2))
    return 0


def report_command(given: Namespace) -> int:
    """Write a report."""
    from biocredit.analysis.reports.report import write_report

    paths = traces(given.traces)
    require_sound(paths)
    print(write_report(paths, given.output))
    return 0


def record_command(given: Namespace) -> int:
    """Print the state of every experiment: the paper's number, ours, size, verdict."""
    from biocredit.protocols.experiments.record import Entry, table

    found = [Entry(one) for name, one in every().items() if given.word in name]
    if not found:
        raise SettingError(f"no experiment contains {given.word!r}: see biocredit list")
    head, *rows = table(found)
    if given.csv:
        lines = csv.writer(sys.stdout, lineterminator="\n")
        lines.writerows(
            [(*head, "commands"), *((*row, "; ".join(one.commands)) for row, one in zip(rows, found, strict=True))]
        )
        return 0
    tables.print_table([head, *rows])
    told = [one.verdict.partition(" ")[0] for one in found]
    print(
        f"{sum(bool(one.ours) for one in found)} of {len(found)} have numbers of ours, "
        f"{sum(one.size == 'full' for one in found)} at full size; {told.count('agrees')} agree, "
        f"{told.count('differs')} differ somewhere"
    )
    return 0


def cite_command(given: Namespace) -> int:
    """Print BibTeX."""
    from biocredit.analysis.reports.bibliography import citable, cite

    table = every()
    for thing in given.things:
        if thing not in table and not citable(thing) and Path(thing).suffix not in (".h5", ".hdf5"):
            hint = nearest(thing, table).partition("valid:")[0]
            raise CircuitError(
                f"nothing to cite is called {thing!r}: {hint}wanted a trace, an experiment, a DOI or arXiv"
            )
    require_sound(Path(thing) for thing in given.things if Path(thing).suffix in (".h5", ".hdf5"))
    print(cite(*(table[thing].citation if thing in table else thing for thing in given.things)))
    return 0


def version_command(given: Namespace) -> int:
    """Print the version, or those of everything that results depend on."""
    for name in PACKAGES if given.all else PACKAGES[:1]:
        try:
            print(name, version(name))
        except PackageNotFoundError:
            print(name, "not installed")
    return 0


def data_command(given: Namespace) -> int:
    """List, find, download or import data sets."""
    from biocredit.protocols.datasets import datasets

    if given.action in ("list", "where"):
        print(datasets.data_list() if given.action == "list" else datasets.data_where())
        return 0
    if given.action == "import-recording":
        from biocredit.protocols.commands.recordings import import_recording

        return import_recording(given)
    if given.name is None:
        raise SettingError(f"data {given.action} needs the name of a data set: {nearest('', datasets.TABLE)}")
    importing = given.action == "import"
    place = datasets.import_files(given.name, given.files) if importing else datasets.fetch(given.name)
    print(f"{given.name}: {place.folder}")
    return 0
