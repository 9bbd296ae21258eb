"""A real SLURM on this machine for a test: one node, everything on 127.0.0.1, in a temporary folder."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pwd import getpwnam

PROGRAMS = ("sbatch", "scontrol", "squeue", "slurmctld", "slurmd", "munged")

SETTINGS = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={next_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
ReturnToService=2
KillWait=5
MinJobAge=300
JobRequeue=1
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def lacking() -> str:
    """What this machine has not got for it; nothing if all is there."""
    if os.geteuid() != 0:
        return "starting a SLURM takes root"
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


@contextmanager
def running() -> Iterator[Path]:
    """Start the three daemons; hand on the configuration that ``SLURM_CONF`` should name."""
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp") as place:
        folder = Path(place)
        folder.chmod(0o755)
        for name in ("run", "state", "spool", "log", "munge"):
            (folder / name).mkdir(mode=0o755)
        configuration = folder / "slurm.conf"
        host, port = socket.gethostname().partition(".")[0], _free_ports()
        configuration.write_text(SETTINGS.format(host=host, folder=folder, port=port, next_port=port + 1))
        surroundings = os.environ | {"SLURM_CONF": str(configuration), "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
        try:
            _munge(folder, surroundings)
            for daemon in (["slurmctld", "-c"], ["slurmd"]):
                subprocess.run(daemon, env=surroundings, check=True, capture_output=True)
            _until_idle(surroundings, folder)
            yield configuration
        finally:
            _stop(folder)


def _free_ports() -> int:
    """A port that is free together with the next one."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                other.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def _munge(folder: Path, surroundings: dict[str, str]) -> None:
    place, owner = folder / "munge", getpwnam("munge")
    (place / "munge.key").write_bytes(secrets.token_bytes(128))
    (place / "munge.key").chmod(0o400)
    for path in (place, place / "munge.key"):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    files = {"socket": "socket", "key-file": "munge.key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    options = [f"--{option}={place / name}" for option, name in files.items()]
    command = ["munged", *options, "--origin=127.0.0.1"]
    user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    subprocess.run(command, env=surroundings, check=True, capture_output=True, cwd="/", **user)


def _until_idle(surroundings: dict[str, str], folder: Path) -> None:
    deadline = time.monotonic() + 60
    state = ""
    while "idle" not in state:
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"SLURM does not come up: {state} {(folder / 'log' / 'slurmctld.log').read_text()[-2000:]}"
            )
        time.sleep(0.2)
        asked = ["sinfo", "--noheader", "--format=%T"]
        state = subprocess.run(asked, env=surroundings, capture_output=True, text=True, check=False).stdout


def _stop(folder: Path) -> None:
    pids = [folder / "run" / "slurmd.pid", folder / "run" / "slurmctld.pid", folder / "munge" / "pid"]
    for file in [file for file in pids if file.is_file()]:
        pid = int(file.read_text())
        os.kill(pid, 15)
        deadline = time.monotonic() + 20
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
