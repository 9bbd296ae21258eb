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
from operator import lt
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import h5py
from biocredit.analysis.trace.description import describe
from biocredit.analysis.trace.group import Group
from biocredit.analysis.trace.labelled import (
    LabelledArray,
    UnknownName,
    plain,
    read_labelled,
    variables,
)
from biocredit.analysis.trace.opening import nearest_file, open_h5, release
from biocredit.analysis.trace.schema import REQUIRED_ATTRIBUTES, VERSION_PREFIX, TraceError, nearest
from biocredit.analysis.trace.storage.durable import resolved
from biocredit.analysis.trace.storage.file_lock import is_locked, state_token
from biocredit.analysis.trace.structure import one_line

__all__ = ["Group", "LabelledArray", "Trace", "TraceError", "UnknownName", "open_trace"]

RETRIES = 60  # looks at a file that keeps changing: 6 s altogether

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
        self._look: _Look | None = None
        self._entered = 0
        self._token: tuple = ()
        self.shown_as = ""  # label in figures and tables, where several runs are told apart
        self.inspect(lambda h5: None)

    # --- what the run was

    @property
    def attributes(self) -> dict[str, Any]:
        """All attributes of the file as Python values."""
        return dict(self._look.attributes) if self._look else self.inspect(_attributes)

    def _attribute(self, name: str, kind: type) -> Any:
        value = self.attributes.get(name)
        if not isinstance(value, kind):
            have = "is missing" if value is None else f"is {str(value)[:40]!r}"
            raise TraceError(f"{self.path}: attribute {name!r} {have}; wanted {REQUIRED_ATTRIBUTES[name]}")
        return value

    @property
    def status(self) -> str:
        """running, complete, stopped or failed."""
        return self._attribute("status", str)

    @property
    def interrupted(self) -> bool:
        """Whether the run was killed: it calls itself running and nobody writes it."""
        return self.status == "running" and not is_locked(self._file)

    @property
    def experiment(self) -> str:
        """Name of the experiment."""
        return self._attribute("experiment", str)

    @property
    def configuration(self) -> dict[str, Any]:
        """Everything needed to run it again."""
        try:
            settings = json.loads(self._attribute("configuration", str))
        except (ValueError, RecursionError) as error:
            raise TraceError(f"{self.path}: the configuration is no JSON: {error}") from None
        if not isinstance(settings, dict):
            raise TraceError(f"{self.path}: the configuration is no mapping")
        return settings

    @property
    def seeds(self) -> list[int]:
        """Seeds, in the order of every axis called ``seed``."""
        return self._attribute("seeds", list)

    @property
    def citations(self) -> list[str]:
        """DOI or arXiv identifiers of what the run used."""
        return [str(one) for one in self._attribute("citations", list)]

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
        return iter(self.names())

    def names(self, path: str = "") -> list[str]:
        """Names of the arrays below a group, of those that were there when the look began."""

        def below(h5: h5py.File) -> list[str]:
            node = h5.get(path) if path else h5
            names = variables(node) if isinstance(node, h5py.Group) else []
            prefix = f"/{path}/" if path else "/"
            return [name for name in names if not self._look or prefix + name in self._look.shapes]

        return self.inspect(below)

    def arrays(self, path: str = "") -> dict[str, LabelledArray]:
        """Read all arrays below a group in one look, by their names below it.

        Parameters
        ----------
        path : str
            Path of the group; everything by default.
        """
        prefix = f"{path}/" if path else ""

        def read(h5: h5py.File) -> dict[str, LabelledArray]:
            return {name: self._read(h5, prefix + name, {}) for name in self.names(path)}

        return self.inspect(read)

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
        if isinstance(node, h5py.Group):
            return Group(self, name)
        if self._look is None:
            return read_labelled(node, selection)
        before = self._look.shapes.get(node.name)
        if before is None:
            raise UnknownName(f"{self.path.name} held no {name!r} when this look began: open it again")
        if plain(h5.attrs.get("id")) != self._look.attributes.get("id") or any(map(lt, node.shape, before)):
            raise TraceError(f"{self.path} was begun anew while it was being read: open it again")
        return read_labelled(node, selection, self._look.shapes)

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
                with one_line(self.path):
                    result = function(self._opened(token))
                if state_token(self._file) == token:
                    return result
            except FileNotFoundError:
                raise TraceError(f"no such file: {self.path}{nearest_file(self.path)}") from None
            except Exception:
                if state_token(self._file) == token:
                    raise
            time.sleep(min(0.005 * 2**attempt, 0.1))
        raise TraceError(f"{self.path} keeps changing while it is read; try again")

    def _opened(self, token: tuple) -> h5py.File:
        if self._h5 is None or token != self._token:
            self.close()
            stream, self._h5 = open_h5(self._file, token)
            self._token, self._release = token, weakref.finalize(self, release, self._h5, stream)
        return self._h5

    def close(self) -> None:
        """Let the file go; the next look opens it again."""
        if self._h5 is not None:
            self._release()
            self._h5 = None

    def __enter__(self) -> Trace:
        if not self._entered:
            self._look = self.inspect(_look)
        self._entered += 1
        return self

    def __exit__(self, *exception: object) -> None:
        self._entered -= 1
        if not self._entered:
            self._look = None
            self.close()

    def __repr__(self) -> str:
        return self.inspect(lambda h5: describe(self, h5))


class _Look(NamedTuple):
    """What a file held at one moment: while a run goes on, datasets grow at their ends and nothing else changes."""

    attributes: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]


def _attributes(h5: h5py.File) -> dict[str, Any]:
    return {name: plain(value) for name, value in h5.attrs.items()}


def _look(h5: h5py.File) -> _Look:
    shapes: dict[str, tuple[int, ...]] = {}
    h5.visititems(lambda name, node: shapes.update({node.name: node.shape}) if isinstance(node, h5py.Dataset) else None)
    return _Look(_attributes(h5), shapes)
