"""Settings of credit: a pathway of a dual stream, or a rule of a temporal circuit, by name with settings of its own.

A part of this kind has ``make()``, which returns what the circuit takes: an object, or its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from biocredit.circuits.core.errors import choose
from biocredit.protocols.experiments.overrides import Named
from biocredit.protocols.experiments.values import hints

KINDS = ("W", "Wbar", "V", "Vbar")


@dataclass(frozen=True)
class Pathway(Named):
    """A descending pathway: a name in ``biocredit.circuits.dual_stream.PATHWAYS``, or a class of one's own."""

    def kind(self) -> type:
        """Look the class up."""
        from biocredit.circuits.dual_stream import PATHWAYS

        return self.name if isinstance(self.name, type) else choose(self.name, PATHWAYS, "descending pathway")

    def known(self) -> Mapping[str, Any]:
        """Return the types of its settings by name."""
        return hints(self.kind())

    def make(self) -> Any:
        """Make the pathway."""
        return self.kind()(**self.settings)


@dataclass(frozen=True)
class Rule(Named):
    """A temporal credit rule: a name in ``biocredit.circuits.recurrent.RULES``, or a rule of one's own."""

    def given(self) -> Any:
        """Look the rule up."""
        from biocredit.circuits.recurrent.rules import RULES

        return choose(self.name, RULES, "rule") if isinstance(self.name, str) else self.name

    @property
    def label(self) -> str:
        """The name in words."""
        return self.name if isinstance(self.name, str) else self.name.name

    def known(self) -> Mapping[str, Any]:
        """Return the types of its settings by name."""
        own = getattr(self.given(), "settings", None)
        return {} if own is None else hints(type(own))

    def make(self) -> Any:
        """Return the rule with its settings."""
        if not self.settings:
            return self.name
        return self.given().having(**self.settings)


@dataclass(frozen=True)
class CounterCurrent:
    """Counter-current learning with the released loss of convolutional networks.

    Parameters
    ----------
    between, within
        Weights of that loss.
    flooding
        Trials that are right by this margin teach the inner levels nothing; 0 for none.
    """

    between: float = 1.0
    within: float = 0.5
    flooding: float = 0.1

    def make(self) -> Any:
        """Make the pathway."""
        from biocredit.circuits.dual_stream.pathways.counter_current import RELEASED_CONVOLUTIONAL, CounterCurrent

        comparison = replace(RELEASED_CONVOLUTIONAL, between=self.between, within=self.within)
        return CounterCurrent(comparison=comparison, flooding=self.flooding)


@dataclass(frozen=True)
class Targets:
    """Target propagation as in the released program of fixed-weight DTP (arXiv 2212.10352).

    Parameters
    ----------
    name
        Which of the family.
    stepsize
        Of the output's target.
    feedback_rate
        Learning rate of feedback that learns.
    """

    name: Literal[
        "difference_target",
        "difference_reconstruction",
        "local_difference_reconstruction",
        "fixed_difference_target",
    ] = "difference_target"
    stepsize: float = 0.1
    feedback_rate: float = 1e-3

    def make(self) -> Any:
        """Make the pathway."""
        import optax
        from biocredit.circuits.dual_stream import PATHWAYS

        learns = self.name != "fixed_difference_target"
        own = {"optimizer": optax.sgd(self.feedback_rate)} if learns else {}
        return PATHWAYS[self.name](stepsize=self.stepsize, **own)


@dataclass(frozen=True)
class SelfAssembling:
    """Two streams joined by four random matrices a level.

    Parameters
    ----------
    widths
        Descending cells at each hidden level; as many as ascending ones by default.
    transfer, gated, plastic
        See :class:`biocredit.circuits.dual_stream.pathways.SelfAssembling`.
    lateral_sd
        Spread of the weights between the streams; by default one over the root of the number of inputs, with which
        matrices that stay fixed carry a signal.
    modulation, modulation_mode
        Strength (0: no such phase) and place of the short-term modulation.
    """

    widths: tuple[int, ...] | None = None
    transfer: Literal["identity", "relu", "tanh", "upstream_jacobian", "lateral_gate"] = "identity"
    gated: tuple[str, ...] = ("W",)
    plastic: tuple[str, ...] = KINDS
    lateral_sd: float | None = 0.003
    modulation: float = 0.0
    modulation_mode: Literal["activation", "membrane"] = "activation"

    def make(self) -> Any:
        """Make the pathway."""
        from biocredit.circuits.core.initializers import Gaussian
        from biocredit.circuits.dual_stream.pathways.self_assembling import Modulation, SelfAssembling

        lateral = Gaussian() if self.lateral_sd is None else Gaussian(self.lateral_sd, "one")
        same = {name: getattr(self, name) for name in ("widths", "transfer", "gated", "plastic")}
        modulation = Modulation(self.modulation, self.modulation_mode) if self.modulation else None
        return SelfAssembling(**same, initializers={"V": lateral, "Vbar": lateral}, modulation=modulation)


def made(credit: Any, default: str) -> Any:
    """Make what a circuit takes as its pathway or rule; a pathway of one's own is taken as it is."""
    if credit is None:
        return default
    return credit.make() if isinstance(credit, Named | CounterCurrent | Targets | SelfAssembling) else credit
