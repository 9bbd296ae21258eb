"""Rules that carry the influence of every weight on every state forward in time: RTRL and its sparse versions.

D_t[q, p, j] = dx_t[j] / dW[q, p] for every state variable x; the presynaptic index q runs over the neurons, then the
inputs, then a one for the bias of the current.
SnAp-n keeps D[., p, j] only where j can be reached from p over at most n - 1 synapses (arXiv 2006.07232); RTRL
keeps everything (Williams & Zipser 1989, doi:10.1162/neco.1989.1.2.270).
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.recurrent.cells.model import Seen, State
from biocredit.circuits.recurrent.credit.signals import transmission
from biocredit.circuits.recurrent.credit.temporal_rule import Beginning, Signals
from jaxtyping import Array, Float

#: Influence matrices larger than this many bytes are refused.
MEMORY_LIMIT = 8 * 2**30
#: Signals that these rules need.
INFLUENCE = (
    *("input", "presynaptic_rate", "gain", "direction", "learning_signal", "causal_signal", "rate_signal"),
    *("neuron", "probe", "recurrent_weights"),
)


def memory_needed(neurons: int, inputs: int, itemsize: int) -> int:
    """Bytes of two influence matrices ``[neuron + input + 1, neuron, neuron]``: the present one and the next.

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
    seen: Seen,
    influence: State,
    presynaptic: Float[Array, " pre"],
    slopes: State,
    gain: Float[Array, " state"],
    w_rec: Float[Array, "state state"],
    pattern: Float[Array, "state post"],
) -> State:
    """Advance D by one step of one trial.

    Parameters
    ----------
    seen
        Cells as the rule sees them.
    influence
        D of the step before, by state variable.
    presynaptic
        Previous rates, present inputs, 1.
    slopes, gain
        dz/dx of the step before, by state variable; gain of this step.
    w_rec, pattern
        Weights, entries that are kept (:func:`reach`).
    """
    output = sum(influence[name] * slopes[name][None, None, :] for name in influence)
    own = jnp.eye(len(gain), dtype=gain.dtype)
    drive = output @ w_rec + presynaptic[:, None, None] * own[None]
    drive = drive * gain[None, None, :] if seen.cell.gated == "input" else drive
    after = seen.cell.integrate(seen.constants, influence, output, drive)
    return {name: value * pattern.T[None] for name, value in after.items()}


@dataclass(frozen=True)
class Influence:
    """A rule that keeps the influence over at most this many synapses, over trials and while time runs.

    Attributes
    ----------
    synapses
        Number of synapses, all if ``None``.
    """

    synapses: int | None

    def update(self, state: Tree, signals: Signals) -> tuple[Tree, Tree]:
        """Run the recursion over all trials, one after the other."""
        rate, inputs = signals["presynaptic_rate"], signals["input"]
        presynaptic = jnp.concatenate([rate, inputs, jnp.ones_like(rate[..., :1])], axis=-1)
        size, width = rate.shape[-1], presynaptic.shape[-1]
        check_memory(size, width - size - 1, rate.dtype.itemsize)
        seen = signals["neuron"].seen("local")
        start = empty(seen, (), width, size, rate.dtype)
        series = (presynaptic, *self.courses(seen, signals, "learning_signal"))
        series = jax.tree.map(lambda values: values.swapaxes(0, 1), series)
        total = jax.lax.map(lambda one: self.run(seen, signals, start, one)[1], series).sum(0)
        return state, {"W_rec": total[:size], "W_in": total[size:-1], "b_rec": total[-1]}

    def courses(self, seen: Seen, signals: Signals, signal: str) -> tuple:
        """What varies in time besides presynaptic activity, ``[time, trial, ...]``: gains, slopes, credit, synapses."""
        credit, rho = signals[signal], signals["rate_signal"]
        credit = credit if rho is None else credit + rho
        at_output = seen.cell.gated == "output" and signal == "learning_signal"
        credit = credit * signals["gain"] if at_output else credit
        credit = signals["probe"]("cells.secretion", "learning", credit)
        return signals["gain"], signals["direction"], credit, transmission(signals)

    def run(
        self, seen: Seen, signals: Signals, start: Tree, series: tuple, readout: tuple | None = None
    ) -> tuple[Tree, jax.Array]:
        """Scan one trial; return the memory at its end, and the summed change.

        With a ``readout`` filter, the credit is of filtered outputs, and so is the influence that it meets.
        """
        w_rec = signals["recurrent_weights"]
        pattern = reach(w_rec, self.synapses)

        def step(carry: tuple, now: tuple) -> tuple[tuple, None]:
            memory, total = carry
            presynaptic, gain, direction, credit, sent = now
            weights = w_rec if sent is None else w_rec * sent
            state = advance_influence(seen, memory["D"], presynaptic, memory["slopes"], gain, weights, pattern)
            after = {"D": state, "slopes": seen.slopes(gain, direction)}
            if readout is None:
                change = sum(state[name] @ (value * credit) for name, value in seen.direction(direction).items())
            else:
                output = sum(state[name] * after["slopes"][name][None, None, :] for name in state)
                after["output"] = readout[0] * memory["output"] + readout[1] * output
                change = after["output"] @ credit
            return (after, total + change), None

        total = jnp.zeros(next(iter(start["D"].values())).shape[:2], w_rec.dtype)
        return jax.lax.scan(step, (start, total), series)[0]

    def start(self, neuron: Any, beginning: Beginning) -> Tree:
        """Return no influence yet."""
        sizes = beginning.presynaptic, beginning.cells, beginning.dtype
        memory = empty(neuron.seen("local"), (beginning.trials,), *sizes)
        return memory | ({} if neuron.readout is None else {"output": next(iter(memory["D"].values()))})

    def learn(self, memory: Tree, presynaptic: jax.Array, signals: Signals) -> tuple[jax.Array, Tree]:
        """Advance D through the stretch and sum the changes."""
        neuron = signals["neuron"]
        seen, readout = neuron.seen("local"), neuron.readout
        courses = self.courses(seen, signals, "learning_signal" if readout is None else "causal_signal")

        def one(start: Tree, series: tuple) -> tuple[Tree, jax.Array]:
            return self.run(seen, signals, start, series, readout)

        memory, changes = jax.vmap(one, in_axes=(0, 1))(memory, (presynaptic, *courses))
        return changes.sum(0), memory


def empty(seen: Seen, lead: tuple[int, ...], presynaptic: int, cells: int, dtype: Any) -> Tree:
    """No influence, silent cells."""
    influence = {name: jnp.zeros((*lead, presynaptic, cells, cells), dtype) for name in seen.cell.variables}
    return {"D": influence, "slopes": {name: jnp.zeros((*lead, cells), dtype) for name in influence}}
