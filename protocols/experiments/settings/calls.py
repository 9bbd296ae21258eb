"""What can be set of a function or class: its arguments with a default, by name and type."""

import inspect
import typing
from collections.abc import Callable
from typing import Any

#: Arguments that a configuration gives itself.
GIVEN = ("self", "cls", "task", "seed", "net", "descending", "pathway", "rule")


def arguments(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of the arguments of a function by name; any value goes where none is written down.

    Examples
    --------
    >>> def shown(task, cells: int = 3, *, rate=0.1): ...
    >>> arguments(shown)
    {'cells': <class 'int'>, 'rate': typing.Any}
    """
    found: dict[str, Any] = {}
    for body in _bodies(function):
        try:
            types = typing.get_type_hints(body)
        except (NameError, TypeError):
            types = {}
        for name, one in inspect.signature(body).parameters.items():
            if name not in (*GIVEN, *found) and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
                kind = types.get(name, Any)
                found[name] = kind if _settable(kind) else Any
    return found


def _bodies(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Return what takes the arguments: of a class, constructors as long as they hand other arguments on."""
    if not isinstance(function, type):
        return [function]
    bodies = []
    for base in function.__mro__:
        if "__init__" in vars(base):
            bodies.append(base.__init__)
            if not any(one.kind is one.VAR_KEYWORD for one in inspect.signature(base.__init__).parameters.values()):
                break
    return bodies


def _settable(kind: Any) -> bool:
    """Say whether values of a type can be written down."""
    inner = typing.get_args(kind)
    plain = kind in (int, float, str, bool, type(None), ...) or typing.get_origin(kind) is typing.Literal
    return plain or (bool(inner) and all(_settable(one) for one in inner))
