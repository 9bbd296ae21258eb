"""Cell types: type averages of the weights, modulators secreted per type, and the taps of their receptors.

Everything that the type-specific rules of arXiv 2206.01338 know about the network is here, in C x C numbers: the
mean weight from type g to type f (``means``, stored ``[pre type, post type]``) and what follows from it.
Receptor tables are ``[secreting type, receiving type]``.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.probes import Probe, gain, still, untouched
from biocredit.circuits.recurrent.cells.model import Constants, Seen, State
from biocredit.circuits.recurrent.credit.signals import Neuron
from jaxtyping import Array, Float, Int


def one_hot(
    type_id: Int[np.ndarray, " neuron"], types: int, dtype: str = "float64"
) -> Float[np.ndarray, "neuron type"]:
    """Return the membership matrix P of neurons in types.

    Raises
    ------
    CircuitError
        If a type has no cells: its mean weight would be undefined.
    """
    membership = np.eye(types, dtype=dtype)[np.asarray(type_id)]
    empty = np.flatnonzero(membership.sum(0) == 0)
    require(len(empty) == 0, f"cell types {empty.tolist()} have no cells: the mean weight of a type needs at least one")
    return membership


def type_means(
    w_rec: Float[Array, "neuron neuron"], membership: Float[Array, "neuron type"]
) -> Float[Array, "pre_type post_type"]:
    """Mean weight from type to type over all pairs of cells, absent synapses counted as zeros (Eq. 6)."""
    counts = membership.sum(0)
    return (membership.T @ w_rec @ membership) / (counts[:, None] * counts[None, :])


def partner_means(
    w_rec: Float[Array, "neuron neuron"], membership: Float[Array, "neuron type"]
) -> tuple[Float[Array, "neuron neuron"], Float[Array, "pre_type post_type"]]:
    """Mean weight from type to type over existing synapses: at each existing synapse, and per pair of types.

    A pair of types without synapses has mean 0 (Liu et al. 2021, doi:10.1073/pnas.2111821118).
    """
    exists = (w_rec != 0).astype(w_rec.dtype)
    means = (membership.T @ w_rec @ membership) / jnp.maximum(membership.T @ exists @ membership, 1)
    return exists * (membership @ means @ membership.T), means


def per_type(values: Float[Array, "*lead neuron"], membership: Float[Array, "neuron type"]) -> jax.Array:
    """Sum over the cells of each type: secretion becomes modulator concentration."""
    return values @ membership


def modulators(
    secretion: Float[Array, "*lead neuron"],
    membership: Float[Array, "neuron type"],
    types: tuple[str, ...],
    probe: Probe,
) -> Float[Array, "*lead type"]:
    """Concentration of each type's modulator; ``"modulator.<type>"`` is probed singly, ``"modulator"`` as a whole."""
    concentration = per_type(secretion, membership)
    if probe is not untouched:
        single = [probe(f"modulator.{name}", "learning", concentration[..., k]) for k, name in enumerate(types)]
        concentration = jnp.stack(single, axis=-1)
    return probe("modulator", "learning", concentration)


def affinity(types: tuple[str, ...], dtype: jnp.dtype, probe: Probe) -> Float[Array, "time_or_1 secreting receiving"]:
    """Gain of every receptor, ones unless an intervention on ``"receptor.<secreting>~><receiving>"`` changes it.

    The leading axis has one entry unless a receptor changes within the trial.
    """
    names, one, shape = receptors(types), jnp.ones((), dtype), (-1, len(types), len(types))
    table = jnp.stack([still(probe)(name, "learning", one) for name in names]).reshape(shape)
    courses = [gain(probe, name, "learning", dtype) for name in names]
    known = [course for course in courses if course is not None]
    if not known:
        return table
    courses = [jnp.ones_like(known[0]) if course is None else course for course in courses]
    return table * jnp.stack(courses, axis=-1).reshape(shape)


