"""With which arrays the networks of a run begin."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.analysis.trace.reader import open_trace
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import nearest
from biocredit.protocols.recording.view import RunView
from biocredit.protocols.training.checkpoint import RunError, RunWarning
from biocredit.protocols.training.checks import as_seeds, whole


def begin(circuit: Circuit, seeds: Any, start: Any) -> tuple[tuple[int, ...], Iterator[Tree]]:
    """Return the seeds of a run, and the arrays with which each of its networks begins.

    Parameters
    ----------
    circuit
        What all networks are.
    seeds
        Their number, or their seeds; as many as ``start`` has, or one, by default.
    start
        Nothing, the view of a run, a trace, ``(trace, snapshot)``, or arrays by name.

    Raises
    ------
    RunError
        In one line, for what cannot be meant.
    """
    if start is None:
        chosen = as_seeds(1 if seeds is None else seeds, circuit.seed)
        return chosen, drawn(circuit, chosen, as_is=seeds is None or whole(seeds))
    arrays, theirs = _found(start, circuit)
    chosen = as_seeds(seeds if seeds is not None else theirs or 1, circuit.seed)
    if theirs and len(theirs) != len(chosen):
        raise RunError(f"start: it has {len(theirs)} networks, seeds= asks for {len(chosen)}")
    return chosen, carried_on(circuit, chosen, arrays)


def _found(start: Any, circuit: Circuit) -> tuple[Mapping[str, Any], tuple[int, ...]]:
    if isinstance(start, RunView):
        return {name: np.asarray(value) for name, value in start.tree.items()}, start.seeds
    if isinstance(start, Mapping):
        return start, ()
    path, snapshot = start if isinstance(start, tuple) and len(start) == 2 else (start, -1)
    if not isinstance(path, str | Path) or not whole(snapshot):
        raise RunError(f"start must be a run, a trace, (trace, snapshot) or arrays by name, got {start!r}")
    return from_trace(path, snapshot, circuit)


def drawn(circuit: Circuit, seeds: Sequence[int], as_is: bool) -> Iterator[Tree]:
    """Yield the arrays of each network: of the first one those of the circuit (if ``as_is``), else drawn by its seed.

    Warns
    -----
    RunWarning
        If the circuit has learned, or was written to, and the other networks know nothing of it.
    """
    present = circuit.read()
    if as_is and len(seeds) > 1 and _changed(circuit, present):
        warnings.warn(
            f"only the first of {len(seeds)} networks has the weights of this circuit, the others are drawn anew: "
            "start=run (or a trace, or arrays) carries all of them on",
            RunWarning,
            stacklevel=4,
        )
    for number, seed in enumerate(seeds):
        yield present if as_is and number == 0 else _written(circuit, present, circuit.initial(seed))


def carried_on(circuit: Circuit, seeds: Sequence[int], start: Mapping[str, Any]) -> Iterator[Tree]:
    """Yield the arrays of each network where a run goes on from other arrays.

    Everything enters by ``circuit.write``, with all its checks; what is not given is drawn by the network's seed.

    Parameters
    ----------
    circuit, seeds
        The networks.
    start
        Arrays by name, shaped like the circuit's (the same for all networks) or with a leading axis ``seed``.

    Raises
    ------
    RunError
        For a name that the circuit does not have, or a wrong shape.
    """
    present = circuit.read()
    for name, value in start.items():
        if name not in present:
            raise RunError(f"start: {type(circuit).__name__} has no {name!r}: {nearest(name, present)}")
        if np.shape(value) not in (present[name].shape, (len(seeds), *present[name].shape)):
            several = f"{(len(seeds), *present[name].shape)} for {len(seeds)} networks"
            raise RunError(f"start: {name} has shape {np.shape(value)}, wanted {present[name].shape} or {several}")
    for number, seed in enumerate(seeds):
        own = {name: v if np.ndim(v) == present[name].ndim else v[number] for name, v in start.items()}
        yield _written(circuit, present, {**circuit.initial(seed), **own})


def from_trace(path: str | Path, snapshot: int, circuit: Circuit) -> tuple[dict[str, np.ndarray], tuple[int, ...]]:
    """Read the arrays of all networks from a snapshot in a trace, and their seeds.

    Weights that learn must have been recorded; what stays as it was drawn need not.

    Raises
    ------
    RunError
        If the trace lacks weights, or has no such snapshot.
    """
    with open_trace(path) as trace:
        stored = {name.removeprefix("weights/"): name for name in trace.keys() if name.startswith("weights/")}
        found = {}
        for name in (name for name in circuit.read() if name in stored):
            array = trace[stored[name]]
            values = array.values
            if array.dims[0] == "snapshot":
                if not -len(values) <= snapshot < len(values):
                    raise RunError(f"start: {path} has {len(values)} snapshots of {name}, there is no {snapshot}")
                values = values[snapshot]
            found[name] = values
        seeds = tuple(int(seed) for seed in trace.seeds)
    lacking = [name for name in circuit.plastic if name not in found]
    if lacking:
        raise RunError(f"start: {path} holds no weights {', '.join(lacking)}: record them, Record(of={lacking[0]!r})")
    return found, seeds


def _changed(circuit: Circuit, present: Tree) -> bool:
    fresh = _written(circuit, present, circuit.initial(circuit.seed))
    return any(not np.array_equal(fresh[name], value, equal_nan=True) for name, value in present.items())


def _written(circuit: Circuit, present: Tree, values: Mapping[str, Any]) -> Tree:
    """What the circuit holds when values are written to it; it is left as it was."""
    try:
        circuit.write(values)
        return circuit.read()
    finally:
        circuit.write(present)
