"""SLURM: a folder with ``jobs.json`` and a plain array script, which a lab can read, submit and submit again.

Each task goes on from its checkpoint; one that is stopped by a signal puts itself back into the queue (exit status 75).
"""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from biocredit.protocols.execution.engines import EngineError, Resources
from biocredit.protocols.execution.folder import write_jobs
from biocredit.protocols.execution.job import Job

#: What lies beside the jobs: the script, and the numbers of the arrays that were submitted.
ARRAY, SUBMITTED = "array.sh", "submitted.txt"

SCRIPT = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array={tasks}{limit}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%a.log
#SBATCH --signal=B:TERM@60
{options}\
# Every task has the same number of threads and devices: results depend on them in the last bits.
export NPROC=${{SLURM_CPUS_PER_TASK:-1}} JAX_NUM_CPU_DEVICES=1 XLA_PYTHON_CLIENT_PREALLOCATE=false
exec {python} -m biocredit.protocols.cli work . "$SLURM_ARRAY_TASK_ID"
"""


def write(folder: Path, jobs: Sequence[Job], resources: Resources) -> tuple[Path, int]:
    """Write ``jobs.json``, and ``array.sh`` for the jobs that are neither complete nor in the queue.

    Returns
    -------
    tuple
        The script, and for how many jobs it is.
    """
    states = [job.state() for job in jobs]
    numbers, queued, script = write_jobs(folder, jobs), waiting(folder), folder / ARRAY
    due = [one for one, state in zip(numbers, states, strict=True) if state != "complete" and one not in queued]
    if due:
        script.write_text(text(folder.resolve().name, due, resources))
    return script, len(due)


def text(name: str, tasks: Sequence[int], resources: Resources) -> str:
    """Return the array script of the jobs with these numbers."""
    given = {"partition": resources.partition, "time": minutes(resources.time), "mem": resources.memory}
    given["gpus-per-task"] = str(resources.gpus or "")
    options = "".join(f"#SBATCH --{option}={shlex.quote(value)}\n" for option, value in given.items() if value)
    limit = f"%{resources.limit}" if resources.limit else ""
    words = {"name": shlex.quote(name), "tasks": ranges(tasks), "python": shlex.quote(sys.executable)}
    return SCRIPT.format(**words, limit=limit, options=options)


def ranges(numbers: Sequence[int]) -> str:
    """Write whole numbers as SLURM reads them.

    Examples
    --------
    >>> ranges([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    runs = [[number for _, number in run] for _, run in groupby(enumerate(sorted(numbers)), lambda p: p[1] - p[0])]
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def minutes(time: str) -> str:
    """Turn ``4h``, ``2d`` or ``90m`` into minutes; what SLURM itself reads stays.

    Examples
    --------
    >>> minutes("4h"), minutes("1-12:00:00")
    ('240', '1-12:00:00')
    """
    factors = {"m": 1, "h": 60, "d": 24 * 60}
    if time[-1:] in factors:
        if not time[:-1].isdigit():
            raise EngineError(f"--time {time}: wanted 90m, 4h, 2d or what SLURM reads")
        return str(int(time[:-1]) * factors[time[-1]])
    return time


def submit(script: Path) -> str:
    """Hand the script to SLURM; return the number of the array.

    Raises
    ------
    EngineError
        If SLURM is not there, or refuses.
    """
    if shutil.which("sbatch") is None:
        raise EngineError("there is no sbatch here: SLURM is not installed, or this is not one of its login nodes")
    command = ["sbatch", "--parsable", script.name]
    done = subprocess.run(command, cwd=script.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EngineError(f"SLURM refuses: {' '.join(done.stderr.split())}")
    number = done.stdout.strip().partition(";")[0]
    with open(script.parent / SUBMITTED, "a") as file:
        file.write(f"{number}\n")
    return number


def waiting(folder: Path) -> dict[int, bool]:
    """Say which jobs of a folder SLURM has now, by number: True for those that wait, False for those that run."""
    file = folder / SUBMITTED
    if not file.is_file() or shutil.which("squeue") is None:
        return {}
    ours = set(file.read_text().split())
    asked = ["squeue", "--noheader", "--array", "--format=%F %K %T"]
    lines = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.splitlines()
    tasks = [line.split() for line in lines]
    return {int(one[1]): one[2] not in RUNNING for one in tasks if len(one) == 3 and one[0] in ours}


#: States in which SLURM has begun a task.
RUNNING = ("RUNNING", "COMPLETING")


def requeue(environment: Mapping[str, str]) -> None:
    """Put this task (not its array: that would stop its siblings) back into the queue."""
    array, task = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
    if array and task:
        subprocess.run(["scontrol", "requeue", f"{array}_{task}"], check=False)
