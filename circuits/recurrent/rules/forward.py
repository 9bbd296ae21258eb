"""Rules that carry the influence of every weight on every state forward in time: RTRL and its sparse versions.

D_t[j, q, p] = ds_t[j] / dW[q, p]; the presynaptic index q runs over the neurons, then the inputs, then a one
for the bias of the current.
SnAp-n keeps D[j, ., p] only where j can be reached from p over at most n - 1 synapses (arXiv 2006.07232); RTRL
keeps everything (Williams & Zipser 1989, doi:10.1162/neco.1989.1.2.270).
"""

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.recurrent.dynamics import Neuron
from biocredit.circuits.recurrent.rules.reverse import Signals
from biocredit.circuits.recurrent.signals import transmission
from jaxtyping import Array, Float

#: Influence matrices larger than this many bytes are refused.
MEMORY_LIMIT = 8 * 2**30


def memory_needed(neurons: int, inputs: int, itemsize: int) -> int:
    """Bytes of two influence matrices ``[neuron, neuron + input + 1, neuron]``: the present one and the next.

    Examples
    --------
    >>> memory_needed(100, 19, 4)
    9600000
    """
    return 2 * neurons * (neurons + inputs + 1) * neurons * itemsize


def check_memory(neurons: int, inputs: int, itemsize: int, limit: int = MEMORY_LIMIT) -> None:
    """Refuse a network whose influence matrix would not fit.

    Raises
    ------
    CircuitError
        With the memory that would be needed.
    """
    needed = memory_needed(neurons, inputs, itemsize)
    require(
        needed <= limit,
        f"rtrl and snap2 on {neurons} neurons need {needed / 2**30:.1f} GiB for [neuron, neuron + input, neuron], "
        f"limit {limit / 2**30:.1f} GiB: take fewer neurons, or rule='bptt' (same gradient) or 'modprop'",
    )


def reach(w_rec: Float[Array, "pre post"], synapses: int | None) -> Float[Array, "reached from_"]:
    """1 where j is reached from p over at most this many synapses; ``None`` means from everywhere to everywhere.

    An existing synapse is a non-zero weight.
    """
    exists = (w_rec != 0).astype(w_rec.dtype)
    if synapses is None:
        return jnp.ones_like(exists)
    pattern = jnp.eye(exists.shape[0], dtype=exists.dtype)
    for _ in range(synapses):
        pattern = jnp.minimum(pattern + exists.T @ pattern, 1)
    return pattern


def advance_influence(
    influence: Float[Array, "state pre post"],
    presynaptic: Float[Array, " pre"],
    gains: tuple[Float[Array, " state"], Float[Array, " state"]],
    neuron: Neuron,
    w_rec: Float[Array, "state state"],
    pattern: Float[Array, "state post"],
) -> Float[Array, "state pre post"]:
    """Advance D by one step of one trial.

    Parameters
    ----------
    influence
        D at the step before.
    presynaptic
        Previous rates, present inputs, 1.
    gains
        h at the step before and at this step.
    neuron, w_rec, pattern
        Neuron model, weights, entries that are kept (:func:`reach`).
    """
    jacobian = neuron.leak.jacobian(w_rec, *gains, neuron.keep)
    direct = presynaptic[None, :, None] * jnp.diag(neuron.leak.immediate(gains[1], neuron.keep))[:, None, :]
    return (jnp.einsum("lj,lqp->jqp", jacobian, influence) + direct) * pattern[:, None, :]


def influence_changes(signals: Signals, synapses: int | None) -> tuple[Tree, jax.Array]:
    """Run the recursion over all trials, one after the other; return changes and the final influence."""
    neuron, w_rec = signals["neuron"], signals["recurrent_weights"]
    pattern = reach(w_rec, synapses)
    rate, inputs = signals["presynaptic_rate"], signals["input"]
    presynaptic = jnp.concatenate([rate, inputs, jnp.ones_like(rate[..., :1])], axis=-1)
    credit = neuron.leak.state_credit(signals["learning_signal"], signals["gain"])
    credit = signals["probe"]("cells.secretion", "learning", credit)
    size, width = w_rec.shape[0], presynaptic.shape[-1]
    check_memory(size, width - size - 1, w_rec.dtype.itemsize)

    def step(carry: tuple, now: tuple) -> tuple[tuple, None]:
        influence, before, total = carry
        weights = w_rec if now[3] is None else w_rec * now[3]
        influence = advance_influence(influence, now[0], (before, now[1]), neuron, weights, pattern)
        return (influence, now[1], total + jnp.einsum("j,jqp->qp", now[2], influence)), None

    def trial(series: tuple) -> tuple[jax.Array, jax.Array]:
        rest = jnp.zeros((size, width, size), w_rec.dtype), jnp.zeros_like(series[1][0])
        (influence, _, total), _ = jax.lax.scan(step, (*rest, jnp.zeros((width, size), w_rec.dtype)), series)
        return total, influence

    series = jax.tree.map(
        lambda values: values.swapaxes(0, 1), (presynaptic, signals["gain"], credit, transmission(signals))
    )
    totals, influences = jax.lax.map(trial, series)
    total = totals.sum(0)
    return {"W_rec": total[:size], "W_in": total[size:-1], "b_rec": total[-1]}, influences


def influence_rule(synapses: int | None):
    """Return the update of a rule that keeps the influence over at most this many synapses."""

    def update(state: Tree, signals: Signals) -> tuple[Tree, Tree]:
        return state, influence_changes(signals, synapses)[0]

    return update
