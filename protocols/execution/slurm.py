"""SLURM: a folder with ``jobs.json`` and a plain array script, which a lab can read, submit and submit again.

Each task goes on from its checkpoint; one that is stopped by a signal puts itself back into the queue (exit status 75).
"""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from biocredit.protocols.execution.engines import EngineError, Resources
from biocredit.protocols.execution.job import Job

SCRIPT = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}{limit}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%a.log
#SBATCH --signal=B:TERM@60
{options}\
# Every task has the same number of threads: results depend on it in the last bits.
export NPROC=${{SLURM_CPUS_PER_TASK:-1}} XLA_PYTHON_CLIENT_PREALLOCATE=false
exec {python} -m biocredit.protocols.cli work . "$SLURM_ARRAY_TASK_ID"
"""


def write(folder: Path, jobs: Sequence[Job], resources: Resources) -> Path:
    """Write ``jobs.json`` and ``array.sh`` into a folder; return the script."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = [{**job.plain(), "path": str(job.path.resolve())} for job in jobs]
    (folder / "jobs.json").write_text(json.dumps(plain, indent=1))
    script = folder / "array.sh"
    script.write_text(text(folder.name or "biocredit", len(jobs), resources))
    return script


def text(name: str, count: int, resources: Resources) -> str:
    """Return the array script of so many jobs."""
    given = {"partition": resources.partition, "time": minutes(resources.time), "mem": resources.memory}
    given["gpus-per-task"] = str(resources.gpus or "")
    options = "".join(f"#SBATCH --{option}={shlex.quote(value)}\n" for option, value in given.items() if value)
    limit = f"%{resources.limit}" if resources.limit else ""
    python = shlex.quote(sys.executable)
    return SCRIPT.format(name=shlex.quote(name), last=count - 1, limit=limit, options=options, python=python)


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
    return done.stdout.strip().partition(";")[0]


def requeue(environment: dict[str, str]) -> None:
    """Put this task (not its array: that would stop its siblings) back into the queue."""
    array, task = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
    if array and task:
        subprocess.run(["scontrol", "requeue", f"{array}_{task}"], check=False)


def jobs_in(folder: Path) -> list[Job]:
    """Read the jobs of a folder.

    Raises
    ------
    EngineError
        If none were written there.
    """
    file = folder / "jobs.json"
    if not file.is_file():
        raise EngineError(f"{folder} holds no jobs.json: it is no folder of 'biocredit sweep ... --on slurm'")
    return [Job.from_plain(one) for one in json.loads(file.read_text())]
