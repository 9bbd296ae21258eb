"""Settings as nested frozen dataclasses: overridden by dotted names, checked by type, kept as JSON."""

import difflib
import json
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Literal, TypeVar

from biocredit.circuits.core.errors import CircuitError, nearest

S = TypeVar("S")


class SettingError(CircuitError):
    """A setting has an unknown name or an impossible value; the message is one line."""


def flat(settings: Any) -> dict[str, Any]:
    """List every single setting by its dotted name.

    Examples
    --------
    >>> from biocredit.protocols.experiments.parts import Optimizer
    >>> flat(Optimizer())["learning_rate"]
    0.001
    """
    found = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            found |= {f"{field.name}.{name}": inner for name, inner in flat(value).items()}
        else:
            found[field.name] = value
    return found


def overridden(settings: S, overrides: Mapping[str, Any]) -> S:
    """Return a copy with other values, given by dotted name.

    Parameters
    ----------
    settings
        A frozen dataclass, possibly of further ones.
    overrides
        Values by dotted name (``"circuit.spectral_radius"``); text is read as JSON where the field is no text.

    Raises
    ------
    SettingError
        For an unknown name or a value of another type.

    Examples
    --------
    >>> from biocredit.protocols.experiments.parts import Optimizer
    >>> overridden(Optimizer(), {"learning_rate": "0.5"}).learning_rate
    0.5
    """
    for name, value in overrides.items():
        if name not in flat(settings):
            raise unknown(name, flat(settings))
        settings = _with(settings, name.split("."), value, name)
    return settings


def unknown(name: str, known: Iterable[str]) -> SettingError:
    """Make the error for an unknown setting; it names the one that ends alike, or the nearest one."""
    known = sorted(known)
    alike = [full for full in known if full.rpartition(".")[2] == name.rpartition(".")[2]]
    near = alike or difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"valid: {', '.join(known)}"
    return SettingError(f"unknown setting {name!r}: {hint}")


def _with(settings: Any, path: list[str], value: Any, name: str) -> Any:
    first, *rest = path
    if rest:
        return replace(settings, **{first: _with(getattr(settings, first), rest, value, name)})
    return replace(settings, **{first: checked(value, hints(type(settings))[first], name)})


def assignment(text: str) -> tuple[str, str]:
    """Split ``"circuit.spectral_radius=0.5"`` into name and value."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SettingError(f"cannot read {text!r}: wanted NAME=VALUE, such as circuit.spectral_radius=0.5")
    return name.strip(), value.strip()


def as_json(settings: Any) -> dict[str, Any]:
    """Turn settings into plain dictionaries, lists, numbers and strings."""
    plain = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {name: as_json(value) if is_dataclass(value) else value for name, value in plain.items()}


def from_json(kind: type[S], plain: Any, name: str = "") -> S:
    """Rebuild settings of a kind from what :func:`as_json` gave; settings that are left out keep their defaults.

    Raises
    ------
    SettingError
        For an unknown name or a value of another type.
    """
    if not isinstance(plain, Mapping):
        raise SettingError(f"{name or 'settings'}: wanted names with values, got {plain!r}")
    known = hints(kind)
    for word in plain:
        if word not in known:
            raise SettingError(f"unknown setting {f'{name}.{word}'.lstrip('.')!r}: {nearest(word, known)}")
    return kind(**{word: checked(value, known[word], f"{name}.{word}".lstrip(".")) for word, value in plain.items()})


def hints(kind: type) -> dict[str, Any]:
    """Types of the fields of a dataclass by name."""
    known = typing.get_type_hints(kind)
    return {field.name: known[field.name] for field in fields(kind)}


def checked(value: Any, kind: Any, name: str) -> Any:
    """Return a value converted to a type, reading text as JSON where that fits.

    Raises
    ------
    SettingError
        If it does not fit.
    """
    for candidate in _readings(value):
        fits, converted = _converted(candidate, kind, name)
        if fits:
            return converted
    raise SettingError(f"{name}: wanted {described(kind)}, got {value!r}{_choices(value, kind)}")


def _readings(value: Any) -> list[Any]:
    """Ways to understand a value: as it is; text also as JSON, as nothing, or as a list."""
    if not isinstance(value, str):
        return [value]
    found: list[Any] = [value]
    for text in (value, value.lower(), f"[{value}]"):
        try:
            found.append(json.loads(text))
        except ValueError:
            continue
    return [*found, None] if value.lower() in ("none", "null") else found


def _converted(value: Any, kind: Any, name: str) -> tuple[bool, Any]:
    """Say whether a value fits a type, and the value as that type."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if is_dataclass(kind):
        return (True, from_json(kind, value, name)) if isinstance(value, Mapping) else (False, value)
    if origin is Literal:
        return value in inner, value
    if origin in (typing.Union, types.UnionType):
        tried = [_converted(value, one, name) for one in inner]
        return next((one for one in tried if one[0]), (False, value))
    if origin is tuple:
        return _sequence(value, inner, name)
    if origin in (dict, Mapping):
        return _table(value, inner[1], name)
    return _number(value, kind) if kind in (int, float) else (isinstance(value, kind), value)


def _number(value: Any, kind: type) -> tuple[bool, Any]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False, value
    return (kind is float or float(value).is_integer(), kind(value) if abs(value) != float("inf") else value)


def _sequence(value: Any, inner: tuple, name: str) -> tuple[bool, Any]:
    if not isinstance(value, list | tuple):
        return False, value
    kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
    if len(kinds) != len(value):
        return False, value
    parts = [_converted(one, kind, name) for one, kind in zip(value, kinds, strict=True)]
    return all(fits for fits, _ in parts), tuple(part for _, part in parts)


def _table(value: Any, kind: Any, name: str) -> tuple[bool, Any]:
    if not isinstance(value, Mapping):
        return False, value
    parts = {word: _converted(one, kind, name) for word, one in value.items()}
    return all(fits for fits, _ in parts.values()), {word: part for word, (_, part) in parts.items()}


def described(kind: Any) -> str:
    """Say in words what a field takes."""
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
    names = {int: "an integer", float: "a number", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(kind, "settings")


def _choices(value: Any, kind: Any) -> str:
    if typing.get_origin(kind) is not Literal:
        return ""
    hint = nearest(str(value), typing.get_args(kind))
    return f" ({hint.partition(' valid:')[0]})" if hint.startswith("did") else ""
