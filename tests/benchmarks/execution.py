"""Two workers against one, on a pool and on Dask; seeds over cores; overhead of a job.

Every process has one thread. Wall time means something on an idle machine only: the processor time that each part took
is printed beside it, and the machine's load.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.timing import row

POINTS = 12
SETTINGS = {"circuit.neurons": "128", "task.train": "1000", "task.test": "100", "run.seeds": 1, "run.epochs": 30}

SEEDS = """
import sys, time, resource
from biocredit.circuits import ModularRNN
from biocredit.protocols import TwoPhase, tasks
task = tasks.digits()
net = ModularRNN.chain(task, regions=2, neurons=64)
run = TwoPhase(net, task, seeds=8, devices=int(sys.argv[1])).train(1, progress=False)
wall, used = time.perf_counter(), time.process_time()
run.train(int(sys.argv[2]), progress=False)
print(run.networks.devices, time.perf_counter() - wall, time.process_time() - used)
"""


def lines() -> Iterator[str]:
    """Measure; print ratios."""
    yield f"  load of the machine before: {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores"
    yield from _seeds()
    for engine in ("pool", "dask"):
        yield from _sweep(engine)


def _seeds(epochs: int = 20) -> Iterator[str]:
    took = {}
    for devices in (1, 2):
        surroundings = os.environ | {"NPROC": "2", "XLA_FLAGS": ""}
        command = [sys.executable, "-c", SEEDS, str(devices), str(epochs)]
        done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=True)
        took[devices] = [float(word) for word in done.stdout.split()[-2:]]
    (one, one_used), (two, two_used) = took[1], took[2]
    yield row("8 seeds of a small network: 1 device / 2 devices, wall time", one / two, ">= 1.8 on two idle cores")
    yield row("   processor time, 1 device / 2 devices", one_used / two_used, "1: no work is added")
    yield row("   cores kept busy by 2 devices", two_used / two)


def _sweep(engine: str) -> Iterator[str]:
    took = {workers: _timed(engine, workers) for workers in (1, 2)}
    (one, one_used, alone), (two, two_used, _) = took[1], took[2]
    yield row(f"sweep of {POINTS} on {engine}: 1 worker / 2 workers, wall time", one / two, ">= 1.8 on two idle cores")
    yield row("   processor time, 1 worker / 2 workers", one_used / two_used, "1: no work is added")
    yield row("   cores kept busy by 2 workers", two_used / two)
    yield row("   seconds a job beyond the run itself, one worker", (one - alone) / POINTS, "< 5")


def _timed(engine: str, workers: int) -> tuple[float, float, float]:
    """Seconds of a sweep, of processor time in it, and of the runs themselves."""
    from biocredit.protocols.execution.engines import Resources, executor
    from biocredit.protocols.execution.perform import perform

    with tempfile.TemporaryDirectory() as folder:
        made, used = _jobs(Path(folder)), _used_by_children()
        began = time.perf_counter()
        with executor(f"pool:{workers}" if engine == "pool" else engine, Resources(workers=workers)) as opened:
            outcomes = perform(made, opened, say=lambda line: None)
        seconds = time.perf_counter() - began
        assert all(one.state == "complete" for one in outcomes), outcomes
        alone = sum(_seconds_of(job.path) for job in made)
    return seconds, _used_by_children() - used, alone


def _jobs(folder: Path) -> list:
    from biocredit.protocols.execution.job import Job
    from biocredit.protocols.experiments import find

    experiment, made = find("adjoint-propagation/demo"), []
    for number in range(POINTS):
        own = {**SETTINGS, "circuit.spectral_radius": 0.05 * (number + 1)}
        (configuration,) = experiment.configured(own).values()
        made.append(Job(experiment, "AP", configuration, folder / f"{number}.h5"))
    return made


def _seconds_of(path: Path) -> float:
    """Seconds between the beginning of a trace and its last change."""
    from datetime import datetime

    from biocredit.analysis import open_trace

    return path.stat().st_mtime - datetime.fromisoformat(open_trace(path).attributes["created"]).timestamp()


def _used_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
