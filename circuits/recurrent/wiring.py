"""Initial weights of rate networks: Dale signs, balance of excitation and inhibition, the authors' own draw.

Rows are presynaptic: row p of a recurrent matrix carries the sign of cell p. Sign 0 means unconstrained.
"""

from collections.abc import Callable

import numpy as np
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.initializers import glorot_uniform, rescale, spectral_radius
from jaxtyping import Float

Draw = Callable[..., np.ndarray]


def paper_counts(neurons: int) -> dict[str, int]:
    """80/20 split of arXiv 2206.01338 (its program): ``int(0.8 N) + 1`` excitatory cells, inhibitory cells first.

    Examples
    --------
    >>> paper_counts(120)
    {'I': 23, 'E': 97}
    """
    excitatory = int(0.8 * neurons) + 1
    return {"I": neurons - excitatory, "E": excitatory}


def random_mask(rng: np.random.Generator, neurons: int, density: float) -> Float[np.ndarray, "neuron neuron"]:
    """Draw which recurrent synapses exist; there are no self-connections.

    Raises
    ------
    CircuitError
        If ``density`` is not in (0, 1].
    """
    return sparse(rng, (neurons, neurons), density) * no_self(neurons)


def sparse(rng: np.random.Generator, shape: tuple[int, int], density: float) -> Float[np.ndarray, "pre post"]:
    """Draw which synapses exist, each with the same probability."""
    require(0 < density <= 1, f"density must be in (0, 1], got {density}")
    return (rng.random(shape) < density).astype(float)


def no_self(neurons: int) -> Float[np.ndarray, "neuron neuron"]:
    """Mask of all synapses but those of a cell onto itself."""
    return 1 - np.eye(neurons)


def balance_columns(
    magnitude: Float[np.ndarray, "pre post"], sign: Float[np.ndarray, " pre"], mask: Float[np.ndarray, "pre post"]
) -> Float[np.ndarray, "pre post"]:
    """Make excitation equal inhibition for every postsynaptic cell, by adding to the weaker side.

    Inhibitory magnitudes are first scaled by total excitation over total inhibition; then the difference of each
    column is shared out equally over the existing synapses of the weaker side. Columns that lack one side stay.
    """
    excites, inhibits = (sign[:, None] > 0) * mask, (sign[:, None] < 0) * mask
    if not inhibits.any() or not excites.any():
        return magnitude
    magnitude = magnitude * np.where(sign < 0, (magnitude * excites).sum() / (magnitude * inhibits).sum(), 1.0)[:, None]
    surplus = (magnitude * excites).sum(0) - (magnitude * inhibits).sum(0)
    weaker = np.where(surplus < 0, excites, inhibits)
    return magnitude + weaker * (np.abs(surplus) / np.maximum(weaker.sum(0), 1))


def balanced_dale(
    rng: np.random.Generator,
    sign: Float[np.ndarray, " pre"],
    mask: Float[np.ndarray, "pre post"],
    radius: float = 1.0,
) -> Float[np.ndarray, "pre post"]:
    """Signed weights whose excitatory and inhibitory currents cancel for equal rates, with a given spectral radius.

    Every column sums to zero over the synapses that exist, so the matrix has no outlier eigenvalue from its
    mean (Rajan & Abbott 2006, doi:10.1103/PhysRevLett.97.188104). Unsigned cells get Gaussian weights.

    Parameters
    ----------
    rng, sign, mask
        Random stream, sign of each presynaptic cell, existing synapses.
    radius
        Largest absolute eigenvalue.
    """
    draw = rng.standard_normal(mask.shape)
    if np.all(sign == 0):
        return rescale(draw * mask, radius)
    signs = np.where(sign[:, None] == 0, np.sign(draw), sign[:, None])
    return rescale(signs * balance_columns(np.abs(draw) * mask, sign, mask), radius)


def signed_dense(
    draw: Float[np.ndarray, "pre post"], sign: Float[np.ndarray, " pre"]
) -> tuple[Float[np.ndarray, "pre post"], Float[np.ndarray, "pre post"]]:
    """Signed dense matrix as in the program of arXiv 2206.01338: balanced, spectral radius 1, diagonal included.

    Clearing the diagonal afterwards, as the recurrent matrix needs, unbalances the columns and raises the radius to
    about 1.3 (1.4 at N = 120).

    Parameters
    ----------
    draw
        Absolute values of standard normal numbers, square.
    sign
        Sign of each presynaptic cell.

    Returns
    -------
    tuple
        Magnitudes, and signed matrix.
    """
    balanced = balance_columns(draw, sign, np.ones_like(draw))
    balanced = balanced / spectral_radius(sign[:, None] * balanced)
    return balanced, sign[:, None] * balanced


