"""kill -9: random moments of a run that commits as fast as it can, each time resumed from what it had reported."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

UNIT = Path(__file__).parents[1] / "unit"
PROGRAM = f"""
import sys
sys.path.insert(0, {str(UNIT)!r})
from pathlib import Path
from trace_crash_case import *
path, done = Path(sys.argv[1]), int(sys.argv[2])
growing = ("learning/loss", "weights/W", "activity/V1/rate")
names = lambda: dict.fromkeys((*growing, *(f"events/{{column}}" for column in open_trace(path).events)), done)
writer = TraceWriter.resume(path, lengths=names()) if done else start(path)
declare(writer)
for number in range(done + 1, 10**6):
    epoch(writer, number)
    writer.commit()
    print(number, flush=True)
"""


def main(count: int = 300) -> list[tuple[str, str, str, bool]]:
    """Kill `count` times; the row of the table."""
    sys.path.insert(0, str(UNIT))
    from trace_crash_case import holds

    chance, done, lost = random.Random(0), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        for _ in range(count):
            command = [sys.executable, "-c", PROGRAM, str(path), str(done)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            done = int(process.stdout.readline())
            time.sleep(chance.uniform(0, 0.05))
            process.kill()
            reported = process.stdout.read().split()
            process.wait()
            done = int(reported[-1]) if reported else done
            lost += not done <= holds(path) <= done + 1
    return [(f"kill -9 of a writer at {count} moments: epochs lost or torn", "0", str(lost), lost == 0)]
