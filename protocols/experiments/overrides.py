"""Settings as nested frozen dataclasses: overridden by dotted names, checked by type, kept as JSON.

A *part* is a frozen dataclass, or a mapping of parts by name, or a :class:`Named`: something that has a name in a table
and settings of its own. In JSON a part says which class it is under ``"part"``.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Self, TypeVar

from biocredit.circuits.core.errors import nearest
from biocredit.protocols.experiments.values import SettingError, checked, hints, parsed, shown

S = TypeVar("S")


@dataclass(frozen=True)
class Named:
    """Something by its name, with settings of its own; a subclass says where it is looked up.

    Parameters
    ----------
    name
        Name in the table, or the thing itself.
    settings
        The settings that are not its defaults.
    """

    name: str | Callable[..., Any]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name in words."""
        return self.name if isinstance(self.name, str) else getattr(self.name, "__name__", type(self.name).__name__)

    def known(self) -> Mapping[str, Any]:
        """Return the types of its own settings by name."""
        raise TypeError(f"{type(self).__name__} does not define known")

    def flat(self) -> dict[str, Any]:
        """List name and settings."""
        return {"name": self.label, **self.settings}

    def knows(self, word: str) -> bool:
        """Say whether there is such a setting."""
        return word == "name" or word in self.known()

    def changed(self, word: str, value: Any, full: str) -> Self:
        """Return a copy with another name (settings that it has are kept), or with another setting."""
        if word == "name":
            other = self if value == self.label else replace(self, name=checked(value, str, full))
            known = other.known() if self.settings else {}
            return replace(other, settings={name: one for name, one in self.settings.items() if name in known})
        known = self.known()
        if word not in known:
            hint = nearest(word, known) if known else f"{self.label!r} has no settings of its own"
            raise SettingError(f"unknown setting {full!r}: {hint}")
        return replace(self, settings={**self.settings, word: checked(value, known[word], full)})


def flat(settings: Any) -> dict[str, Any]:
    """List every single setting by its dotted name.

    Examples
    --------
    >>> from biocredit.protocols.experiments.settings.optimizers import Optimizer
    >>> flat(Optimizer())["learning_rate"]
    0.001
    """
    if isinstance(settings, Named):
        return settings.flat()
    found = {}
    for name, value in _members(settings).items():
        if _is_part(value):
            found |= {f"{name}.{word}": inner for word, inner in flat(value).items()}
        else:
            found[name] = value
    return found


def has(settings: Any, name: str) -> bool:
    """Say whether there is a setting (or a part) of a dotted name."""
    first, _, rest = name.partition(".")
    if isinstance(settings, Named):
        return not rest and settings.knows(first)
    members = _members(settings) if _is_part(settings) else {}
    return first in members and (not rest or has(members[first], rest))


def overridden(settings: S, overrides: Mapping[str, Any], parts: Mapping[str, type] | None = None) -> S:
    """Return a copy with other values, given by dotted name.

    Parameters
    ----------
    settings
        A part.
    overrides
        Values by dotted name (``"circuit.spectral_radius"``); text is read as JSON where the field is no text. The name
        of a part takes another part, or its name (``"circuit"``).
    parts
        Parts that can be chosen by name besides the package's.

    Raises
    ------
    SettingError
        For an unknown name or a value of another type.

    Examples
    --------
    >>> from biocredit.protocols.experiments.settings.optimizers import Optimizer
    >>> overridden(Optimizer(), {"learning_rate": "0.5"}).learning_rate
    0.5
    """
    for name, value in overrides.items():
        if not has(settings, name) and not has_owner(settings, name):
            raise unknown(name, flat(settings))
        settings = _with(settings, name.split("."), value, name, parts or {})
    return settings


def has_owner(settings: Any, name: str) -> bool:
    """Say whether a setting would belong to something with settings of its own, which can say best what is wrong."""
    first, _, rest = name.partition(".")
    if isinstance(settings, Named):
        return bool(name) and not rest
    members = _members(settings) if _is_part(settings) else {}
    return bool(rest) and has_owner(members.get(first), rest)


def unknown(name: str, known: Iterable[str]) -> SettingError:
    """Make the error for an unknown setting; it names the one that ends alike, or the nearest one."""
    known = sorted(known)
    alike = [full for full in known if full.rpartition(".")[2] == name.rpartition(".")[2]]
    near = alike or difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"valid: {', '.join(known)}"
    return SettingError(f"unknown setting {shown(name)}: {hint}")


def _members(settings: Any) -> dict[str, Any]:
    if isinstance(settings, Mapping):
        return dict(settings)
    return {one.name: getattr(settings, one.name) for one in fields(settings)}


def _is_part(value: Any) -> bool:
    if isinstance(value, type):
        return False
    return is_dataclass(value) or (isinstance(value, Mapping) and all(_is_part(one) for one in value.values()))


def _with(settings: Any, path: list[str], value: Any, full: str, parts: Mapping[str, type]) -> Any:
    first, *rest = path
    if isinstance(settings, Named):
        return settings.changed(first, value, full)
    present = _members(settings)[first]
    if rest:
        new = _with(present, rest, value, full, parts)
    elif _is_part(present) or (isinstance(value, str) and value in parts and hints(type(settings))[first] is Any):
        new = _other_part(present, value, full, parts)
    else:
        new = checked(value, hints(type(settings))[first], full)
    return {**settings, first: new} if isinstance(settings, Mapping) else replace(settings, **{first: new})


