"""Settings of optimisers: from the direction that a rule decides to the step.

A part of this kind has ``make(updates_per_epoch)``, which returns an optax transformation; :class:`Steps` says what
else it may know.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from biocredit.circuits.core.errors import choose, require

if TYPE_CHECKING:
    import optax
    from biocredit.protocols.training.divergence import Divergence

#: Times the loss at the start: beyond it a self-assembling circuit has blown up, which it does within an epoch.
LARGEST_LOSS = 10


class Steps:
    """What settings of an optimiser say; a subclass defines :meth:`make`."""

    def make(self, updates: int) -> "optax.GradientTransformation":
        """Make the optax transformation for so many updates in an epoch."""
        raise TypeError(f"{type(self).__name__} does not define make")

    def advice(self, net: Any) -> list[str]:
        """Say what is known to do nothing or to go wrong in a circuit."""
        return []

    def divergence(self) -> "Divergence":
        """Return when a run counts as diverged."""
        from biocredit.protocols.training.divergence import Divergence

        return Divergence()

    def vary(self) -> "dict[str, tuple[float, ...]]":
        """Return the hyperparameters in which the networks of a run differ, one value for each by name."""
        return {}


@dataclass(frozen=True)
class Optimizer(Steps):
    """An optimiser of optax.

    Parameters
    ----------
    name
        ``"adam"`` or ``"sgd"`` (with ``momentum``).
    """

    name: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.0

    def make(self, updates: int) -> "optax.GradientTransformation":
        """Make the optax transformation."""
        import optax

        require(self.learning_rate > 0, f"learning_rate must be positive, got {self.learning_rate}")
        adam = self.name == "adam"
        return optax.adam(self.learning_rate) if adam else optax.sgd(self.learning_rate, self.momentum or None)


@dataclass(frozen=True)
class Descent(Steps):
    """Gradient descent without momentum, with weight decay inside the rate."""

    learning_rate: float = 0.1
    decay: float = 1e-4

    def make(self, updates: int) -> "optax.GradientTransformation":
        """Make the optax transformation."""
        from biocredit.circuits.dual_stream.schedules import momentum_sgd

        return momentum_sgd(self.learning_rate, 0.0, self.decay)


@dataclass(frozen=True)
class Varied(Steps):
    """An optimiser with weight decay whose rates may differ from network to network: a grid as one axis with the seeds.

    Parameters
    ----------
    name
        ``"momentum"`` (gradient descent with momentum 0.9, decay inside) or ``"adam"`` (decay beside).
    learning_rate, decay
        A number, or one for each network of the run.
    """

    name: Literal["momentum", "adam"] = "momentum"
    learning_rate: float | tuple[float, ...] = 0.01
    decay: float | tuple[float, ...] = 0.0

    def make(self, updates: int) -> "optax.GradientTransformation":
        """Make the optax transformation."""
        import optax
        from biocredit.circuits.core.optimizers import DECAYING

        first = {name: value[0] if isinstance(value, tuple) else value for name, value in self._hyperparameters()}
        return optax.inject_hyperparams(DECAYING[self.name])(**first)

    def vary(self) -> "dict[str, tuple[float, ...]]":
        """Return the hyperparameters in which the networks differ."""
        return {name: value for name, value in self._hyperparameters() if isinstance(value, tuple)}

    def _hyperparameters(self) -> "tuple[tuple[str, float | tuple[float, ...]], ...]":
        return ("learning_rate", self.learning_rate), ("decay", self.decay)


@dataclass(frozen=True)
class Milestones(Steps):
    """Gradient descent with momentum, in steps of learning rate and weight decay.

    Parameters
    ----------
    learning_rate, milestones, factor
        Learning rate; it is multiplied by the factor at the beginning of these epochs.
    first_decay, decay
        Weight decay in the first epoch and later.
    momentum
        Of both streams.
    """

    learning_rate: float = 0.01
    milestones: tuple[int, ...] = (20, 30)
    factor: float = 0.5
    first_decay: float = 1e-4
    decay: float = 1e-4
    momentum: float = 0.9

    def make(self, updates: int) -> "optax.GradientTransformation":
        """Make the optax transformation."""
        from biocredit.circuits.dual_stream.schedules import learning_rate_steps, momentum_sgd, weight_decay_steps

        require(self.first_decay > 0, f"optimizer.first_decay must be positive, got {self.first_decay}")
        rate = learning_rate_steps(self.learning_rate, self.milestones, self.factor, updates)
        decay = weight_decay_steps(self.first_decay, (0,), self.decay / self.first_decay, updates)
        return momentum_sgd(rate, self.momentum, decay)


@dataclass(frozen=True)
class Rewiring(Steps):
    """The optimiser of the released program of ModProp, see :func:`biocredit.circuits.recurrent.deep_rewiring`.

    Parameters
    ----------
    learning_rate
        At the start.
    factor, every
        The learning rate is multiplied by ``factor`` after every so many updates.
    l1, l2, connectivity
        See there.
    """

    learning_rate: float = 5e-4
    factor: float = 0.8
    every: int = 300
    l1: float = 0.01
    l2: float = 5e-4
    connectivity: float = 0.99

    def make(self, updates: int) -> "optax.GradientTransformation":
        """Make the optax transformation."""
        import optax
        from biocredit.circuits.recurrent import deep_rewiring

        require(self.every > 0, f"optimizer.every must be 1 or more, got {self.every}")
        rate = optax.exponential_decay(self.learning_rate, self.every, self.factor, staircase=True)
        return deep_rewiring(rate, l1=self.l1, l2=self.l2, connectivity=self.connectivity)


@dataclass(frozen=True)
class CounterCurrentSteps(Steps):
    """Optimiser of both streams as the program of counter-current learning ships it.

    Parameters
    ----------
    shipped
        A name in ``biocredit.circuits.dual_stream.pathways.counter_current.training.TRAININGS``.
    up, down
        Learning rates of the two streams, if others; 0 freezes a stream.
    warm_up
        Updates of the warm-up, if others.
    """

    shipped: str = "dense"
    up: float | None = None
    down: float | None = None
    warm_up: int | None = None

    def make(self, updates: int) -> "optax.GradientTransformation":
        """Make the optax transformation."""
        from biocredit.circuits.dual_stream.pathways.counter_current.training import TRAININGS

        base = choose(self.shipped, TRAININGS, "shipped settings")
        rates = {"up": self.up, "down": self.down}
        others = {
            name: replace(getattr(base, name), learning_rate=rate) for name, rate in rates.items() if rate is not None
        }
        warm_up = {} if self.warm_up is None else {"warm_up": self.warm_up}
        return replace(base, **others, **warm_up).optimizer(updates)


@dataclass(frozen=True)
class SelfAssemblingSteps(Steps):
    """Learning rate of the ascending weights, ratios of the four rates, decay inside the rate, clipping of drives."""

    learning_rate: float = 0.1
    ratios: tuple[float, float, float, float] = (1.0, 0.01, 1.0, 1.0)
    decay: float = 1e-4
    clip: float = 0.0

    def _training(self) -> Any:
        from biocredit.circuits.dual_stream.pathways.self_assembling import PerKind, PerKindTraining

        return PerKindTraining(
            PerKind(*self.ratios).scaled(self.learning_rate), PerKind.same(self.decay), clip=self.clip
        )

    def make(self, updates: int) -> "optax.GradientTransformation":
        """Make the optax transformation."""
        return self._training().optimizer()

    def advice(self, net: Any) -> list[str]:
        """Say which settings do nothing or are known to go wrong."""
        from biocredit.circuits.dual_stream.pathways.self_assembling import advice

        return advice(net, self._training())

    def divergence(self) -> "Divergence":
        """Say what helps where the loss has grown so much."""
        from biocredit.protocols.training.divergence import Divergence

        return Divergence(LARGEST_LOSS, self._training().remedy())


@dataclass(frozen=True)
class DirectTargetSteps(Steps):
    """The optimiser of the released program of direct random target projection (arXiv 1909.01311)."""

    learning_rate: float = 1e-3

    def make(self, updates: int) -> "optax.GradientTransformation":
        """Make the optax transformation."""
        from biocredit.circuits.dual_stream.pathways.target_propagation.training import frenkel

        return frenkel(self.learning_rate)
