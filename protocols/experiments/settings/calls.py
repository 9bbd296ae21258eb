"""What can be set of a function or class: its arguments with a default, by name and type."""

import inspect
import typing
from collections.abc import Callable
from typing import Any

#: Arguments that a configuration gives itself.
GIVEN = ("self", "cls", "task", "seed", "net", "descending", "pathway", "rule")


def arguments(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of the arguments of a function by name; any value goes where none is written down.

    What a class hands on (``**settings``) are arguments of the next class that it derives from.

    Examples
    --------
    >>> def shown(task, cells: int = 3, *, rate=0.1): ...
    >>> arguments(shown)
    {'cells': <class 'int'>, 'rate': typing.Any}
    """
    body = function.__init__ if isinstance(function, type) else function
    try:
        types = typing.get_type_hints(body)
    except (NameError, TypeError):
        types = {}
    found, further = {}, None
    for name, one in inspect.signature(body).parameters.items():
        if one.kind is one.VAR_KEYWORD:
            further = _next(function)
        elif name not in GIVEN and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
            kind = types.get(name, Any)
            found[name] = kind if _settable(kind) else Any
    return found if further is None else arguments(further) | found


def _next(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """To whom a class hands arguments on."""
    for kind in function.__mro__ if isinstance(function, type) else ():
        if "__init__" in vars(kind):
            following = kind.__mro__[1:]
            return next((one for one in following if "__init__" in vars(one) and one is not object), None)
    return None


def _settable(kind: Any) -> bool:
    """Say whether values of a type can be written down."""
    inner = typing.get_args(kind)
    plain = kind in (int, float, str, bool, type(None), ...) or typing.get_origin(kind) is typing.Literal
    return plain or (bool(inner) and all(_settable(one) for one in inner))
