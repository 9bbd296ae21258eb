"""On which machine and with which programs something runs."""

import os
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
from biocredit.circuits.core.backend import threads

PACKAGES = ("jax", "jaxlib", "brainpy", "brainstate", "optax", "biocredit")


def surroundings() -> dict[str, Any]:
    """Describe the machine and the programs for the trace."""
    found = {f"version_{package}": version(package) for package in PACKAGES}
    return found | {"device": jax.devices()[0].device_kind, "host_cores": os.cpu_count() or 1, "git_commit": commit()}


def arithmetic() -> dict[str, Any]:
    """What the last bits of a result depend on: kind of device, threads of the processor (one a device at least)."""
    return {"platform": jax.default_backend(), "threads": max(threads(), len(jax.devices("cpu")))}


def commit() -> str:
    """Return the git commit of the source tree, empty where there is none."""
    where = Path(__file__).resolve().parent
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=where, capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else ""
