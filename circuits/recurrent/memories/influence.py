"""Online rules that carry the influence of every weight on every state (RTRL, SnAp)."""

from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.recurrent.rules import REACH
from biocredit.circuits.recurrent.rules.forward import advance_influence, reach
from biocredit.circuits.recurrent.signals import transmission


class Influence:
    """Remember D ``[trial, state, pre, post]`` and the gains of the last step."""

    @staticmethod
    def start(network: Any, tree: Tree, trials: int, width: int, trace: jax.Array) -> Tree:
        """Return no influence yet."""
        cells = len(network.type_id)
        return {
            "D": jnp.zeros((trials, cells, width, cells), trace.dtype),
            "gain": jnp.zeros((trials, cells), trace.dtype),
        }

    @staticmethod
    def learn(
        network: Any, memory: Tree, trace: jax.Array, presynaptic: jax.Array, signals: Tree
    ) -> tuple[jax.Array, Tree]:
        """Advance D through the stretch and sum the changes."""
        neuron, w_rec = signals["neuron"], signals["recurrent_weights"]
        pattern = reach(w_rec, REACH[network.rule.name])
        credit = neuron.leak.state_credit(signals["learning_signal"], signals["gain"])
        credit = signals["probe"]("cells.secretion", "learning", credit)

        def one(influence: jax.Array, before: jax.Array, now: jax.Array, gain: jax.Array, sent: Any) -> jax.Array:
            weights = w_rec if sent is None else w_rec * sent
            return advance_influence(influence, now, (before, gain), neuron, weights, pattern)

        def step(carry: tuple, now: tuple) -> tuple[tuple, None]:
            influence, before, total = carry
            influence = jax.vmap(one)(influence, before, now[0], now[1], now[3])
            return (influence, now[1], total + jnp.einsum("bj,bjqp->qp", now[2], influence)), None

        start = (memory["D"], memory["gain"], jnp.zeros(memory["D"].shape[2:], w_rec.dtype))
        series = (presynaptic, signals["gain"], credit, transmission(signals))
        (influence, gain, total), _ = jax.lax.scan(step, start, series)
        return total, {"D": influence, "gain": gain}
