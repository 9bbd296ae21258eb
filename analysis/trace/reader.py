"""The reader of trace files: ``open_trace("run.h5")``.

It needs NumPy and h5py only. It never writes, it reads a run that is still going (each look shows the last committed
chunk), and it completes in memory a commit that a killed program left half done. What lies where is said in
`biocredit.analysis.trace.schema`.
"""

from __future__ import annotations

import json
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import h5py
from biocredit.analysis.trace.labelled import (
    LabelledArray,
    UnknownName,
    dims_of,
    plain,
    read_labelled,
    variables,
)
from biocredit.analysis.trace.opening import nearest_file, open_h5, release
from biocredit.analysis.trace.schema import GROUPS, VERSION_PREFIX, TraceError, nearest
from biocredit.analysis.trace.storage.durable import resolved
from biocredit.analysis.trace.storage.file_lock import is_locked, state_token

__all__ = ["Group", "LabelledArray", "Trace", "TraceError", "UnknownName", "open_trace"]

RETRIES = 8  # looks at a file that keeps changing: 1.3 s altogether

T = TypeVar("T")


def open_trace(path: str | Path) -> Trace:
    """Open a trace file for reading, also while it is being written.

    Parameters
    ----------
    path : str or Path
        A file written by a biocredit run.

    Returns
    -------
    Trace
        To be used directly or in a ``with`` statement.

    Raises
    ------
    TraceError
        In one line, if the file is missing, no trace, truncated, or of a newer format.

    Examples
    --------
    >>> trace = open_trace("digits.h5")                                # doctest: +SKIP
    >>> loss = trace["learning/loss"]                                  # doctest: +SKIP
    >>> loss.dims, loss.coords["epoch"], loss.values.mean(axis=0)      # doctest: +SKIP
    """
    return Trace(path)


class Trace(Mapping):
    """A trace file: a mapping from dataset names to labelled arrays, and what the run was.

    Parameters
    ----------
    path : str or Path
        See `open_trace`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path, self._file = Path(path), resolved(path)
        self._h5: h5py.File | None = None
        self._token: tuple = ()
        self.inspect(lambda h5: None)

    # --- what the run was

    @property
    def attributes(self) -> dict[str, Any]:
        """All attributes of the file as Python values."""
        return self.inspect(lambda h5: {name: plain(value) for name, value in h5.attrs.items()})

    @property
    def status(self) -> str:
        """running, complete, stopped or failed."""
        return self.attributes["status"]

    @property
    def interrupted(self) -> bool:
        """Whether the run was killed: it calls itself running and nobody writes it."""
        return self.status == "running" and not is_locked(self._file)

    @property
    def experiment(self) -> str:
        """Name of the experiment."""
        return self.attributes["experiment"]

    @property
    def configuration(self) -> dict[str, Any]:
        """Everything needed to run it again."""
        return json.loads(self.attributes["configuration"])

    @property
    def seeds(self) -> list[int]:
        """Seeds, in the order of every axis called ``seed``."""
        return self.attributes["seeds"]

    @property
    def citations(self) -> list[str]:
        """DOI or arXiv identifiers of what the run used."""
        return self.attributes["citations"]

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that wrote the file."""
        return {k.removeprefix(VERSION_PREFIX): v for k, v in self.attributes.items() if k.startswith(VERSION_PREFIX)}

    # --- what was recorded

    @property
    def circuit(self) -> Group:
        """Populations and projections."""
        return Group(self, "circuit")

    @property
    def learning(self) -> Group:
        """Curves over epochs or updates."""
        return Group(self, "learning")

    @property
    def weights(self) -> Group:
        """Snapshots of weights, and masks."""
        return Group(self, "weights")

    @property
    def activity(self) -> Group:
        """Recorded variables by group of neurons."""
        return Group(self, "activity")

    @property
    def events(self) -> Group:
        """Interventions and phase changes; ``trace.events.rows()`` gives one dictionary an event."""
        return Group(self, "events")

    def __iter__(self) -> Iterator[str]:
        return iter(self.inspect(variables))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, name: str) -> LabelledArray | Group:
        return self.read(name)

    def read(self, name: str, **selection: int | slice) -> LabelledArray | Group:
        """Read a dataset, or the part of it that is selected by position along named axes.

        Parameters
        ----------
        name : str
            Path of a dataset; the path of a group gives the `Group`.
        **selection : int or slice
            Positions along axes, for example ``snapshot=-1, seed=slice(0, 2)``; only this part is read from the disk.

        Returns
        -------
        LabelledArray or Group
        """
        return self.inspect(lambda h5: self._read(h5, name.strip("/"), selection))

    def _read(self, h5: h5py.File, name: str, selection: dict[str, int | slice]) -> LabelledArray | Group:
        if name not in h5:
            raise UnknownName(f"{self.path.name} holds no {name!r}{nearest(name, variables(h5))}")
        node = h5[name]
        return Group(self, name) if isinstance(node, h5py.Group) else read_labelled(node, selection)

    # --- how it is read

    def inspect(self, function: Callable[[h5py.File], T]) -> T:
        """Apply a function to the open HDF5 file as it is after one commit; apply it again if a commit came in between.

        Parameters
        ----------
        function : callable
            Takes the ``h5py.File`` (read only) and returns what does not depend on the file staying open.
        """
        for attempt in range(RETRIES):
            try:
                token = state_token(self._file)
                result = function(self._opened(token))
                if state_token(self._file) == token:
                    return result
            except FileNotFoundError:
                raise TraceError(f"no such file: {self.path}{nearest_file(self.path)}") from None
            except Exception:
                if state_token(self._file) == token:
                    raise
            time.sleep(0.005 * 2**attempt)
        raise TraceError(f"{self.path} keeps changing while it is read; try again")

    def _opened(self, token: tuple) -> h5py.File:
        if self._h5 is None or token != self._token:
            self.close()
            stream, self._h5 = open_h5(self._file)
            self._token, self._release = token, weakref.finalize(self, release, self._h5, stream)
        return self._h5

    def close(self) -> None:
        """Let the file go; the next look opens it again."""
        if self._h5 is not None:
            self._release()
            self._h5 = None

    def __enter__(self) -> Trace:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return self.inspect(lambda h5: _describe(self, h5))


