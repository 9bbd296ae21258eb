"""Leaky integrate-and-fire cells, with and without an adaptive threshold, for credit by a pseudo-derivative.

One step, in this order (Bellec et al. 2020, doi:10.1038/s41467-020-17236-y; Liu et al. 2021,
doi:10.1073/pnas.2111821118): b_t = rho b_{t-1} + ca z_{t-1}; v_t = alpha v_{t-1} + ci I_t - theta z_{t-1};
z_t = 1 where u_t > 0 and the cell is not refractory, u_t = (v_t - theta - beta b_t) / theta;
psi_t = (gamma / theta) max(0, 1 - |u_t|), and 0 while refractory. The reset subtracts the baseline threshold one step
after the spike; the voltage integrates on while the cell is refractory.
"""

from abc import abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.errors import choose, require
from biocredit.circuits.recurrent.cells.model import CellModel, Constants, Emission, Emit, State, along, through

#: Dead steps after a spike for a refractory period of so many steps: a period counts the steps after the spike
#: (Liu et al. 2021), or the step of the spike itself, too (Bellec et al. 2020).
REFRACTORY = {"after": lambda steps: steps, "with_spike": lambda steps: np.maximum(steps - 1, 0)}

#: Gain of a leaky variable: 1, or what is lost in a step, so that a constant input of 1 leads to 1.
GAINS = {"unit": lambda keep: np.ones_like(keep), "leak": lambda keep: 1 - keep}


def steps_of(duration: float, dt: float, what: str) -> int:
    """Return a duration in ms as a whole number of steps."""
    steps = duration / dt
    whole = np.isfinite(steps) and steps >= 0 and abs(steps - round(steps)) < 1e-6
    require(bool(whole), f"{what} must be 0 or a multiple of dt = {dt:g} ms, got {duration:g}")
    return round(steps)


def gain_of(gain: str | float, keep: np.ndarray, dt: float, what: str) -> np.ndarray:
    """Return an input gain given by name or as a number."""
    if isinstance(gain, str):
        return choose(gain, GAINS, what)(np.asarray(keep))
    require(dt == 1, f"{what} {gain} is a number: it holds for dt = 1 ms, got {dt:g}; name it, 'unit' or 'leak'")
    return np.float64(gain)


@jax.custom_jvp
def fires(u: jax.Array, free: jax.Array, slope: jax.Array) -> jax.Array:
    """Return 1 above threshold where the cell is free to fire; automatic differentiation by u sees ``slope``."""
    return (u > 0).astype(u.dtype) * free


