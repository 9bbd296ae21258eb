"""Values of settings: read from text by the type that is wanted, and refused in one line where they do not fit."""

import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal

from biocredit.circuits.core.errors import CircuitError, nearest

#: Whole numbers beyond this are no size, seed or count of anything.
LARGEST = 2**53


class SettingError(CircuitError):
    """A setting has an unknown name or an impossible value; the message is one line."""


def hints(kind: type) -> dict[str, Any]:
    """Types of the fields of a dataclass by name; anything goes where a type cannot be looked up."""
    try:
        known = typing.get_type_hints(kind)
    except NameError:
        known = {}
    return {field.name: known.get(field.name, Any) for field in fields(kind)}


def checked(value: Any, kind: Any, name: str) -> Any:
    """Return a value converted to a type, reading text as JSON where that fits.

    Raises
    ------
    SettingError
        If it does not fit.
    """
    for candidate in _readings(value):
        fits, converted = _converted(candidate, kind)
        if fits:
            return converted
    raise SettingError(f"{name}: wanted {described(kind)}, got {shown(value)}{_choices(value, kind)}")


def shown(value: Any) -> str:
    """Return a value as it stands in a message: not longer than a line."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return "a value that is too long to show"
    return text if len(text) <= 60 else f"{text[:40]}... ({len(text)} letters)"


def parsed(text: str) -> Any:
    """Read JSON in which no name stands twice.

    Raises
    ------
    SettingError
        If it is no JSON, nested too deeply, holds a name twice or a number that is too long.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise SettingError("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise SettingError(f"not JSON: {error}") from None
    except ValueError as error:
        raise SettingError(f"not readable: {str(error).partition(';')[0]}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise SettingError(f"the name {shown(name)} stands there twice")
    return dict(pairs)


def _readings(value: Any) -> list[Any]:
    """Ways to understand a value: as it is; text also as JSON, as nothing, or as a list."""
    if not isinstance(value, str):
        return [value]
    found: list[Any] = [value]
    for text in (value, value.lower(), f"[{value}]"):
        try:
            found.append(parsed(text))
        except SettingError:
            continue
    return [*found, None] if value.lower() in ("none", "null") else found


def _converted(value: Any, kind: Any) -> tuple[bool, Any]:
    """Say whether a value fits a type, and the value as that type."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return True, value
    if origin is Literal:
        known = any(value == one and type(value) is type(one) for one in inner)
        return known, value
    if origin in (typing.Union, types.UnionType):
        tried = [_converted(value, one) for one in inner]
        return next((one for one in tried if one[0]), (False, value))
    if origin is tuple:
        return _sequence(value, inner)
    if origin in (dict, Mapping):
        return _table(value, inner[1])
    if kind in (int, float):
        return _number(value, kind)
    plain = kind if isinstance(kind, type) else origin if isinstance(origin, type) else object
    return isinstance(value, plain), value


def _number(value: Any, kind: type) -> tuple[bool, Any]:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) == math.inf or value != value:
        return False, value
    if kind is int:
        return (abs(value) <= LARGEST and value == int(value)), int(value)
    return (True, float(value)) if abs(value) < 1e300 else (False, value)


def _sequence(value: Any, inner: tuple) -> tuple[bool, Any]:
    if not isinstance(value, list | tuple):
        return False, value
    kinds = inner if inner[-1] is not Ellipsis else (inner[0],) * len(value)
    if len(kinds) != len(value):
        return False, value
    converted = [_converted(one, kind) for one, kind in zip(value, kinds, strict=True)]
    return all(fits for fits, _ in converted), tuple(one for _, one in converted)


def _table(value: Any, kind: Any) -> tuple[bool, Any]:
    if not isinstance(value, Mapping):
        return False, value
    converted = {key: _converted(one, kind) for key, one in value.items()}
    return all(fits for fits, _ in converted.values()), {key: one for key, (_, one) in converted.items()}


def described(kind: Any) -> str:
    """Describe a type in words."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(map(str, inner))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(described(one) for one in inner)
    if origin is tuple:
        parts = [described(one) for one in inner if one is not Ellipsis]
        return f"a list of {parts[0]}" if inner[-1] is Ellipsis else f"a list ({', '.join(parts)})"
    if origin in (dict, Mapping):
        return f"a JSON object of {described(inner[1])}"
    if is_dataclass(kind):
        return f"settings of {kind.__name__}"
    names = {int: "an integer", float: "a number", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(kind, "a function" if origin is Callable else getattr(kind, "__name__", str(kind)))


def _choices(value: Any, kind: Any) -> str:
    if typing.get_origin(kind) is not Literal:
        return ""
    hint = nearest(str(value), typing.get_args(kind))
    return f" ({hint.partition(' valid:')[0]})" if hint.startswith("did") else ""
