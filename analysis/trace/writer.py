"""The writer of trace files: datasets grow chunk by chunk, and a chunk is on the disk completely or not at all.

Used by the recorder of the protocols. What lies where is said in `biocredit.analysis.trace.schema`; how a commit
survives a kill in `biocredit.analysis.trace.storage.atomic_file`.
"""

from __future__ import annotations

import contextlib
import uuid
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from biocredit.analysis.trace import datasets
from biocredit.analysis.trace.attributes import as_attribute, now, versions
from biocredit.analysis.trace.reader import open_trace
from biocredit.analysis.trace.schema import (
    COMPANIONS,
    EVENT_COLUMNS,
    FORMAT,
    FORMAT_VERSION,
    STATUSES,
    TraceError,
    nearest,
)
from biocredit.analysis.trace.storage.atomic_file import AtomicFile, repair
from biocredit.analysis.trace.storage.durable import WriteError, resolved, sync_folder
from biocredit.analysis.trace.storage.file_lock import FileLock
from biocredit.analysis.trace.storage.uninterrupted import uninterrupted
from biocredit.analysis.trace.structure import one_line

LIBVER = ("earliest", "v108")  # superblock 0: no "open for writing" mark that a killed program would leave behind


class TraceWriter:
    """A trace file open for writing; made by `TraceWriter.create` or `TraceWriter.resume`.

    In a ``with`` statement the file is closed as complete, as stopped (KeyboardInterrupt) or as failed (any other
    exception).

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "run.h5"
    >>> setting = {"experiment": "demo", "configuration": {"epochs": 2}, "citations": [], "seeds": [0, 1]}
    >>> with TraceWriter.create(path, **setting) as writer:
    ...     writer.declare("learning/loss", ("seed", "epoch"), (2, None), units="nat", long_name="cross-entropy")
    ...     writer.append("learning/loss", np.ones((2, 3)), at=[1, 2, 3])
    ...     writer.commit()
    >>> open_trace(path)["learning/loss"].shape
    (2, 3)
    """

    def __init__(self, path: Path, lock: FileLock, stream: AtomicFile, mode: str) -> None:
        self.path = path
        self._stream, self._lock = stream, lock
        self._h5 = h5py.File(stream, mode, libver=LIBVER)
        self._release = weakref.finalize(
            self, _release, self._h5, stream, lock
        )  # at the latest when Python exits: HDF5 cannot do it later

    @classmethod
    @uninterrupted()
    def create(
        cls,
        path: str | Path,
        *,
        experiment: str,
        configuration: Mapping[str, Any],
        citations: Sequence[str],
        seeds: Sequence[int],
        attributes: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> TraceWriter:
        """Start a trace; the file is there, with status "running", when this returns.

        Parameters
        ----------
        path : str or Path
            The new file.
        experiment : str
            Name of the experiment.
        configuration : mapping
            Everything needed to run it again; must be representable in JSON.
        citations : sequence of str
            DOI or arXiv identifiers.
        seeds : sequence of int
            One for each position along the axis ``seed``.
        attributes : mapping, optional
            Further root attributes: ``version_jax``, ``git_commit``, ``device``, ``host_cores``, ...
        overwrite : bool
            Replace a file that is there (at the first commit, as a whole).

        Raises
        ------
        TraceError
            If the file exists, is being written, or cannot be written.
        """
        path, writer = resolved(path), None
        lock = FileLock(path)
        try:
            if path.exists():
                if not overwrite:
                    raise TraceError(f"{path} exists already; choose another name or allow it to be overwritten")
                with contextlib.suppress(
                    TraceError, OSError
                ):  # whole, should the power fail before the new one is there
                    repair(path)
                path.with_name(path.name + COMPANIONS[0]).unlink(missing_ok=True)  # the checkpoint of the run before
                sync_folder(path)
            writer = cls(path, lock, AtomicFile(path, new=True, announce=lock.count), "w")
            writer.set(
                format=FORMAT, format_version=FORMAT_VERSION, id=uuid.uuid4().hex, status="running", created=now()
            )
            writer.set(experiment=experiment, citations=list(citations), seeds=np.asarray(seeds, "i8"))
            writer.set(configuration=dict(configuration), **versions(), **(attributes or {}))
            for name, (dtype, units, long_name) in EVENT_COLUMNS.items():
                writer.declare(f"events/{name}", ("event",), (None,), units=units, long_name=long_name, dtype=dtype)
            writer.commit()
            lock.hold(path)
        except OSError as error:
            (writer._release if writer else lock.release)()
            raise WriteError(f"cannot write {path}: {error.strerror or error}") from None
        except BaseException:
            (writer._release if writer else lock.release)()
            raise
        return writer

    @classmethod
    @uninterrupted()
    def resume(cls, path: str | Path, *, lengths: Mapping[str, int]) -> TraceWriter:
        """Go on with a trace from a checkpoint.

        Parameters
        ----------
        path : str or Path
            An existing trace.
        lengths : mapping
            What `lengths` said when the checkpoint was made: every growing dataset is cut back to it, and to nothing
            where it is not named.

        Raises
        ------
        TraceError
            If the file is no trace, is being written, or is shorter than the checkpoint.
        """
        path, writer = resolved(path), None
        if not path.exists():
            open_trace(path)  # says in one line that there is nothing
        lock = FileLock(path)
        try:
            open_trace(path).close()  # refuses what is no trace
            writer = cls(path, lock, AtomicFile(path, new=False, announce=lock.count), "r+")
            with one_line(path):
                datasets.truncate(writer._h5, lengths)
                writer._h5.attrs.pop("finished", None)
            writer.set(status="running", format_version=FORMAT_VERSION)
            writer.commit()
        except BaseException:
            (writer._release if writer else lock.release)()
            raise
        return writer

    # --- what was run

    @property
    def id(self) -> str:
        """Random identifier of the file."""
        return str(self._h5.attrs["id"])

    @uninterrupted()
    def set(self, **attributes: Any) -> None:
        """Set root attributes; mappings are stored as JSON."""
        status = attributes.get("status", "running")
        if status not in STATUSES:
            raise TraceError(f"status {status!r} is none of {', '.join(STATUSES)}{nearest(status, STATUSES)}")
        for name, value in attributes.items():
            self._h5.attrs[name] = as_attribute(value)

    @uninterrupted()
    def populations(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Describe each population of the circuit by a mapping: name, size, kind, blocks and whatever else there is."""
        datasets.table(self._h5, "population", rows)

    @uninterrupted()
    def projections(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Describe each projection by a mapping: name, pre, post, kind, plastic, sign, density and more."""
        datasets.table(self._h5, "projection", rows)

    # --- what was recorded

    @uninterrupted()
    def declare(
        self,
        name: str,
        dims: Sequence[str],
        shape: Sequence[int | None],
        *,
        units: str,
        long_name: str,
        dtype: str = "f8",
        coords: Mapping[str, Any] | None = None,
        compression: str | None = None,
    ) -> None:
        """Declare a dataset that grows along one axis; a second, equal declaration (after `resume`) changes nothing.

        Parameters
        ----------
        name : str
            Path such as ``learning/loss`` or ``weights/V1/W_rec``.
        dims : sequence of str
            Names of the axes. Datasets of one group share the axes that have the same name, and then the same length.
        shape : sequence of int or None
            Length of each axis; None for the one that grows.
        units, long_name : str
            Units and meaning of the values.
        dtype : str
            NumPy type, or ``"str"``.
        coords : mapping, optional
            Coordinates of fixed axes: values, or ``(values, units, long_name)``. Default: the seeds along ``seed``,
            else 0, 1, 2, ...
        compression : {None, "gzip", "none"}
            None: gzip for weights and integers, nothing for other floats.
        """
        datasets.declare(self._h5, name, dims, shape, units, long_name, dtype, coords, compression)

    @uninterrupted()
    def append(self, name: str, values: Any, at: Any) -> None:
        """Add values at new places of the growing axis.

        Parameters
        ----------
        name : str
            A declared dataset.
        values : array_like
            Shape of the dataset, with the number of new places along the growing axis.
        at : array_like
            Where along the growing axis: epochs or update numbers, increasing. Datasets of a group share the axis;
            where one of them has no value for a place of another, it holds NaN (floats only).
        """
        datasets.append(self._h5, name, values, at)

    @uninterrupted()
    def append_rows(self, group: str, columns: Mapping[str, Any]) -> None:
        """Add rows to a table, one column ``[row]`` by name for each dataset declared in it (events, spikes)."""
        datasets.append_rows(self._h5, group, columns)

    @uninterrupted()
    def constant(
        self,
        name: str,
        array: Any,
        dims: Sequence[str],
        units: str,
        long_name: str,
        coords: Mapping[str, Any] | None = None,
        *,
        replace: bool = False,
    ) -> None:
        """Store an array once (masks, cell types, tables); storing the same again, after `resume`, changes nothing.

        Other values, in the same shape, take the place of the old ones with ``replace`` only.
        """
        datasets.constant(self._h5, name, array, dims, units, long_name, coords, replace)

    @uninterrupted()
    def event(self, *, kind: str, description: str, update: int = -1, time_ms: float = np.nan, phase: str = "") -> None:
        """Note an intervention or a change of phase.

        Parameters
        ----------
        kind : str
            For example ``"intervention"`` or ``"phase"``.
        description : str
            What happened.
        update : int
            Number of weight updates so far.
        time_ms : float
            Time since the onset of the trial, in ms.
        phase : str
            Phase of the protocol.
        """
        row = {"update": update, "time_ms": time_ms, "kind": kind, "phase": phase, "description": description}
        self.append_rows("events", {name: [value] for name, value in row.items()})

    # --- growing and committing

    @uninterrupted()
    def lengths(self) -> dict[str, int]:
        """Length of every growing dataset along its growing axis: what a checkpoint must remember."""
        return {name: self._h5[name].shape[axis] for name, axis in datasets.growing(self._h5).items()}

    @uninterrupted()
    def commit(self) -> None:
        """Bring everything so far to the disk, all or nothing.

        Raises
        ------
        TraceError
            If the disk refuses; the file stays as it was after the last commit, and `commit` may be called again.
        """
        datasets.level(self._h5)
        self._h5.flush()
        self._stream.commit()

    @uninterrupted()
    def close(self, status: str = "complete") -> None:
        """Commit, mark how the run ended, and let others write the file.

        Raises
        ------
        TraceError
            If the last commit fails: the file then holds what was committed before, and the status "failed".
        """
        if not self._release.alive:
            return
        try:
            self.set(status=status, finished=now())
            self.commit()
            self._stream.seal()
        except Exception:
            self._last_word("failed" if status == "complete" else status)
            raise
        finally:
            self._release()

    def _last_word(self, status: str) -> None:
        """Drop what cannot be written, and say how the run ended, with the bytes that the lock kept for this."""
        with contextlib.suppress(Exception):
            self._stream.require_same_file()
            self._lock.spare()
            with AtomicFile(self.path, new=False, announce=self._lock.count) as stream:
                with h5py.File(stream, "r+", libver=LIBVER) as h5:
                    h5.attrs.update(status=status, finished=now())
                stream.commit()

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        status = "complete" if kind is None else "stopped" if issubclass(kind, KeyboardInterrupt) else "failed"
        with contextlib.suppress(TraceError) if kind else contextlib.nullcontext():
            self.close(status)


def _release(h5: h5py.File, stream: AtomicFile, lock: FileLock) -> None:
    """Let go of everything; what has not been committed is dropped."""
    h5.close()
    stream.close()
    lock.release()
