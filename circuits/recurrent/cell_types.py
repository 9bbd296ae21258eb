"""Cell types: type averages of the weights, modulators secreted per type, and the taps of their receptors.

Everything that the type-specific rules of arXiv 2206.01338 know about the network is here, in C x C numbers: the
mean weight from type g to type f (``means``, stored ``[pre type, post type]``) and what follows from it.
Receptor tables are ``[secreting type, receiving type]``.
"""

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.probes import Probe, gain, still, untouched
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


def keep_per_type(keep: Float[Array, "..."], membership: Float[Array, "neuron type"]) -> jax.Array:
    """Mean of ``keep`` over the cells of each type; a common leak stays a scalar."""
    return keep if keep.ndim == 0 else (keep @ membership) / membership.sum(0)


def first_tap(means: Float[Array, "pre post"], keep: Float[Array, "..."]) -> Float[Array, "secreting receiving"]:
    """Probe of lag one, F_1[f, g] = (1 - keep_f) means[g, f]."""
    return _column(1 - keep) * means.T


def mixing(
    means: Float[Array, "pre post"],
    keep: Float[Array, "..."],
    mu: Float[Array, ""],
    counts: Float[Array, " type"],
) -> Float[Array, "secreting secreting"]:
    """One more step of delay, F_{s+1} = K F_s (Eq. 26 with the leak).

    K[f, f2] = keep_f [f = f2] + mu (1 - keep_f) means[f2, f] N_f2: a cell keeps its state, or hands it on through
    one more synapse to one of the N_f2 cells of type f2 with the mean gain ``mu``.
    """
    return jnp.diag(jnp.broadcast_to(keep, counts.shape)) + mu * first_tap(means, keep) * counts[None, :]


def receptor_taps(first: Float[Array, "f g"], mix: Float[Array, "f f2"], taps: int) -> Float[Array, "tap f g"]:
    """All taps F_1 .. F_S of the receptors."""
    return jax.lax.scan(lambda probe, _: (mix @ probe, probe), first, length=taps)[1]


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


def _column(value: jax.Array) -> jax.Array:
    return value[:, None] if value.ndim else value


def per_type_path(path: Float[Array, "time trial neuron"], membership: Float[Array, "neuron type"]) -> jax.Array:
    """Sum the gains of the cells of each type: how many cells of a type hand a message on."""
    return per_type(jnp.broadcast_to(path, (*path.shape[:-1], membership.shape[0])), membership)