def receptors(types: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the receptors, secreting type by secreting type."""
    return tuple(f"receptor.{sends}~>{feels}" for sends in types for feels in types)


def chemicals(types: tuple[str, ...]) -> tuple[str, ...]:
    """Names under which modulators and receptors pass through taps.

    Examples
    --------
    >>> chemicals(("I", "E"))[:3]
    ('modulator.I', 'modulator.E', 'receptor.I~>I')
    """
    return (*(f"modulator.{name}" for name in types), *receptors(types))


def to_cells(values: Float[Array, "*lead type"], membership: Float[Array, "neuron type"]) -> jax.Array:
    """Hand each cell what its type receives."""
    return values @ membership.T


def per_type_constants(constants: Constants, membership: Float[Array, "neuron type"]) -> dict[str, jax.Array]:
    """Mean of each constant over the cells of each type; one that is common to all cells stays a scalar."""
    counts = membership.sum(0)
    return {name: value if value.ndim == 0 else (value @ membership) / counts for name, value in constants.items()}


def seen_types(neuron: Neuron, paths: str, membership: Float[Array, "neuron type"]) -> Seen:
    """Types of cells as credit sees them, ``paths`` as in :meth:`CellModel.seen`."""
    return Neuron(neuron.cell, per_type_constants(neuron.constants, membership)).seen(paths)


class Chain(NamedTuple):
    """How the influence of one past eligibility spreads over types from step to step.

    Attributes
    ----------
    mix
        M: the influence on the states of all types one step later, ``[variable and type, variable and type]``.
    first
        The influence of one eligibility on them after one step, ``[variable and type, receiving type]``.
    output
        What an influence on the states is in terms of outputs over the gain, ``[secreting type, variable and type]``.
    """

    mix: Float[Array, "state state"]
    first: Float[Array, "state receiving"]
    output: Float[Array, "secreting state"]

    def taps(self, number: int) -> Float[Array, "tap secreting receiving"]:
        """All taps F_1 .. F_S of the receptors, F_s = output M^(s-1) first."""
        return jax.lax.scan(lambda now, _: (self.mix @ now, self.output @ now), self.first, length=number)[1]

    def powers(self, steps: int) -> tuple[jax.Array, jax.Array]:
        """M^0 .. M^(steps-1), and M^steps."""
        start = jnp.eye(len(self.mix), dtype=self.mix.dtype)
        last, series = jax.lax.scan(lambda power, _: (power @ self.mix, power), start, length=steps)
        return series, last


def spread(
    seen: Seen, influence: State, taken_up: jax.Array | float, means: jax.Array, mu: jax.Array, counts: jax.Array
) -> State:
    """Advance the influence on the types' states ``[..., type]`` by one step.

    Every type hands it on with the mean gain ``mu`` through its synapses (one to each of the ``counts`` cells of the
    next type) and, where its own output comes back to it, to itself; ``taken_up`` is an eligibility that enters.
    """
    passed = mu * sum(value * influence[name] for name, value in seen.direction({}).items())
    return seen.cell.integrate(seen.constants, influence, passed, (passed * counts) @ means + taken_up)


def chain(seen: Seen, means: Float[Array, "pre post"], mu: Float[Array, ""], counts: Float[Array, " type"]) -> Chain:
    """Write :func:`spread` out as matrices (Eq. 26 of arXiv 2206.01338 with leak, reset and adaptation)."""
    types, names = len(counts), seen.cell.variables
    nothing = {name: jnp.zeros(types, means.dtype) for name in names}

    def stacked(state: State) -> jax.Array:
        return jnp.concatenate([state[name] for name in names])

    def advance(values: jax.Array, entered: jax.Array) -> jax.Array:
        influence = dict(zip(names, jnp.split(values, len(names)), strict=True))
        return stacked(spread(seen, influence, entered, means, mu, counts))

    start = stacked(nothing)
    mix = jax.jacfwd(advance)(start, jnp.zeros(types, means.dtype))
    first = jax.jacfwd(lambda entered: advance(start, entered))(jnp.zeros(types, means.dtype))
    slopes = [jnp.diag(jnp.broadcast_to(value, types)) for value in seen.direction({}).values()]
    return Chain(mix, first @ means.T, jnp.concatenate(slopes, axis=1))


def receptor_signal(modulator: Float[Array, "*lead f"], taps: Float[Array, "tap f g"]) -> Float[Array, "*lead tap g"]:
    """What receptors on cells of type g feel of the present concentrations, for each tap (section "ModProp")."""
    return jnp.einsum("...f,sfg->...sg", modulator, taps)


def growth(mix: Float[Array, "f f"], squarings: int = 16) -> Float[Array, ""]:
    """Spectral radius of the mixing matrix from repeated squaring, on any device: ||K^n||^(1/n), n = 2^squarings.

    From 1 on, the effect of a modulator grows without bound.

    Examples
    --------
    >>> round(float(growth(jnp.array([[0.5, 1.0], [0.0, 0.9]]))), 4)
    0.9
    """

    def square(carry: tuple, n: jax.Array) -> tuple[tuple, None]:
        matrix, logarithm = carry
        size = jnp.maximum(jnp.linalg.norm(matrix), jnp.finfo(matrix.dtype).tiny)
        return ((matrix / size) @ (matrix / size), logarithm + jnp.log(size) * 0.5**n), None

    start = (mix, jnp.zeros((), mix.dtype))
    (_, logarithm), _ = jax.lax.scan(square, start, jnp.arange(squarings, dtype=mix.dtype))
    return jnp.exp(logarithm)


def per_type_path(path: Float[Array, "time trial neuron"], membership: Float[Array, "neuron type"]) -> jax.Array:
    """Sum the gains of the cells of each type: how many cells of a type hand a message on."""
    return per_type(jnp.broadcast_to(path, (*path.shape[:-1], membership.shape[0])), membership)
