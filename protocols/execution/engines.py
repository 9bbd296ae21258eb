"""Executors by name: ``pool:8``, ``dask``, ``dask://host:8786``, ``dask-slurm``, ``mpi``; SLURM itself has none."""

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from biocredit.circuits.core.errors import CircuitError, nearest
from biocredit.protocols.execution.pool import Pool, without_ctrl_c


class EngineError(CircuitError):
    """An engine is unknown, not installed or cannot be reached; the message is one line."""


#: Seconds that a scheduler has to answer.
SECONDS = 10

#: Threads and devices of every job that runs beside others: one, unless the user says otherwise; the last bits of the
#: results depend on them.
ALIKE = ("NPROC", "JAX_NUM_CPU_DEVICES")


@dataclass(frozen=True)
class Resources:
    """What a job may use.

    Parameters
    ----------
    workers
        Processes at a time.
    partition, time, gpus, memory
        As SLURM has them; its own defaults where they are empty.
    limit
        Tasks of an array at a time; all by default.
    """

    workers: int = 1
    partition: str = ""
    time: str = ""
    gpus: int = 0
    memory: str = ""
    limit: int = 0


@contextmanager
def executor(engine: str, resources: Resources) -> Iterator[Executor | None]:
    """Open the executor of an engine; ``None`` stands for this process.

    Raises
    ------
    EngineError
        If there is no such engine, it is not installed, or its scheduler cannot be reached.
    """
    name, _, where = engine.partition(":")
    if name not in ENGINES:
        raise EngineError(f"unknown engine {engine!r}: {nearest(name, [*ENGINES, 'slurm'])}")
    if (name, where, resources.workers) != ("pool", "", 1):
        os.environ.update({variable: os.environ.get(variable, "1") for variable in ALIKE})
    with ENGINES[name](where, resources) as opened:
        yield opened


def _pool(where: str, resources: Resources) -> Any:
    count = _whole(where, "pool") if where else resources.workers
    if count == 1 and not where:
        return nullcontext(None)
    return Pool(count)


def _whole(text: str, engine: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= 1000:
        raise EngineError(f"{engine}:{text}: wanted a number of processes from 1 to 1000, such as {engine}:4")
    return int(text)


@contextmanager
def _dask(where: str, resources: Resources) -> Iterator[Executor]:
    distributed = _installed("distributed", "dask")
    if where:
        with _client(distributed, f"tcp:{where}") as opened:
            yield opened
        return
    local = {"threads_per_worker": 1, "processes": True, "dashboard_address": None, "host": "127.0.0.1"}
    with without_ctrl_c():
        cluster = distributed.LocalCluster(n_workers=resources.workers, silence_logs=logging.CRITICAL, **local)
    with cluster, _client(distributed, cluster) as opened:
        yield opened


@contextmanager
def _dask_slurm(where: str, resources: Resources) -> Iterator[Executor]:
    distributed, jobqueue = _installed("distributed", "dask"), _installed("dask_jobqueue", "dask")
    asked = {"queue": resources.partition or None, "walltime": resources.time or None}
    settings = {"cores": 1, "processes": 1, "memory": resources.memory or "4GB"}
    with jobqueue.SLURMCluster(**settings, **{name: one for name, one in asked.items() if one}) as cluster:
        cluster.scale(jobs=resources.workers)
        with _client(distributed, cluster) as opened:
            yield opened


@contextmanager
def _client(distributed: Any, address: Any) -> Iterator[Executor]:
    try:
        client = distributed.Client(address, timeout=SECONDS)
    except (OSError, ValueError, TimeoutError) as failure:
        raise EngineError(f"no Dask scheduler answers at {address}: {type(failure).__name__}") from None
    with client:
        yield client.get_executor(pure=False, retries=2)


@contextmanager
def _mpi(where: str, resources: Resources) -> Iterator[Executor]:
    futures = _installed("mpi4py.futures", "mpi")
    with futures.MPIPoolExecutor() as opened:
        yield opened


def _installed(module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise EngineError(f"{module.partition('.')[0]} is not installed: pip install 'biocredit[{extra}]'") from None


#: What makes the executor of each engine.
ENGINES: dict[str, Callable[[str, Resources], Any]] = {
    "pool": _pool,
    "dask": _dask,
    "dask-slurm": _dask_slurm,
    "mpi": _mpi,
}
