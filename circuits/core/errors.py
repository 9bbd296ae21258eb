"""Errors that say what was got, what is wanted and what to do."""

import difflib
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

#: So many valid names a message shows; of more, only the nearest.
SHOWN = 100


class CircuitError(ValueError):
    """A circuit was asked for something that it cannot be or do."""


def nearest(word: str, valid: Iterable[str]) -> str:
    """Say which names are valid, and which one is nearest; of very many, only the nearest ones.

    Examples
    --------
    >>> nearest("tahn", ["tanh", "relu"])
    "did you mean 'tanh'? valid: relu, tanh"
    """
    names = sorted(map(str, valid))
    close = difflib.get_close_matches(str(word), names, n=10)
    guess = f"did you mean '{close[0]}'? " if close else ""
    if len(names) <= SHOWN:
        return f"{guess}valid: {', '.join(names)}"
    return f"{guess}valid: {', '.join(close or names[:10])}, ... ({len(names)} in all)"


def choose(word: str, table: dict, what: str) -> object:
    """Look up a name in a table of choices.

    Raises
    ------
    CircuitError
        If the name is unknown; the message names the nearest valid one.
    """
    if word not in table:
        raise CircuitError(f"unknown {what} {word!r}: {nearest(word, table)}")
    return table[word]


def require(condition: bool, message: str) -> None:
    """Raise a :class:`CircuitError` with ``message`` unless the condition holds."""
    if not condition:
        raise CircuitError(message)


def renamed(**names: str) -> Callable[[Callable], Callable]:
    """Let a class (or a function) refuse keyword arguments of an earlier edition, and say what each is called now.

    Parameters
    ----------
    **names
        New name by old one.

    Examples
    --------
    >>> @renamed(rate="learning_rate")
    ... class Rule:
    ...     def __init__(self, learning_rate=0.1): ...
    >>> try:
    ...     Rule(rate=0.5)
    ... except CircuitError as error:
    ...     print(error)
    Rule: 'rate' is now called 'learning_rate'
    """

    def decorate(target: Callable) -> Callable:
        call = target.__init__ if isinstance(target, type) else target

        @wraps(call)
        def checked(*args: Any, **settings: Any) -> Any:
            for old, new in names.items():
                require(old not in settings, f"{target.__name__}: {old!r} is now called {new!r}")
            return call(*args, **settings)

        if call is target:
            return checked
        target.__init__ = checked
        return target

    return decorate
