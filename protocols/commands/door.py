"""The door of every command: whatever a user's file or setting raises becomes one line and an exit status."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from biocredit.analysis.trace.schema import TraceError
from biocredit.analysis.trace.storage.durable import WriteError
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols.datasets.formats import DataError

#: Exit statuses: 0 complete; these; 130 after Ctrl-C.
FAILED, BAD_INPUT, TRY_AGAIN, INTERRUPTED = 1, 2, 75, 130

#: Set to see where a defect of the program itself lies.
TRACEBACK = "BIOCREDIT_TRACEBACK"

#: What HDF5, JSON, NumPy and Pillow raise on files that somebody else made.
STRANGE = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, RuntimeError, AttributeError, EOFError)


class Failed(Exception):
    """A run began and failed."""


def guarded(command: Callable[[], int], name: str, files: tuple[str, ...] = ()) -> int:
    """Do a command; return its exit status.

    Parameters
    ----------
    command
        What to do.
    name
        Its name.
    files
        Files of the user's that it reads: what goes wrong in them is bad input, whatever it is.
    """
    try:
        return command()
    except (Failed, WriteError) as failure:
        return complain(name, str(failure), FAILED)
    except (CircuitError, DataError, TraceError) as refusal:
        return complain(name, str(refusal), BAD_INPUT)
    except KeyboardInterrupt as stopped:
        return complain(name, str(stopped) or "interrupted", INTERRUPTED)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else TRY_AGAIN
    except OSError as refusal:
        where = f"{refusal.filename}: " if refusal.filename else _of(files)
        return complain(name, f"{where}{refusal.strerror or refusal}", BAD_INPUT)
    except MemoryError as failure:
        return complain(name, f"{_of(files)}not enough memory: {failure}", BAD_INPUT)
    except STRANGE as failure:
        if os.environ.get(TRACEBACK):
            raise
        if files:
            return complain(name, f"{_of(files)}cannot be read: {type(failure).__name__}: {failure}", BAD_INPUT)
        what = f"{type(failure).__name__}: {failure}; a defect of biocredit ({TRACEBACK}=1 shows where)"
        return complain(name, what, FAILED)


def _of(files: tuple[str, ...]) -> str:
    return f"{', '.join(files)}: " if files else ""


def complain(name: str, message: str, status: int) -> int:
    """Print one line; return the exit status."""
    line = " ".join(message.split())
    shown = "".join(letter if letter.isprintable() else "?" for letter in line)
    say(f"biocredit {name}: {shown[:1000]}", sys.stderr)
    return status


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line, by default to standard output; nobody may hear it any more (a closed terminal)."""
    stream = stream or sys.stdout
    try:
        print(line, file=stream, flush=True)
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
