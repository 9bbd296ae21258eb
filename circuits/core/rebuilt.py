"""Building again, in another process, what :mod:`biocredit.circuits.core.described` described."""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any

import jax
import numpy as np
import optax
from biocredit.circuits.core.described import Described, describe, found, is_described
from biocredit.circuits.core.errors import CircuitError

#: What a description may name of Python itself; of its other modules (``os``, ``subprocess``) nothing is looked up.
PLAIN = {f"builtins:{kind}" for kind in ("float", "int", "bool", "complex", "str", "abs", "max", "min", "sum")}


def rebuild(text: Any) -> Any:
    """Build again what :func:`describe` described.

    Raises
    ------
    CircuitError
        In one line, for what a description cannot hold (large arrays, functions without an importable name), what
        cannot be imported, and what is now built otherwise.

    Examples
    --------
    >>> rebuild(describe({"rates": (0.1, float("inf"))}))
    {'rates': (0.1, inf)}
    """
    if isinstance(text, list):
        return [rebuild(one) for one in text]
    if not isinstance(text, dict):
        return text
    kind = next((key for key in text if key.startswith("$")), None)
    if kind is None:
        return {key: rebuild(one) for key, one in text.items()}
    if kind not in _BACK:
        raise CircuitError(f"the trace does not hold {_what(kind, text)}: build the run in Python and call resume()")
    return _BACK[kind](text)


def _what(kind: str, text: Mapping[str, Any]) -> str:
    if kind == "$digest":
        return f"an array of shape {tuple(text['shape'])}"
    return f"{text[kind]}, which cannot be imported by name"


def _made_again(text: Mapping[str, Any]) -> Any:
    path, arguments = text["$made"], {name: rebuild(one) for name, one in text["with"].items()}
    maker = _imported(path)
    ours = isinstance(maker, type) and (issubclass(maker, Described | tuple) or is_dataclass(maker))
    steps = path.startswith(("optax.", "biocredit.circuits.core.optimizers:")) and inspect.isfunction(maker)
    if not (ours or steps or is_described(maker)):
        raise CircuitError(f"the trace asks to call {path}, which is no part of a run")
    more = arguments.pop("*", ())
    if more:  # what comes before them was given by position, too
        names = [name for name in inspect.signature(maker).parameters if name in arguments]
        first = [arguments.pop(name) for name in names[: list(text["with"]).index("*")]]
        return maker(*first, *more, **arguments)
    built = maker(**arguments)
    if steps and describe(built) != dict(text):
        raise CircuitError(f"the trace does not hold all arguments of {path}: build the run in Python")
    return built


def _imported(path: str) -> Any:
    module = path.partition(":")[0].partition(".")[0]
    if module in sys.stdlib_module_names and path not in PLAIN:
        raise CircuitError(f"the trace names {path}, which is no part of a run")
    thing = found(path)
    if thing is None:
        module, _, name = path.partition(":")
        raise CircuitError(f"cannot import {name} from {module}: is its file where Python looks?")
    return thing


def _array_again(text: Mapping[str, Any]) -> np.ndarray:
    values = [rebuild(one) for one in text["$array"]]
    return np.array(values, dtype=jax.numpy.dtype(text["dtype"])).reshape(text["shape"])


_BACK: dict[str, Callable[[Any], Any]] = {
    "$pairs": lambda text: {rebuild(key): rebuild(one) for key, one in text["$pairs"]},
    "$tuple": lambda text: tuple(rebuild(one) for one in text["$tuple"]),
    "$set": lambda text: {rebuild(one) for one in text["$set"]},
    "$float": lambda text: float(text["$float"]),
    "$dtype": lambda text: jax.numpy.dtype(text["$dtype"]),
    "$array": _array_again,
    "$range": lambda text: np.arange(*text["$range"], dtype=text["dtype"]),
    "$named": lambda text: _imported(text["$named"]),
    "$chain": lambda text: optax.chain(*(rebuild(one) for one in text["$chain"])),
    "$made": _made_again,
}
