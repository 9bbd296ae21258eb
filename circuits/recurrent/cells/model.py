"""What a cell is: its state variables, how they advance, and how a small change of them would go on.

A cell integrates linearly and is nonlinear at one place. State x_t (a few variables per cell), own output z_{t-1} and
drive d_t give x_t = integrate(x_{t-1}, z_{t-1}, d_t), a linear function; z_t follows from x_t. The pseudo-derivative
(``gain``) sits where the nonlinearity is: at the output (dz/dx = gain times ``direction``), or at the input
(d_t = phi(I_t), dd/dI = gain). Eligibility traces are tangents of ``integrate``, credit that comes back is its
transpose, so every rule follows from this one function and holds for every cell.

Constants are arrays by name, scalars or one per cell, in the tree of the circuit; ``integrate`` and ``direction`` act
alike on cells ``[..., neuron]``, on traces ``[..., pre, neuron]`` and on cell types ``[..., type]``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

State = dict[str, jax.Array]
"""State variables of cells by name, each ``[..., neuron]``."""
Constants = Mapping[str, jax.Array]
"""Constants of cells by name, each a scalar or ``[neuron]``."""
Emit = Callable[[jax.Array], jax.Array]
"""What becomes of an output on its way out of the cell: an intervention, or nothing."""


class Emission(NamedTuple):
    """What a cell shows in a step.

    Attributes
    ----------
    output
        Rate, or spikes 0 and 1.
    gain
        Pseudo-derivative: of the output with respect to the first state variable, or of the drive with respect to the
        current.
    direction
        Factors by which the other state variables move the output, where they change in time (else empty).
    shown
        What can be recorded besides state variables and output.
    """

    output: jax.Array
    gain: jax.Array
    direction: State
    shown: State


def along(value: jax.Array, ndim: int) -> jax.Array:
    """Give an array leading axes of length one, up to ``ndim`` axes; a scalar stays as it is."""
    value = jnp.asarray(value)
    return value.reshape((1,) * (ndim - value.ndim) + value.shape) if value.ndim else value


class CellModel(ABC):
    """The contract of cells; a subclass is a frozen dataclass of what a user sets."""

    #: State variables through which credit passes.
    variables: ClassVar[tuple[str, ...]]
    #: Where the nonlinearity is.
    gated: ClassVar[Literal["output", "input"]] = "output"
    #: Constants of the paths from a cell's own output to its later state: those cut for ``"cut"`` and ``"none"``.
    own_paths: ClassVar[Mapping[str, tuple[str, ...]]] = {"local": (), "cut": (), "none": ()}
    #: Whether outputs are spikes.
    spiking: ClassVar[bool] = False
    #: State variables whose factor in dz/dx changes in time.
    varying: tuple[str, ...] = ()

    @abstractmethod
    def constants(self, keep: np.ndarray, dt: float) -> dict[str, np.ndarray]:
        """Return the constants of cells by name in the tree; ``keep`` is exp(-dt/tau), a scalar or one per cell."""

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of the constants."""

    @abstractmethod
    def rest(self, shape: tuple[int, ...], dtype: Any) -> State:
        """Return the state at the beginning of a trial; it may hold more than ``variables`` (a dead time)."""

    @abstractmethod
    def integrate(self, constants: Constants, state: State, own: Any, drive: jax.Array) -> State:
        """Advance ``variables`` by one step: linear in state, own output and drive."""

    @abstractmethod
    def advance(
        self, constants: Constants, state: State, own: jax.Array, current: jax.Array, emit: Emit
    ) -> tuple[State, Emission]:
        """Advance by one step, nonlinearity included; ``emit`` acts on the output, and its slope on the gain."""

    @abstractmethod
    def direction(self, constants: Constants) -> State:
        """Return dz/dx over the gain, by state variable; for input-gated cells dz/dx itself."""

    @abstractmethod
    def output_of(self, constants: Constants, state: State) -> jax.Array:
        """Return the output of a cell in this state that is not refractory."""

    def told(self, output: jax.Array) -> jax.Array | None:
        """Return the gain where the output tells it, so that no simulation need store it."""
        return None

    def of(self, tree: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """Constants of this cell in the tree of a circuit."""
        return {name: tree[name] for name in self.names()}

    def seen(self, constants: Constants, paths: str) -> "Seen":
        """Return the cell as credit sees it: ``paths`` of its own output that a rule leaves out are cut."""
        own = self.own_paths[paths]
        cut = {name: jnp.zeros_like(constants[name]) for name in own}
        return Seen(self.bare() if paths == "none" else self, {**constants, **cut}, own != self.own_paths["none"])

    def bare(self) -> "CellModel":
        """Return the cell model that is left when no path from its own output exists."""
        return self


class Seen(NamedTuple):
    """A cell as a credit rule sees it.

    Attributes
    ----------
    cell, constants
        Cell model and constants, per cell or per type.
    returns
        Whether its own output comes back to it.
    """

    cell: CellModel
    constants: Constants
    returns: bool

    def back(self, later: State) -> tuple[State, jax.Array, jax.Array]:
        """Credit of the states of the step after becomes credit of state, own output and drive of that step."""
        like = jax.eval_shape(lambda: next(iter(later.values())))
        transpose = jax.linear_transpose(
            partial(self.cell.integrate, self.constants), dict.fromkeys(later, like), like, like
        )
        return transpose(later)

    def direction(self, varying: State) -> State:
        """dz/dx over the gain by state variable, ``varying`` where it changes in time."""
        found = self.cell.direction(self.constants)
        return {name: varying.get(name, value) for name, value in found.items()}

    def slopes(self, gain: jax.Array, varying: State) -> State:
        """dz/dx by state variable, ``gain`` being the pseudo-derivative ``[..., neuron]``."""
        at_output = gain if self.cell.gated == "output" else jnp.ones_like(gain)
        return {name: along(value, gain.ndim) * at_output for name, value in self.direction(varying).items()}


def through(emit: Emit, output: jax.Array, gain: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Send an output and its derivative through what acts on it."""
    return jax.jvp(emit, (output,), (gain,))