def sparse_signed(
    draw: Float[np.ndarray, "pre pre"],
    sign: Float[np.ndarray, " pre"],
    columns: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray],
) -> tuple[Float[np.ndarray, "pre post"], Float[np.ndarray, "pre post"]]:
    """Signed sparse matrix as in the program of Liu et al. 2021 (doi:10.1073/pnas.2111821118).

    Parameters
    ----------
    draw, sign
        As in :func:`signed_dense`.
    columns
        Column of the square matrix that each postsynaptic cell takes.
    pairs
        Pre- and postsynaptic cells of the synapses that exist; one may be named twice.

    Returns
    -------
    tuple
        Magnitudes, and signed matrix.
    """
    magnitude = signed_dense(draw, sign)[0][:, columns]
    exists = np.zeros_like(magnitude)
    exists[pairs] = 1
    return magnitude * exists, sign[:, None] * magnitude * exists


def liu_2022(
    rng: np.random.Generator, sign: Float[np.ndarray, " pre"], mask: Float[np.ndarray, "pre post"]
) -> Float[np.ndarray, "pre post"]:
    """Recurrent or readout weights as in the program of arXiv 2206.01338.

    A recurrent matrix is :func:`signed_dense` without its diagonal, a readout the first columns of another draw.
    Without signs: N(0, 2/N).
    """
    rows, columns = mask.shape
    if np.all(sign == 0):
        return gaussian(rng, sign, mask)
    square = signed_dense(np.abs(rng.standard_normal((rows, rows))), sign)[1]
    return cut(square if columns <= rows else square[:, rng.integers(0, rows, columns)], mask)


def cut(weight: Float[np.ndarray, "pre any"], mask: Float[np.ndarray, "pre post"]) -> Float[np.ndarray, "pre post"]:
    """Keep the first columns of a matrix, and of them the synapses that exist."""
    return weight[:, : mask.shape[1]] * mask


def gaussian(
    rng: np.random.Generator, sign: Float[np.ndarray, " pre"], mask: Float[np.ndarray, "pre post"]
) -> Float[np.ndarray, "pre post"]:
    """Draw weights N(0, 2 / number of inputs), with the signs of signed cells."""
    draw = rng.standard_normal(mask.shape) * np.sqrt(2 / mask.shape[0])
    return np.where(sign[:, None] == 0, draw, sign[:, None] * np.abs(draw)) * mask


def unit_gaussian(
    rng: np.random.Generator, sign: Float[np.ndarray, " pre"], mask: Float[np.ndarray, "pre post"]
) -> Float[np.ndarray, "pre post"]:
    """Draw weights N(0, 1 / number of inputs) (doi:10.1038/s41467-020-17236-y), with the signs of signed cells."""
    return gaussian(rng, sign, mask) / np.sqrt(2)


def readout_weights(
    rng: np.random.Generator, sign: Float[np.ndarray, " pre"], mask: Float[np.ndarray, "pre post"]
) -> Float[np.ndarray, "pre post"]:
    """Draw a balanced readout: signed columns that sum to zero, entries of order 1/sqrt(N)."""
    magnitude = np.abs(rng.standard_normal(mask.shape)) / np.sqrt(mask.shape[0])
    signs = np.where(sign[:, None] == 0, rng.choice([-1.0, 1.0], mask.shape), sign[:, None])
    return signs * balance_columns(magnitude, sign, mask) * mask


def glorot_readout(
    rng: np.random.Generator, sign: Float[np.ndarray, " pre"], mask: Float[np.ndarray, "pre post"]
) -> Float[np.ndarray, "pre post"]:
    """Draw a Glorot-uniform readout (doi:10.1038/s41467-020-17236-y, choices), with the signs of signed cells."""
    draw = glorot_uniform(rng, mask.shape)
    return np.where(sign[:, None] == 0, draw, sign[:, None] * np.abs(draw)) * mask


#: Distributions of (recurrent weights, readout weights) by name.
INITIAL: dict[str, tuple[Draw, Draw]] = {
    "balanced": (balanced_dale, readout_weights),
    "liu_2022": (liu_2022, liu_2022),
    "gaussian": (gaussian, gaussian),
    "bellec_2020": (unit_gaussian, unit_gaussian),
    "bellec_2020_choice": (unit_gaussian, glorot_readout),
}

#: Factor of the input weights that belong to a distribution, 1 where none is given.
INPUT_SCALE: dict[str, float] = {"bellec_2020": 0.5**0.5, "bellec_2020_choice": 0.5**0.5}


def input_weights(
    rng: np.random.Generator, inputs: int, neurons: int, signed: bool
) -> Float[np.ndarray, "input neuron"]:
    """Draw N(0, 2/n_in), or |N| / sqrt(0.99 n_in) with a random sign per synapse that stays (arXiv 2206.01338)."""
    draw = rng.standard_normal((inputs, neurons))
    return draw / np.sqrt(0.99 * inputs) if signed else draw * np.sqrt(2 / inputs)


def fixed_type_weights(
    rng: np.random.Generator, means: Float[np.ndarray, "type type"], sign: Float[np.ndarray, " type"]
) -> Float[np.ndarray, "type type"]:
    """Random type weights that never change: rows keep the sign of the type, the overall size is that of ``means``.

    The distribution is not given in arXiv 2206.01338; half-normal magnitudes with the root mean square of the
    initial type means are our choice.
    """
    draw = rng.standard_normal(means.shape)
    signed = np.where(sign[:, None] == 0, draw, sign[:, None] * np.abs(draw))
    return signed * np.sqrt(np.mean(means**2))
