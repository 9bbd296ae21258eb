"""Seeds of one configuration that ran on different machines, in one trace."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.analysis.trace.labelled import LabelledArray
from biocredit.analysis.trace.reader import Trace, TraceError, open_trace
from biocredit.analysis.trace.writer import TraceWriter

#: Axes along which datasets grow, and the coordinate that says where.
GROWING = {"epoch": "epoch", "update": "update", "snapshot": "update"}


def merge(paths: Sequence[str | Path], output: str | Path, *, overwrite: bool = False) -> Path:
    """Join the seeds of several complete traces of one configuration.

    Parameters
    ----------
    paths
        Traces; their seeds follow each other in this order.
    output
        The new trace.
    overwrite
        Whether it may replace a file.

    Raises
    ------
    TraceError
        If a trace is not complete, a seed is there twice, or the configurations differ; the difference is named.
    """
    traces = [open_trace(path) for path in paths]
    if len(traces) < 2:
        raise TraceError("merging takes two traces or more")
    for path, trace in zip(paths, traces, strict=True):
        if trace.status != "complete":
            raise TraceError(f"{path} is {trace.status}: only complete traces are merged")
    seeds = [seed for trace in traces for seed in trace.seeds]
    if twice := sorted({seed for seed in seeds if seeds.count(seed) > 1}):
        raise TraceError(f"seed {twice[0]} is in more than one of these traces")
    settings = [_flat({**trace.configuration, "command": ""}) for trace in traces]
    for path, other in zip(paths[1:], settings[1:], strict=True):
        for name in sorted({*settings[0], *other}, key=lambda name: (not name.startswith("settings."), name)):
            if settings[0].get(name) != other.get(name) and name.rpartition(".")[2] not in ("seed", "seeds"):
                first, second = settings[0].get(name), other.get(name)
                raise TraceError(f"{paths[0]} and {path} differ in {name}: {first!r} and {second!r}")
    return _write(traces, seeds, Path(output), overwrite)


def _write(traces: Sequence[Trace], seeds: list[int], output: Path, overwrite: bool) -> Path:
    first = traces[0]
    versions = {f"version_{name}": value for name, value in first.versions.items()} | {
        "label": first.attributes.get("label", "")
    }
    configuration = {name: value for name, value in first.configuration.items() if name != "command"}
    if run := configuration.get("run"):
        configuration["run"] = {**run, "with": {**run["with"], "seeds": seeds}}
    about = {"configuration": configuration, "citations": first.citations, "seeds": seeds}
    with TraceWriter.create(output, experiment=first.experiment, overwrite=overwrite, **about) as writer:
        writer.set(**versions)
        writer.populations(first.circuit["populations"].rows())
        writer.projections(first.circuit["projections"].rows())
        for group in ("learning", "weights", "activity"):
            for name in _arrays(first, group):
                _joined(writer, name, [trace[name] for trace in traces])
    return output


def _arrays(trace: Trace, group: str) -> list[str]:
    names = [name for name in trace if name.startswith(f"{group}/")]
    return [name for name in names if isinstance(trace[name], LabelledArray)]


def _joined(writer: TraceWriter, name: str, parts: Sequence[LabelledArray]) -> None:
    one = parts[0]
    axis = one.dims.index("seed") if "seed" in one.dims else None
    nan = one.values.dtype.kind == "f"
    if axis is None and any(not np.array_equal(one.values, part.values, equal_nan=nan) for part in parts[1:]):
        raise TraceError(f"{name} differs between the traces")
    values = one.values if axis is None else np.concatenate([part.values for part in parts], axis)
    grows = next((dim for dim in one.dims if dim in GROWING or dim.startswith("every_")), None)
    coords = {dim: one.coords[dim] for dim in one.dims if dim in one.coords and dim not in ("seed", grows)}
    if grows is None:
        writer.constant(name, values, one.dims, one.units, one.long_name, coords)
        return
    shape = tuple(None if dim == grows else size for dim, size in zip(one.dims, values.shape, strict=True))
    words = {"units": one.units, "long_name": one.long_name}
    writer.declare(name, one.dims, shape, **words, dtype=values.dtype.str, coords=coords)
    writer.append(name, values, at=one.coords[GROWING.get(grows, grows)])


def _flat(configuration: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in configuration.items():
        inner = _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
        found |= inner
    return found