@fires.defjvp
def _fires_jvp(values: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    return fires(*values), values[2] * tangents[0]


@dataclass(frozen=True)
class IntegrateAndFire(CellModel):
    """What integrate-and-fire cells have in common; a subclass says what its threshold does.

    Parameters
    ----------
    tau
        Membrane time constant in ms.
    threshold
        theta, distance from rest to threshold.
    refractory
        Refractory period in ms.
    refractory_counts
        ``"after"``: so long no spike after a spike; ``"with_spike"``: the step of the spike counts, too, so that one
        step less is dead.
    dampening
        gamma of the pseudo-derivative.
    current_gain
        ci: ``"leak"`` (1 - alpha), ``"unit"`` (1), or a number.
    """

    tau: float = 20.0
    threshold: float = 1.0
    refractory: float = 0.0
    refractory_counts: str = "after"
    dampening: float = 0.3
    current_gain: str | float = "leak"

    spiking: ClassVar[bool] = True
    #: Constants besides those of the membrane.
    slow: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self):
        for name in ("tau", "threshold", "dampening"):
            value = getattr(self, name)
            require(value > 0 and np.isfinite(value), f"{name} of {type(self).__name__} must be positive, got {value}")
        choose(self.refractory_counts, REFRACTORY, "refractory_counts")

    @abstractmethod
    def slow_constants(self, dt: float) -> dict[str, np.ndarray]:
        """Return the constants named in ``slow``."""

    @abstractmethod
    def moment(self, constants: Constants, state: State) -> jax.Array:
        """Return the threshold of the moment."""

    @abstractmethod
    def scale_of(self, constants: Constants, moment: jax.Array) -> jax.Array:
        """Return what the distance from threshold is divided by."""

    @abstractmethod
    def changing(self, constants: Constants, state: State, moment: jax.Array) -> State:
        """Return the factors of :meth:`direction` that change in time."""

    @abstractmethod
    def covering(self, other: "IntegrateAndFire") -> "IntegrateAndFire":
        """Return another cell as one of this model, for networks whose types have different ones.

        Raises
        ------
        CircuitError
            If it is none.
        """

    def constants(self, keep: np.ndarray, dt: float) -> dict[str, np.ndarray]:
        """Decay, threshold, reset, dampening, gain of the current, dead steps after a spike, and what is slow."""
        require(self.tau >= dt, f"tau of {type(self).__name__} is below a step: {self.tau:g} ms, dt = {dt:g} ms")
        dead = REFRACTORY[self.refractory_counts](steps_of(self.refractory, dt, "refractory"))
        membrane = {
            "alpha": keep,
            "threshold": np.float64(self.threshold),
            "reset": np.float64(self.threshold),
            "dampening": np.float64(self.dampening),
            "current_gain": gain_of(self.current_gain, keep, dt, "current_gain"),
            "dead_steps": np.float64(dead),
        }
        return membrane | self.slow_constants(dt)

    def names(self) -> tuple[str, ...]:
        """Names of :meth:`constants`."""
        return "alpha", "threshold", "reset", "dampening", "current_gain", "dead_steps", *self.slow

    def rest(self, shape: tuple[int, ...], dtype: Any) -> State:
        """All zero, not refractory."""
        return {name: jnp.zeros(shape, dtype) for name in (*self.variables, "dead")}

    def membrane(self, constants: Constants, state: State, own: Any, drive: jax.Array) -> State:
        """Advance the voltage, with the reset by the cell's own last spike."""
        v = state["voltage"]
        alpha, ci, reset = (along(constants[name], jnp.ndim(v)) for name in ("alpha", "current_gain", "reset"))
        return {"voltage": alpha * v + ci * drive - reset * own}

    def advance(
        self, constants: Constants, state: State, own: jax.Array, current: jax.Array, emit: Emit
    ) -> tuple[State, Emission]:
        """Integrate, then fire unless refractory."""
        new = self.integrate(constants, state, own, current)
        moment = self.moment(constants, new)
        scale = self.scale_of(constants, moment)
        u = (new["voltage"] - moment) / scale
        free = (state["dead"] <= 0).astype(u.dtype)
        gamma, dead = (along(constants[name], u.ndim) for name in ("dampening", "dead_steps"))
        slope = gamma * jnp.maximum(0, 1 - jnp.abs(u)) * free
        output, gain = through(emit, fires(u, free, slope), slope / scale)
        new["dead"] = jnp.where(output > 0, dead, jnp.maximum(state["dead"] - 1, 0))
        changing = self.changing(constants, new, moment)
        return new, Emission(
            output, gain, changing, {"scaled_voltage": u} | ({"threshold": moment} if changing else {})
        )

    def output_of(self, constants: Constants, state: State) -> jax.Array:
        """1 above threshold."""
        return (state["voltage"] > self.moment(constants, state)).astype(state["voltage"].dtype)


@dataclass(frozen=True)
class LIF(IntegrateAndFire):
    """Leaky integrate-and-fire cell with a fixed threshold; parameters as in :class:`IntegrateAndFire`."""

    variables: ClassVar[tuple[str, ...]] = ("voltage",)
    own_paths: ClassVar[dict[str, tuple[str, ...]]] = {"local": (), "cut": ("reset",), "none": ("reset",)}

    def slow_constants(self, dt: float) -> dict[str, np.ndarray]:
        """None."""
        return {}

    def integrate(self, constants: Constants, state: State, own: Any, drive: jax.Array) -> State:
        """Advance the voltage."""
        return self.membrane(constants, state, own, drive)

    def moment(self, constants: Constants, state: State) -> jax.Array:
        """theta, always."""
        return along(constants["threshold"], jnp.ndim(state["voltage"]))

    def scale_of(self, constants: Constants, moment: jax.Array) -> jax.Array:
        """Return theta."""
        return moment

    def changing(self, constants: Constants, state: State, moment: jax.Array) -> State:
        """Nothing."""
        return {}

    def covering(self, other: IntegrateAndFire) -> IntegrateAndFire:
        """Cells without anything slow."""
        require(isinstance(other, LIF), f"{type(other).__name__} and {type(self).__name__} do not fit into one network")
        return other

    def direction(self, constants: Constants) -> State:
        """One."""
        return {"voltage": jnp.ones((), jnp.asarray(constants["alpha"]).dtype)}


