"""What a plasticity rule is, and what it must declare about itself."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, make_dataclass, replace
from functools import wraps
from inspect import signature
from typing import Any, Literal

import jax
from biocredit.circuits.core.described import described

Tree = dict[str, jax.Array]
"""A flat dictionary of arrays keyed by relative variable name, such as ``"V1.W_rec"``."""


def no_state(weights: Mapping[str, jax.Array]) -> Tree:
    """Initial state of a rule that remembers nothing from one update to the next."""
    return {}


Place = Literal["pre", "post", "broadcast", "synapse", "nonlocal", "constant"]
"""Where a synapse finds a signal: in its presynaptic or postsynaptic cell, in a substance that reaches many cells, in
itself, or in a place that no synapse reaches; or it is no signal but a constant of cells, of types, of the rule."""


@dataclass(frozen=True, kw_only=True)
class CreditRule:
    """What every credit rule declares about itself, whatever circuit it acts in.

    Parameters
    ----------
    name
        Name by which a user chooses the rule.
    citation
        DOI or arXiv identifier of the source.
    needs
        Signals from which a synapse computes its change, and where it finds each: ``{"rate": "pre"}``.
    transports
        What is read from forward weights to set feedback weights: ``"nothing"``, ``"signs"`` or ``"weights"``.
    probed
        How an audit finds a need: patterns of the names by which it passes a probe (``"up.*.rate"``), several apart by
        blanks; ``"target:*"``, ``"input:*"``, ``"chance:*"`` stand for what no probe sees. By default the need's own
        name, alone or after that of a population.
    sometimes
        Needs that not every circuit has, and which circuits do.
    unprobed
        Patterns of plastic arrays that learn from signals which pass no probe: an audit cannot resolve them.
    phases
        How many separate phases of activity one update needs.
    exact
        Whether the changes equal the gradient element by element.
    exact_when
        Regime in which an approximate rule becomes exact (empty if there is none).
    memory, operations
        Growth with the number of neurons N, time steps T, cell types C and filter taps S.
    equation
        What a synapse computes, as TeX; symbols as in ``docs/_build/symbols.csv``.
    settings, remade
        The rule's own settings, a frozen dataclass that the command line can set, ``None`` if it has none; what makes
        the rule from other settings, where they are more than a field.
    """

    name: str
    citation: str = ""
    needs: Mapping[str, Place] = field(default_factory=dict)
    transports: Literal["nothing", "signs", "weights"] = "nothing"
    probed: Mapping[str, str] = field(default_factory=dict)
    sometimes: Mapping[str, str] = field(default_factory=dict)
    unprobed: tuple[str, ...] = ()
    phases: int = 1
    exact: bool = False
    exact_when: str = ""
    memory: str = ""
    operations: str = ""
    equation: str = ""
    settings: Any = None
    remade: Callable[[Any], "CreditRule"] | None = field(default=None, compare=False, repr=False)

    def having(self, **settings: Any) -> "CreditRule":
        """Return the rule with other settings.

        Examples
        --------
        >>> from biocredit.circuits.recurrent.rules import RULES
        >>> RULES["future_bptt"].having(horizon=40).settings.horizon
        40
        """
        changed = replace(self.settings, **settings)
        return self.remade(changed) if self.remade else replace(self, settings=changed)


def with_settings(make: Callable[..., CreditRule]) -> Callable[..., CreditRule]:
    """Let the arguments of a function that makes a rule be the rule's settings.

    Examples
    --------
    >>> @with_settings
    ... def slow(rate: float = 0.1) -> CreditRule:
    ...     return CreditRule(name="slow")
    >>> slow(0.5).settings.rate, slow().having(rate=0.2).settings.rate
    (0.5, 0.2)
    """
    arguments = [(one.name, one.annotation, one.default) for one in signature(make).parameters.values()]
    kind = make_dataclass(f"{make.__name__}_settings", arguments, frozen=True)

    @described
    @wraps(make)
    def made(*given: Any, **named: Any) -> CreditRule:
        settings = kind(*given, **named)
        return replace(make(**asdict(settings)), settings=settings, remade=lambda other: made(**asdict(other)))

    return made
