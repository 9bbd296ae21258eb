"""From the rate network to the local signals of the online rules, and back to its weights.

The rules speak of one matrix ``incoming`` [post, regressor] for all weights onto a neuron; the network keeps
recurrent weights [pre, post], input weights and a bias. Both places of the leak are served by the same lines: the
network's own ``leak`` gives Jacobian, immediate influence and credit.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.recurrent.dynamics import Neuron, external_current, gain_of, rate_function, step
from biocredit.circuits.recurrent.online_family.online_rule import OnlineRule
from jaxtyping import Array, Float

#: Weights that an online rule changes; the readout learns by its exact gradient beside it.
INCOMING = ("W_rec", "W_in", "b_rec")


class Point(NamedTuple):
    """State of a network at one step: leaky memory, rate, and derivative of the transfer function, each [n]."""

    memory: jax.Array
    rate: jax.Array
    gain: jax.Array


def at_rest(neurons: int, dtype: jnp.dtype) -> Point:
    """Beginning of a trial: everything zero."""
    return Point(*[jnp.zeros(neurons, dtype)] * 3)


def join(weights: Mapping[str, jax.Array]) -> Float[Array, "n m"]:
    """Recurrent weights, input weights and bias as the matrix ``incoming`` [n, n + n_in + 1] of the rules."""
    return jnp.concatenate([weights["W_rec"], weights["W_in"], weights["b_rec"][None]]).T


def start(rule: OnlineRule, weights: Mapping[str, jax.Array], keep: Float[Array, "..."]) -> Tree:
    """State of a rule at the beginning of the first trial of a network with these weights and this leak."""
    incoming = join(weights)
    decay = jnp.broadcast_to(jnp.asarray(keep, incoming.dtype), incoming.shape[:1])
    return rule.init({"incoming": incoming, "readout": weights["W_out"].T, "decay": decay})


def split(incoming: Float[Array, "n m"]) -> Tree:
    """Changes of ``incoming`` as changes of the network's weights."""
    columns, neurons = incoming.T, incoming.shape[0]
    return {"W_rec": columns[:neurons], "W_in": columns[neurons:-1], "b_rec": columns[-1]}


def advance(neuron: Neuron, weights: Mapping[str, jax.Array], before: Point, x: Float[Array, " n_in"]) -> Point:
    """One step of one trial."""
    external = external_current(x, weights["W_in"], weights["b_rec"])
    memory, argument, rate = (
        value[0] for value in step(neuron, before.memory[None], before.rate[None], external[None], weights["W_rec"])
    )
    return Point(memory, rate, gain_of(neuron, argument))


def point_at(neuron: Neuron, memory: Float[Array, " n"]) -> Point:
    """The point at which the memory (the state that leaks) has these values."""
    return Point(memory, neuron.leak.rate_of(memory, rate_function(neuron)), gain_of(neuron, memory))


def local_signals(
    neuron: Neuron,
    w_rec: Float[Array, "n n"],
    before: Point,
    now: Point,
    x: Float[Array, " n_in"],
    credit: Float[Array, " n"],
) -> dict[str, jax.Array]:
    """Signals of one step that follow from the dynamics (see :class:`OnlineRule` for their names).

    Parameters
    ----------
    neuron, w_rec
        Neuron model and recurrent weights [pre, post] at this step.
    before, now
        Where the network was and where it has come to.
    x, credit
        Input at this step, and dLoss/dstate at it through the feedback weights.
    """
    leak, keep = neuron.leak, neuron.keep
    return {
        "previous": before.memory,
        "state": now.memory,
        "jacobian": leak.jacobian(w_rec, before.gain, now.gain, keep).T,
        "gain": leak.immediate(now.gain, keep),
        "regressor": jnp.concatenate([before.rate, x, jnp.ones(1, x.dtype)]),
        "credit": credit,
        "decay": jnp.broadcast_to(keep, now.memory.shape),
    }
