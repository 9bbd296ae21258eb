"""Part of an open trace: the arrays below a path, as a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from biocredit.analysis.trace.description import contents
from biocredit.analysis.trace.labelled import LabelledArray
from biocredit.analysis.trace.schema import TraceError


class Group(Mapping):
    """Part of a trace: a mapping from names below the group to labelled arrays.

    Parameters
    ----------
    trace : Trace
        Where it lies.
    path : str
        Path of the group, such as ``activity/V1``.
    """

    def __init__(self, trace: Any, path: str) -> None:
        self._trace, self._path = trace, path

    def __iter__(self) -> Iterator[str]:
        return iter(self._trace.names(self._path))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, name: str) -> LabelledArray | Group:
        return self._trace[f"{self._path}/{name}"]

    def arrays(self) -> dict[str, LabelledArray]:
        """Read all arrays of the group in one look, by name."""
        return self._trace.arrays(self._path)

    def rows(self) -> list[dict[str, Any]]:
        """A table (events, populations, projections) as one dictionary a row."""
        columns = {name: one.values.tolist() for name, one in self.arrays().items() if one.values.ndim}
        if len(set(map(len, columns.values()))) > 1:
            raise TraceError(f"{self._trace.path}: the columns of /{self._path} have different lengths")
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def __repr__(self) -> str:
        return self._trace.inspect(lambda h5: contents(h5, self._path))
