"""What a rate network may be: every bad setting gets one line that says what was got and what is wanted."""

from collections.abc import Mapping

from circuits.errors import nearest, require
from circuits.rate.network import Network
from circuits.rate.rules import REACH
from circuits.rate.rules.forward import check_memory


def one_of(value: str, valid: tuple[str, ...], what: str) -> None:
    """Refuse a word that is not among the valid ones."""
    require(value in valid, f"unknown {what} {value!r}: {nearest(value, valid)}")


def check_numbers(tau: Mapping[str, float], dt: float, mu: float, types: Mapping[str, int]) -> None:
    """Refuse time constants, steps, gains and counts that make no sense."""
    require(dt > 0, f"dt must be positive (ms), got {dt}")
    for name, value in tau.items():
        require(value > 0, f"tau of {name} must be positive (ms), got {value}")
    for name, count in types.items():
        require(count >= 1, f"a cell type needs at least one cell, got {name}: {count}")
    require(mu >= 0, f"mu is a mean gain and must be 0 or more, got {mu}")


def check_names(given: Mapping[str, object] | None, types: Mapping[str, int], what: str) -> None:
    """Refuse a type that the network does not have."""
    for name in given or {}:
        require(name in types, f"unknown cell type {name!r} in {what}: {nearest(name, types)}")


def check_rule(network: Network, inputs: int, itemsize: int) -> None:
    """Refuse options that the rule does not have, and networks too large for it."""
    rule, taps, truncation = network.rule, network.taps, network.truncation
    if taps is not None:
        require("taps" in rule.signals, f"rule {rule.name!r} has no receptor taps: leave taps=None")
        require(taps >= 1, f"taps must be 1 or more, got {taps}")
        require(truncation is None, "taps and truncation both limit how far credit reaches: give one of them")
    if truncation is not None:
        require("window" in rule.signals, f"rule {rule.name!r} does not look back in time: leave truncation=None")
        require(truncation >= 1, f"truncation must be 1 or more, got {truncation}")
    if rule.name in REACH:
        check_memory(len(network.type_id), inputs, itemsize)
