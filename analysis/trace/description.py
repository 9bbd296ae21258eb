"""A trace in words: what was run, with what, and what the file holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
from biocredit.analysis.trace.labelled import dims_of, text_of, variables
from biocredit.analysis.trace.schema import GROUPS


def describe(trace: Any, h5: h5py.File) -> str:
    """A summary for people: what was run, with what, and what the file holds."""
    attributes = trace.attributes
    status = trace.status + (" (interrupted: nobody writes it)" if trace.interrupted else "")
    lines = [f"{trace.path}: {trace.experiment}, {status}"]
    lines += [
        f"  created {attributes.get('created', 'at an unknown time')}"
        + (f", finished {attributes['finished']}" if "finished" in attributes else "")
    ]
    lines += [f"  seeds {', '.join(map(str, trace.seeds))}", f"  {_join(trace.versions)}"]
    lines += [contents(h5, group) for group in GROUPS if group in h5]
    return "\n".join(lines)


def _join(pairs: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs.items())


def contents(h5: h5py.File, path: str) -> str:
    """One line for each array below a group."""
    names = variables(h5[path]) if isinstance(h5.get(path), h5py.Group) else []
    return "\n".join(
        [f"  /{path}" + ("" if names else " (empty)"), *(f"    {_line(h5[path][name], name)}" for name in names)]
    )


def _line(node: h5py.Dataset, name: str) -> str:
    axes = ", ".join(f"{dim}: {size}" for dim, size in zip(dims_of(node), node.shape, strict=True))
    return f"{name} ({axes}) {text_of(node, 'units')}: {text_of(node, 'long_name')}"