def _other_part(present: Any, value: Any, full: str, parts: Mapping[str, type]) -> Any:
    """Return a part in place of another one: itself, by the name of its class, or by its name in a table."""
    if _is_part(value):
        return value
    if isinstance(present, Named) and isinstance(value, str) and value not in parts:
        return present.changed("name", value, full)
    if isinstance(value, str) and value in parts:
        try:
            return parts[value]()
        except TypeError:
            raise SettingError(f"{full}: {value} has settings without defaults, so its name is not enough") from None
    if not isinstance(value, str) or not parts:
        names = ", ".join(f"{full}.{name}" for name in flat(present))
        raise SettingError(f"{full}: wanted one of its settings ({names}), got {shown(value)}")
    raise SettingError(f"{full}: unknown part {shown(value)}: {nearest(value, parts)}")


def assignment(text: str) -> tuple[str, str]:
    """Split ``"circuit.spectral_radius=0.5"`` into name and value."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SettingError(f"cannot read {shown(text)}: wanted NAME=VALUE, such as circuit.spectral_radius=0.5")
    return name.strip(), value.strip()


def as_json(settings: Any) -> Any:
    """Turn settings into plain dictionaries, lists, numbers and strings; a part says under ``"part"`` what it is.

    Raises
    ------
    SettingError
        If a value is neither plain nor a function with a name.
    """
    if isinstance(settings, Named):
        return {
            "part": type(settings).__name__,
            **{name: _plain(value, name) for name, value in settings.flat().items()},
        }
    if isinstance(settings, Mapping):
        return {name: as_json(value) for name, value in settings.items()}
    kind = {"part": type(settings).__name__}
    return kind | {
        name: as_json(value) if _is_part(value) else _plain(value, name) for name, value in _members(settings).items()
    }


def _plain(value: Any, name: str) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(one, name) for one in value]
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(one, name) for key, one in value.items()}
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    raise SettingError(f"{name}: {shown(value)} is no plain value: a configuration holds numbers, texts and lists")


def from_json(example: S, plain: Any, name: str = "", parts: Mapping[str, type] | None = None) -> S:
    """Rebuild settings from what :func:`as_json` gave; settings that are left out are those of the example.

    Parts by name (measures) are those that are listed, and no others.

    Raises
    ------
    SettingError
        For an unknown name or a value of another type.
    """
    if not isinstance(plain, Mapping):
        raise SettingError(f"{name or 'settings'}: wanted names with values, got {shown(plain)}")
    if isinstance(example, Mapping):
        return {word: _listed(example, word, value, f"{name}.{word}", parts or {}) for word, value in plain.items()}
    example = _example(example, plain, name, parts or {})
    for word, value in plain.items():
        if word == "part":
            continue
        full = f"{name}.{word}".lstrip(".")
        if not has(example, word) and not isinstance(example, Named):
            raise SettingError(f"unknown setting {shown(full)}: {nearest(word, _members(example))}")
        example = _from_json(example, word, value, full, parts or {})
    return example


def _listed(example: Mapping[str, Any], word: str, value: Any, full: str, parts: Mapping[str, type]) -> Any:
    """Rebuild one of several parts by name; one that the example does not have says which part it is."""
    known = isinstance(value, Mapping) and isinstance(value.get("part"), str) and value["part"] in parts
    if word not in example and not known:
        raise SettingError(f"unknown setting {shown(full)}: {nearest(word, example)}")
    return from_json(example.get(word), value, full, parts)


def _from_json(example: Any, word: str, value: Any, full: str, parts: Mapping[str, type]) -> Any:
    """Set one member from JSON."""
    inner = None if isinstance(example, Named) else _members(example)[word]
    part = isinstance(value, Mapping) and not isinstance(example, Named) and (inner is None or _is_part(inner))
    if not part:
        same = callable(inner) and getattr(inner, "__name__", None) == value
        return example if same else _with(example, [word], value, full, {})
    new = from_json(inner, value, full, parts)
    return replace(example, **{word: new})


def _example(example: Any, plain: Mapping[str, Any], name: str, parts: Mapping[str, type]) -> Any:
    """Return what the settings are read into: the example, or another part if its name is there."""
    kind = plain.get("part", type(example).__name__)
    if kind == type(example).__name__:
        return example
    if not isinstance(kind, str) or kind not in parts:
        raise SettingError(f"{name}: unknown part {shown(kind)}: {nearest(str(kind), parts)}")
    if issubclass(parts[kind], Named):
        return parts[kind](checked(plain.get("name"), str, f"{name}.name"))
    try:
        return parts[kind]()
    except TypeError:
        raise SettingError(f"{name}: {kind} has settings without defaults: take it from Python") from None


__all__ = [
    "Named",
    "SettingError",
    "as_json",
    "assignment",
    "checked",
    "flat",
    "from_json",
    "has",
    "has_owner",
    "overridden",
    "parsed",
    "unknown",
]
