"""Progress of many runs in one place: a table in a terminal, a bar in a notebook, lines anywhere else."""

import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from biocredit.protocols.execution.status import row
from tqdm.auto import tqdm

#: Seconds between two looks at the traces.
LOOK_EVERY = 2.0
#: Runs in progress that are shown at most.
SHOWN = 20


class Board:
    """A line for every run that is done.

    Parameters
    ----------
    paths
        Traces of the runs.
    say
        Called with every line.
    """

    def __init__(self, paths: Sequence[Path], say: Callable[[str], None]):
        self.paths, self.say, self.states = list(paths), say, {}

    def done(self, path: str, state: str, reason: str) -> None:
        """Say what became of a run."""
        self.states[path] = state
        self.say(f"[{len(self.states)}/{len(self.paths)}] {path}: {state}" + f": {reason}" * bool(reason))

    def look(self) -> None:
        """Show how far the runs are, where that can be shown in place."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        """Leave the last state."""


class Table(Board):
    """A table of the runs in progress that is written over itself, below a line for every run that is done."""

    _shown, _last = 0, 0.0

    def done(self, path: str, state: str, reason: str) -> None:
        """Say what became of a run, above the table."""
        self._clear()
        super().done(path, state, reason)

    def look(self) -> None:
        """Write the table again if it is time."""
        if time.monotonic() - self._last < LOOK_EVERY:
            return
        self._last = time.monotonic()
        begun = [row(path) for path in self.paths if str(path) not in self.states and path.exists()]
        running = [one for one in begun if one[1] == "running"]
        to_come = len(self.paths) - len(self.states) - len(running)
        counts = Counter(self.states.values()) | Counter({"running": len(running), "to come": to_come})
        lines = [", ".join(f"{count} {state}" for state, count in counts.items() if count)]
        lines += [f"  {name}  epoch {epoch}" + f", {left} left" * bool(left) for name, _, epoch, left, _ in running]
        self._clear()
        width = shutil.get_terminal_size().columns - 1
        lines = [line[:width] for line in lines[: SHOWN + 1]]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        self._shown = len(lines)

    def __exit__(self, *failure: object) -> None:
        """Take the table away."""
        self._clear()

    def _clear(self) -> None:
        if self._shown:
            sys.stdout.write(f"\x1b[{self._shown}F\x1b[J")
        self._shown = 0


class Bar(Board):
    """A bar of runs, with a line for each that did not end well."""

    def __enter__(self) -> Self:
        self._bar = tqdm(total=len(self.paths), unit="run")
        return self

    def done(self, path: str, state: str, reason: str) -> None:
        """Count a run."""
        self.states[path] = state
        self._bar.set_postfix(Counter(self.states.values()), refresh=False)
        self._bar.update()
        if state != "complete":
            self._bar.write(f"{path}: {state}: {reason}")

    def __exit__(self, *failure: object) -> None:
        """End the bar."""
        self._bar.close()


def board_for(paths: Sequence[Path], say: Callable[[str], None], together: bool) -> Board:
    """Choose what suits where standard output goes.

    Parameters
    ----------
    together
        Whether several runs are in progress at a time; one alone shows its own progress.
    """
    if together and "ipykernel" in sys.modules:
        return Bar(paths, say)
    return Table(paths, say) if together and sys.stdout.isatty() else Board(paths, say)
