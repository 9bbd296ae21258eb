"""Odd settings and odd JSON files at the command line: one line and status 2, never a traceback."""

import contextlib
import io
import json
import os
import random
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from biocredit.protocols.cli import main as command
from biocredit.protocols.commands.door import TRACEBACK

from tests.reliability import Row
from tests.reliability.limits import limited_memory, limited_time

EXPERIMENTS = ("adjoint-propagation/demo", "product-feedback/fig2", "modprop/fig3b", "self-assembling-learning/fig5")
VALUES = (
    *("", "=", "nan", "NaN", "inf", "-inf", "1e999", "-1", "0", "1e400", "[]", "{}", "[[1]]", "null", "true", "1,2"),
    *(
        "2**70",
        str(2**70),
        "9" * 5000,
        "[" * 3000,
        "{" * 3000,
        '{"a":1,"a":2}',
        "\x00",
        "\ud800",
        "é" * 200,
        "-5",
        "1.5",
    ),
    *(
        "1000000000",
        "digits",
        "../..",
        "/",
        "<script>",
        "$x$",
        "'",
        '"',
        "\\",
        "\n",
        "%s",
        "0x10",
        "1_000",
        "Gabor",
        "Rule",
    ),
)


def odd_assignments(count: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Experiments, and assignments that nobody would write."""
    from biocredit.protocols.experiments import find
    from biocredit.protocols.experiments.overrides import flat

    chance = np.random.default_rng(seed)
    for number in range(count):
        name = EXPERIMENTS[number % len(EXPERIMENTS)]
        known = list(flat(next(iter(find(name).conditions.values()))))
        field = str(
            chance.choice([*known, "task", "circuit", "pathway", "rule", "run", "measures", "x.y.z", ".", "a..b"])
        )
        if number % 3 == 0:
            field = "".join(map(chr, chance.integers(32, 400, chance.integers(0, 12))))
        value = str(chance.choice(np.array(VALUES, object)))
        if number % 2:
            value = "".join(map(chr, chance.integers(1, 600, chance.integers(0, 20))))
        yield name, f"{field}={value}"


def odd_json() -> dict[str, bytes]:
    """Files that call themselves settings."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        command(["show", EXPERIMENTS[0]])
    good = shown.getvalue()
    plain = json.loads(good)

    def edited(**changes: object) -> bytes:
        new = json.loads(good)
        for path, value in changes.items():
            node = new["conditions"]["AP"]
            *inner, last = path.split("__")
            for word in inner:
                node = node[word]
            node[last] = value
        return json.dumps(new).encode()

    return {
        "deep": b"[" * 100_000 + b"]" * 100_000,
        "deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "utf-16": good.encode("utf-16"),
        "latin-1": '{"experiment": "\xe9"}'.encode("latin-1"),
        "digits": good.replace("256", "9" * 4300, 1).encode(),
        "more digits": good.replace("256", "9" * 5000, 1).encode(),
        "nan": good.replace("256", "NaN", 1).encode(),
        "infinite": edited(optimizer__learning_rate=float("inf")),
        "seeds": edited(run__seeds=2**70),
        "seed": edited(run__seed=2**70),
        "neurons": edited(circuit__neurons=10**9),
        "wide": edited(circuit__neurons=400_000),
        "twice": good.replace('"seeds"', '"epochs"', 1).encode(),
        "part": edited(circuit__part="Nonsense"),
        "part of another kind": edited(circuit__part=["Chain"]),
        "foreign": edited(circuit__nuerons=3),
        "text": edited(circuit=3),
        "null": edited(circuit=None),
        "list": b"[]",
        "number": b"3",
        "nothing": b"",
        "zeros": bytes(100),
        "no conditions": json.dumps({**plain, "conditions": {}}).encode(),
        "odd conditions": json.dumps({**plain, "conditions": {"AP": [1]}}).encode(),
        "unknown condition": json.dumps({**plain, "conditions": {"PA": {}}}).encode(),
        "unknown experiment": json.dumps({**plain, "experiment": "nothing"}).encode(),
        "source": json.dumps({**plain, "source": "/etc/passwd"}).encode(),
    }


def outcome(arguments: list[str]) -> str:
    """Run a command; return "done", "refused", or what went wrong."""
    said, printed = io.StringIO(), io.StringIO()
    os.environ.pop(TRACEBACK, None)
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(printed):
            status = command(arguments)
    except SystemExit as end:
        status = end.code
    except BaseException as failure:
        return f"{type(failure).__name__}: {failure}"
    lines = said.getvalue().splitlines()
    if status == 0:
        return "done"
    return "refused" if status == 2 and len(lines) == 1 else f"status {status}: {said.getvalue()[:300]}"


def odd_settings(count: int, seed: int = 0) -> list[str]:
    """Try so many assignments, configured without a run; return what went wrong."""
    wrong = []
    for name, text in odd_assignments(count, seed):
        with limited_time():
            what = outcome(["show", name, "--quick", "--set", text])
        if what not in ("done", "refused"):
            wrong.append(f"{name} --set {text!r}: {what}")
    return wrong


def mutated_json(count: int, seed: int = 0) -> dict[str, bytes]:
    """Good settings with a value, a name or some letters changed: some may still be meant."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        command(["show", EXPERIMENTS[0]])
    good, chance = shown.getvalue(), random.Random(seed)
    odd = (None, True, -1, 0, 2**70, 1e400, -0.5, "", "é", "digits", [], {}, [[1]], {"part": "Gabor"}, "x" * 5000)
    found = {}
    for number in range(count):
        tree = json.loads(good)
        places = [(node, key) for node in _nodes(tree) for key in node]
        node, key = chance.choice(places)
        how = chance.choice(("value", "value", "lost", "renamed", "letters"))
        if how == "value":
            node[key] = chance.choice(odd)
        elif how in ("lost", "renamed"):
            value = node.pop(key)
            node |= {f"{key}s": value} if how == "renamed" else {}
        text = json.dumps(tree)
        if how == "letters":
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice(("", "\x00", "\ud800", "}", '"', "NaN", text[:50])) + text[at + 1 :]
        found[f"{how} {number} at {key!r}"] = text.encode(errors="surrogatepass")
    return found


def _nodes(tree: object) -> Iterator[dict]:
    if isinstance(tree, dict):
        yield tree
        for one in tree.values():
            yield from _nodes(one)


def odd_files(files: Mapping[str, bytes] | None = None) -> list[str]:
    """Try every odd file; return what went wrong. Those of `odd_json` must be refused when they are to be run."""
    wrong, fixed = [], odd_json()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "odd.json"
        for name, content in (files or fixed).items():
            file.write_bytes(content)
            with limited_time():
                what = outcome(["run", str(file), "-o", f"{folder}/odd.h5", *(["--dry-run"] * (name not in fixed))])
            if what not in ("refused", "done")[: 1 + (name not in fixed)] or (Path(folder) / "odd.h5").exists():
                wrong.append(f"{name}: {what}")
    return wrong


def main(count: int = 1000) -> list[Row]:
    """Try ``count`` odd settings and a fifth of that in odd JSON files; rows for the table."""
    files = odd_json() | mutated_json(max(1, count // 5 - len(odd_json())))
    outcome(["run", EXPERIMENTS[0], "--dry-run"])  # JAX is there before memory is counted
    with limited_memory():
        settings = odd_settings(count)
        json_files = odd_files(files)
    return [
        Row.of("odd settings at the command line: not one line", count, settings),
        Row.of("odd JSON files: not one line, or a trace is written", len(files), json_files),
    ]
