"""Files of strangers: what a file contains is looked at link by link before anything in it is followed.

A trace consists of groups and datasets that lie in the file itself, hold plain numbers or text, and are packed with
what HDF5 always has. Links to other places or files, raw data outside the file and everything else are refused before
HDF5 touches them; sizes are compared with the memory that there is before anything is allocated.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
from biocredit.analysis.trace.schema import TraceError

LARGE, DENSEST = 2**26, 1100  # bytes from which sizes are looked at; more than this no compression achieves
DEEPEST = 12  # groups in groups
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}


def foreign_parts(h5: h5py.File) -> Iterator[str]:
    """Say in one line each what no trace contains and what is not to be followed."""
    yield from _below(h5["/"], set(), 0)


def _below(group: h5py.Group, seen: set[int], depth: int) -> Iterator[str]:
    for name in group:
        where = f"{group.name.rstrip('/')}/{name}"
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            yield f"{where}: is a link to another place ({type(link).__name__}), which is not followed"
            continue
        kind = group.get(name, getclass=True)
        if kind not in (h5py.Group, h5py.Dataset):
            yield f"{where}: is neither a group nor a dataset"
            continue
        node = group[name]
        place = h5py.h5o.get_info(node.id).addr
        if place in seen or depth > DEEPEST:
            yield f"{where}: " + ("is reached under two names" if place in seen else "lies too deep")
            continue
        seen.add(place)
        yield from _below(node, seen, depth + 1) if kind is h5py.Group else _dataset(node)


def _dataset(node: h5py.Dataset) -> Iterator[str]:
    plan = node.id.get_create_plist()
    if plan.get_layout() == h5py.h5d.VIRTUAL or plan.get_external_count():
        yield f"{node.name}: its data lie in other files, which are not read"
        return
    for number in range(plan.get_nfilters()):
        if plan.get_filter(number)[0] not in FILTERS:
            yield f"{node.name}: is packed in a way that no trace uses"
            return
    try:
        kind = node.dtype
    except TypeError:
        kind = None
    if kind is None or not ((kind.kind in "iufS" and kind.shape == ()) or h5py.check_string_dtype(kind)):
        yield f"{node.name}: holds neither numbers nor text"


def memory_left() -> int:
    """Bytes that this process can still have, as far as the system says."""
    found = [2**63]
    with contextlib.suppress(OSError, ValueError, StopIteration), open("/proc/meminfo") as lines:
        found.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    with contextlib.suppress(OSError, ValueError, ImportError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            found.append(max(0, limit - used))
    return min(found)


def require_room(node: h5py.Dataset, shape: tuple[int, ...]) -> None:
    """Refuse to read more than fits into memory, and what is declared to be large and hardly stored.

    Parameters
    ----------
    node
        The dataset.
    shape
        Of the part that is to be read.

    Raises
    ------
    TraceError
        With both sizes.
    """
    name, kind = node.name[1:], node.dtype
    needed = int(np.prod([float(size) for size in shape])) * (64 if kind.kind == "O" else kind.itemsize)
    if needed < LARGE:
        return
    if needed > DENSEST * ((stored := node.id.get_storage_size()) + 2**16):
        raise TraceError(f"{name} declares {needed / 2**30:.1f} GiB and holds {stored} bytes: read a part of it")
    left = memory_left()
    if needed > left:
        raise TraceError(
            f"{name} takes {needed / 2**30:.1f} GiB, and there is memory for {left / 2**30:.1f} GiB: read a part of it"
        )


@contextlib.contextmanager
def one_line(path: Path) -> Iterator[None]:
    """Turn whatever HDF5 and NumPy raise over the content of a file into one line with the name of the file.

    Raises
    ------
    TraceError
        In place of everything else, but for a file that is not there.
    """
    try:
        yield
    except (TraceError, FileNotFoundError, AssertionError):
        raise
    except MemoryError:
        raise TraceError(f"{path} asks for more memory than there is") from None
    except Exception as error:
        text = " ".join(str(error).split())[:200] or type(error).__name__
        raise TraceError(f"{path} is damaged or no trace: {text}") from error


def in_parts(node: h5py.Dataset, length: int = 2**18) -> Iterator[np.ndarray]:
    """The values of a dataset of one axis, part by part, each beginning with the last value of the one before."""
    for start in range(0, node.shape[0], length):
        yield node[max(0, start - 1) : start + length]


def any_part(node: h5py.Dataset, test: Callable[[np.ndarray], bool]) -> bool:
    """Whether a test is true of some part of a dataset of one axis; reading stops at the first."""
    return any(test(part) for part in in_parts(node))