@dataclass(frozen=True)
class ALIF(IntegrateAndFire):
    """Leaky integrate-and-fire cell whose threshold rises with every spike and decays slowly.

    Parameters
    ----------
    tau, threshold, refractory, refractory_counts, dampening, current_gain
        As in :class:`LIF`.
    tau_adaptation
        Time constant of the threshold in ms.
    beta
        Adaptation strength: the threshold is theta + beta b; 0 makes a cell a LIF cell.
    adaptation_gain
        ca: ``"leak"`` (1 - rho), ``"unit"`` (1), or a number.
    scale
        What the distance from threshold is divided by: ``"base"`` (theta), or ``"effective"`` (theta + beta b).
    """

    tau_adaptation: float = 200.0
    beta: float = 1.8
    adaptation_gain: str | float = "leak"
    scale: Literal["base", "effective"] = "base"

    variables: ClassVar[tuple[str, ...]] = ("voltage", "adaptation")
    own_paths: ClassVar[dict[str, tuple[str, ...]]] = {
        "local": (),
        "cut": ("reset",),
        "none": ("reset", "adaptation_gain"),
    }
    slow: ClassVar[tuple[str, ...]] = ("rho", "adaptation_gain", "beta")

    def __post_init__(self):
        super().__post_init__()
        require(self.beta >= 0, f"beta is an adaptation strength and must be 0 or more, got {self.beta}")
        require(self.tau_adaptation > 0, f"tau_adaptation must be positive (ms), got {self.tau_adaptation}")
        choose(self.scale, dict.fromkeys(("base", "effective")), "scale")

    def slow_constants(self, dt: float) -> dict[str, np.ndarray]:
        """Decay and gain of the adaptation, its strength."""
        rho = np.exp(-dt / np.float64(self.tau_adaptation))
        gain = gain_of(self.adaptation_gain, rho, dt, "adaptation_gain")
        return {"rho": rho, "adaptation_gain": gain, "beta": np.float64(self.beta)}

    def integrate(self, constants: Constants, state: State, own: Any, drive: jax.Array) -> State:
        """Advance voltage and adaptation; both feel the last spike of the cell."""
        b = state["adaptation"]
        rho, ca = (along(constants[name], jnp.ndim(b)) for name in ("rho", "adaptation_gain"))
        return self.membrane(constants, state, own, drive) | {"adaptation": rho * b + ca * own}

    @property
    def varying(self) -> tuple[str, ...]:
        """``("adaptation",)`` with the effective scale."""
        return () if self.scale == "base" else ("adaptation",)

    def bare(self) -> LIF:
        """Return the LIF cell: what adapts is never reached."""
        return LIF(**settings_of(self))

    def covering(self, other: IntegrateAndFire) -> IntegrateAndFire:
        """Cells without adaptation are those with beta 0; the scale is the same in the whole network."""
        if isinstance(other, ALIF):
            require(other.scale == self.scale, "all adaptive cells of a network need the same scale")
            return other
        LIF().covering(other)
        return replace(self, **settings_of(other), beta=0.0)

    def moment(self, constants: Constants, state: State) -> jax.Array:
        """Return theta + beta b."""
        theta, beta = (along(constants[name], jnp.ndim(state["voltage"])) for name in ("threshold", "beta"))
        return theta + beta * state["adaptation"]

    def scale_of(self, constants: Constants, moment: jax.Array) -> jax.Array:
        """theta, or the threshold of the moment."""
        return along(constants["threshold"], moment.ndim) if self.scale == "base" else moment

    def changing(self, constants: Constants, state: State, moment: jax.Array) -> State:
        """With ``"effective"`` scale, -beta v / A, A being the threshold of the moment."""
        if self.scale == "base":
            return {}
        return {"adaptation": -along(constants["beta"], moment.ndim) * state["voltage"] / moment}

    def direction(self, constants: Constants) -> State:
        """1 for the voltage, -beta for the adaptation."""
        one = jnp.ones((), jnp.asarray(constants["alpha"]).dtype)
        return {"voltage": one, "adaptation": -jnp.asarray(constants["beta"])}


def settings_of(cell: IntegrateAndFire) -> dict[str, Any]:
    """Return what a cell sets of its membrane, by name."""
    return {one.name: getattr(cell, one.name) for one in fields(IntegrateAndFire)}
