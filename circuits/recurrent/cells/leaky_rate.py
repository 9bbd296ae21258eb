"""Leaky rate cells: the leak before the nonlinearity (on the current) or after it (on the rate)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.activations import SLOPES, Activation
from biocredit.circuits.recurrent.cells.model import CellModel, Constants, Emission, Emit, State, along, through


def value_and_slope(transfer: Activation, argument: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return phi and its derivative; a threshold-linear cell at threshold has derivative 0."""
    value = transfer(argument)
    return value, SLOPES[transfer](value) if transfer in SLOPES else transfer.slope(argument)


def leak(constants: Constants, value: jax.Array, drive: jax.Array) -> jax.Array:
    """Return keep value + (1 - keep) drive."""
    keep = along(constants["keep"], jnp.ndim(value))
    return keep * value + (1 - keep) * drive


@dataclass(frozen=True)
class LeakyRate(CellModel):
    """s_t = keep s_{t-1} + (1 - keep) I_t, z_t = phi(s_t - threshold): the cell of arXiv 2206.01338, Eq. 1-2.

    Parameters
    ----------
    transfer
        The transfer function phi.
    threshold
        Subtracted from its argument.
    """

    transfer: Activation
    threshold: float = 0.0

    variables: ClassVar[tuple[str, ...]] = ("state",)

    def constants(self, keep: np.ndarray, dt: float) -> dict[str, np.ndarray]:
        """Leak and threshold."""
        return {"keep": keep, "threshold": np.float64(self.threshold)}

    def names(self) -> tuple[str, ...]:
        """``keep`` and ``threshold``."""
        return "keep", "threshold"

    def rest(self, shape: tuple[int, ...], dtype: Any) -> State:
        """Zero."""
        return {"state": jnp.zeros(shape, dtype)}

    def integrate(self, constants: Constants, state: State, own: Any, drive: jax.Array) -> State:
        """Leaky current; a rate cell does not feel its own output."""
        return {"state": leak(constants, state["state"], drive)}

    def advance(
        self, constants: Constants, state: State, own: jax.Array, current: jax.Array, emit: Emit
    ) -> tuple[State, Emission]:
        """Leak, then transfer function."""
        new = self.integrate(constants, state, own, current)
        argument = new["state"]
        rate = value_and_slope(self.transfer, argument - along(constants["threshold"], argument.ndim))
        output, gain = through(emit, *rate)
        return new, Emission(output, gain, {}, {})

    def output_of(self, constants: Constants, state: State) -> jax.Array:
        """Rate that belongs to a leaky current."""
        return self.transfer(state["state"] - along(constants["threshold"], state["state"].ndim))

    def told(self, output: jax.Array) -> jax.Array | None:
        """Return phi' as a function of phi, where there is one."""
        return SLOPES[self.transfer](output) if self.transfer in SLOPES else None

    def direction(self, constants: Constants) -> State:
        """One."""
        return {"state": jnp.ones((), jnp.asarray(constants["keep"]).dtype)}


@dataclass(frozen=True)
class RateLeaky(CellModel):
    """z_t = keep z_{t-1} + (1 - keep) phi(I_t - threshold): the cell of Marschall, Cho & Savin 2020 (JMLR 21:135).

    Parameters as in :class:`LeakyRate`.
    """

    transfer: Activation
    threshold: float = 0.0

    variables: ClassVar[tuple[str, ...]] = ("rate",)
    gated: ClassVar[Literal["output", "input"]] = "input"

    def constants(self, keep: np.ndarray, dt: float) -> dict[str, np.ndarray]:
        """Leak and threshold."""
        return {"keep": keep, "threshold": np.float64(self.threshold)}

    def names(self) -> tuple[str, ...]:
        """``keep`` and ``threshold``."""
        return "keep", "threshold"

    def rest(self, shape: tuple[int, ...], dtype: Any) -> State:
        """Zero."""
        return {"rate": jnp.zeros(shape, dtype)}

    def integrate(self, constants: Constants, state: State, own: Any, drive: jax.Array) -> State:
        """Leaky rate."""
        return {"rate": leak(constants, state["rate"], drive)}

    def advance(
        self, constants: Constants, state: State, own: jax.Array, current: jax.Array, emit: Emit
    ) -> tuple[State, Emission]:
        """Transfer function (where an intervention acts), then leak."""
        drive = value_and_slope(self.transfer, current - along(constants["threshold"], current.ndim))
        drive, gain = through(emit, *drive)
        new = self.integrate(constants, state, own, drive)
        return new, Emission(new["rate"], gain, {}, {"state": current})

    def direction(self, constants: Constants) -> State:
        """One."""
        return {"rate": jnp.ones((), jnp.asarray(constants["keep"]).dtype)}

    def output_of(self, constants: Constants, state: State) -> jax.Array:
        """Return the state itself."""
        return state["rate"]


#: Rate cells by the place of their leak.
LEAKS = {"before": LeakyRate, "after": RateLeaky}
