"""Things that know with what they were built: described in JSON, and built again from that in another process.

What is described
-----------------
Plain values, lists, tuples, dictionaries, small arrays; dataclasses; objects of a class that is :class:`Described`
(circuits, tasks, protocols); what a function marked :func:`described` returned; functions and classes that can be
imported by name; optax transformations, by the name and arguments of the function that made them. Of large arrays a
digest is kept, of functions without an importable name the name and what they enclose: enough to compare two runs, not
to build one again.
"""

import hashlib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial, wraps
from importlib import import_module
from typing import Any

import numpy as np
import optax

#: Arrays up to this many numbers are described by their values.
WHOLE_ARRAY = 256

_WITH = "_built_with"
_MARKED = "_is_described"


class Described:
    """Base of classes whose objects note the arguments of their construction."""

    def __init_subclass__(cls, **keywords: Any):
        super().__init_subclass__(**keywords)
        if "__init__" in vars(cls):
            cls.__init__ = _noting(cls.__init__)


def _noting(init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def noting(self: Any, *given: Any, **named: Any) -> None:
        if _WITH not in vars(self):
            vars(self)[_WITH] = (type(self), _arguments(init, (self, *given), named, skip=1))
        init(self, *given, **named)

    return noting


def described(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let what a function returns be described by the function's name and arguments.

    Examples
    --------
    >>> class Box(Described):
    ...     def __init__(self, size):
    ...         self.size = size
    >>> describe(Box(3))["with"]
    {'size': 3}
    """

    @wraps(function)
    def noted(*given: Any, **named: Any) -> Any:
        made = function(*given, **named)
        vars(made)[_WITH] = (noted, _arguments(function, given, named))
        return made

    vars(noted)[_MARKED] = True
    return noted


def _arguments(function: Callable, given: tuple, named: dict, skip: int = 0) -> dict[str, Any]:
    """What was given, by name of the parameter; more of them under ``*``. What does not fit the call refuses."""
    try:
        bound = inspect.signature(function).bind(*given, **named)
    except TypeError:
        return {}
    found: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[skip:]:
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            found |= value
        else:
            found["*" if kind is inspect.Parameter.VAR_POSITIONAL else name] = value
    return found


# -- description ------------------------------------------------------------------------------------------------


def describe(value: Any) -> Any:
    """Return a description that JSON can hold."""
    for kind, how in _HOW.items():
        if isinstance(value, kind):
            return how(value)
    if hasattr(value, "__array__") and hasattr(value, "dtype"):
        return _array(value)
    if _WITH in getattr(value, "__dict__", {}):
        maker, arguments = vars(value)[_WITH]
        return _made(maker, arguments)
    if is_dataclass(value) and not isinstance(value, type):
        return _made(type(value), {one.name: getattr(value, one.name) for one in fields(value) if one.init})
    if callable(value) and hasattr(value, "__qualname__"):
        return _function(value)
    return {"$unknown": path_of(type(value))}


def _mapping(value: Mapping) -> Any:
    if all(isinstance(key, str) and not key.startswith("$") for key in value):
        return {key: describe(one) for key, one in value.items()}
    return {"$pairs": [[describe(key), describe(one)] for key, one in value.items()]}


def _tuple(value: tuple) -> Any:
    if isinstance(value, optax.GradientTransformation):
        return _transformation(value)
    if hasattr(value, "_asdict"):
        return _made(type(value), value._asdict())
    return {"$tuple": [describe(one) for one in value]}


def _array(value: Any) -> Any:
    values = np.asarray(value)
    about = {"dtype": str(values.dtype), "shape": list(values.shape)}
    steps = np.diff(values) if values.ndim == 1 and values.size > 2 and values.dtype.kind == "i" else np.array([])
    if steps.size and steps[0] > 0 and (steps == steps[0]).all():
        return {"$range": [int(values[0]), int(values[-1]) + 1, int(steps[0])], **about}
    if values.size <= WHOLE_ARRAY and values.dtype.kind in "biuf":
        return {"$array": [describe(one) for one in values.ravel().tolist()], **about}
    return {"$digest": hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest(), **about}


def _made(maker: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"$made": path_of(maker), "with": {name: describe(one) for name, one in arguments.items()}}


def _function(value: Any) -> Any:
    path = path_of(value)
    if found(path) is value:
        return {"$named": path}
    return {"$local": path, "with": {name: describe(one) for name, one in _enclosed(value).items()}}


def _enclosed(function: Any) -> dict[str, Any]:
    """What a function encloses, and its defaults."""
    code = getattr(function, "__code__", None)
    if code is None:
        return {}
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    found = {}
    for name, cell in cells.items():
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not yet filled
            continue
    return {name: one for name, one in found.items() if one is not function}


def _transformation(value: Any) -> Any:
    """Describe an optax transformation by the function that made it, as far as its closures tell."""
    update, enclosed = value.update, _enclosed(value.update)
    if "tx" in enclosed and update.__qualname__.startswith("with_extra_args_support."):
        return _transformation(enclosed["tx"])
    if "update_fns" in enclosed and update.__qualname__.startswith("chain."):
        pairs = zip(_enclosed(value.init)["init_fns"], enclosed["update_fns"], strict=True)
        return {"$chain": [_transformation(optax.GradientTransformation(*pair)) for pair in pairs]}
    if update.__qualname__.startswith("stateless.") and "." in enclosed["f"].__qualname__:
        update, enclosed = enclosed["f"], _enclosed(enclosed["f"])
    factory, _, _ = update.__qualname__.partition(".")
    enclosed = _enclosed(value.init) | enclosed
    maker = found(f"{update.__module__}:{factory}")
    if not inspect.isfunction(maker):
        return {"$local": path_of(update), "with": {name: describe(one) for name, one in enclosed.items()}}
    arguments = {name: enclosed[name] for name in inspect.signature(maker).parameters if name in enclosed}
    return {
        "$made": f"{update.__module__}:{factory}",
        "with": {name: describe(one) for name, one in arguments.items()},
    }


def path_of(thing: Any) -> str:
    """Return ``module:name`` of a class or function."""
    return f"{thing.__module__}:{thing.__qualname__}"


def found(path: str) -> Any:
    """Return the thing called ``module:name``, None where there is none."""
    module, _, name = path.partition(":")
    try:
        thing = import_module(module)
        for part in name.split("."):
            thing = getattr(thing, part)
    except (ImportError, AttributeError, ValueError, TypeError):
        return None
    return thing


def is_described(function: Any) -> bool:
    """Whether a function was marked by :func:`described`."""
    return getattr(function, _MARKED, False)


_HOW: dict[Any, Callable[[Any], Any]] = {
    type(None): lambda value: value,
    bool: lambda value: value,
    Enum: lambda value: {"$named": f"{path_of(type(value))}.{value.name}"},
    int: int,
    str: str,
    float: lambda value: value if math.isfinite(value) else {"$float": str(value)},
    np.generic: lambda value: describe(value.item()),
    np.dtype: lambda value: {"$dtype": value.name},
    partial: lambda value: {"$local": "functools:partial", "with": describe([value.func, value.args, value.keywords])},
    Mapping: _mapping,
    list: lambda value: [describe(one) for one in value],
    range: lambda value: {"$tuple": list(value)},
    tuple: _tuple,
    frozenset: lambda value: {"$set": sorted((describe(one) for one in value), key=str)},
    set: lambda value: {"$set": sorted((describe(one) for one in value), key=str)},
}


def differences(then: Any, now: Any, path: str = "") -> list[str]:
    """List what differs between two descriptions, one line each: ``"optimizer: 0.001 then, 0.5 now"``.

    Examples
    --------
    >>> differences({"a": {"with": {"rate": 1.0}}}, {"a": {"with": {"rate": 2.0}}})
    ['a.rate: 1.0 then, 2.0 now']
    """
    if then == now:
        return []
    alike = isinstance(then, dict) and isinstance(now, dict) and then.get("$made") == now.get("$made")
    if alike and not any(key.startswith("$") and key != "$made" for key in (*then, *now)):
        return [
            line
            for key in dict.fromkeys([*then, *now])
            if key != "$made"
            for line in differences(then.get(key), now.get(key), path if key == "with" else f"{path}.{key}".strip("."))
        ]
    return [f"{path or 'run'}: {_short(then)} then, {_short(now)} now"]


def _short(text: Any) -> str:
    if isinstance(text, dict):
        name = next((str(text[key]) for key in text if key.startswith("$") and isinstance(text[key], str)), None)
        return name.rpartition(":")[2] if name else str(text)[:60]
    return str(text)[:60]