class Group(Mapping):
    """Part of a trace: a mapping from names below the group to labelled arrays.

    Parameters
    ----------
    trace : Trace
        Where it lies.
    path : str
        Path of the group, such as ``activity/V1``.
    """

    def __init__(self, trace: Trace, path: str) -> None:
        self._trace, self._path = trace, path

    def __iter__(self) -> Iterator[str]:
        return iter(self._trace.inspect(lambda h5: variables(h5[self._path]) if self._path in h5 else []))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, name: str) -> LabelledArray | Group:
        return self._trace[f"{self._path}/{name}"]

    def rows(self) -> list[dict[str, Any]]:
        """A table (events, populations, projections) as one dictionary a row."""
        columns = {name: self[name].values.tolist() for name in self}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def __repr__(self) -> str:
        return self._trace.inspect(lambda h5: _contents(h5, self._path))


def _describe(trace: Trace, h5: h5py.File) -> str:
    """A summary for people: what was run, with what, and what the file holds."""
    attributes = {name: plain(value) for name, value in h5.attrs.items()}
    status = attributes["status"] + (" (interrupted: nobody writes it)" if trace.interrupted else "")
    lines = [f"{trace.path}: {attributes['experiment']}, {status}"]
    lines += [
        f"  created {attributes['created']}"
        + (f", finished {attributes['finished']}" if "finished" in attributes else "")
    ]
    lines += [f"  seeds {', '.join(map(str, attributes['seeds']))}", f"  {_join(trace.versions)}"]
    lines += [_contents(h5, group) for group in GROUPS if group in h5]
    return "\n".join(lines)


def _join(pairs: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs.items())


def _contents(h5: h5py.File, path: str) -> str:
    names = variables(h5[path]) if path in h5 else []
    return "\n".join(
        [f"  /{path}" + ("" if names else " (empty)"), *(f"    {_line(h5[path][name], name)}" for name in names)]
    )


def _line(node: h5py.Dataset, name: str) -> str:
    axes = ", ".join(f"{dim}: {size}" for dim, size in zip(dims_of(node), node.shape, strict=True))
    return f"{name} ({axes}) {plain(node.attrs.get('units', ''))}: {plain(node.attrs.get('long_name', ''))}"
