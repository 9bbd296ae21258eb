"""Tasks: what is shown to a circuit and what is asked of it.

Every lower-case name here is a factory that returns a :class:`protocols.tasks.task.Task`. Names are looked up when they
are first used, so that the data commands work without JAX.
"""

from importlib import import_module
from typing import Any

#: Where each public name lives.
HOME = {
    "Task": "task",
    "ImageTask": "task",
    "joint": "task",
    "digits": "image_sets",
    "mnist": "image_sets",
    "fashion_mnist": "image_sets",
    "cifar10": "image_sets",
    "images": "image_sets",
    "as_maps": "wrapped",
    "reproduce": "wrapped",
    "passes": "wrapped",
    "gabor_2afc": "orientation",
    "delayed_xor": "temporal",
    "variable_delay": "delays",
    "pattern_generation": "temporal",
    "pixel_by_pixel": "temporal",
    "pixel_mnist": "temporal",
}


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"no task {name!r}: valid are {', '.join(sorted(HOME))}")
    return getattr(import_module(f"protocols.tasks.{HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(HOME)
