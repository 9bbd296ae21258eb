"""Phaseless alignment learning in dendritic microcircuits: pyramidal cells, interneurons, three compartments.

A pyramidal cell has a basal dendrite (input from below), an apical one (from above, balanced by interneurons) and a
soma; an interneuron shadows a cell of the next layer. What is left on the apical dendrite is the error. Noise on the
apical dendrite teaches the feedback synapses (Max et al. 2023, arXiv 2212.10249; circuit of Sacramento et al. 2018,
arXiv 1810.11393). Layouts ``[trial, cell]``, weights ``[postsynaptic, presynaptic]``; conductances in 1/ms, time in ms.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.activations import Curve, activation
from biocredit.circuits.core.errors import renamed
from biocredit.circuits.core.probes import Probe, untouched
from jaxtyping import Array, Float

Columns = tuple[float, ...]


@renamed(
    transfer="activation",
    rate="learning_rate",
    feedback_rate="feedback_learning_rate",
    interneuron_rate="interneuron_learning_rate",
    cancel_rate="cancel_learning_rate",
)
@dataclass(frozen=True)
class Constants:
    """Constants of the microcircuit; tuples have one entry a hidden layer (``learning_rate``: one a layer).

    Parameters
    ----------
    learning_rate, feedback_learning_rate, interneuron_learning_rate, cancel_learning_rate
        Learning rates of forward weights, feedback weights, weights onto interneurons, and from interneurons.
    decay, sigma
        Decay of feedback weights (alpha) and strength of the noise.
    activation
        Transfer function of all cells, a name or a function.
    dt
        Time step, ms.
    tau_noise, tau_highpass, tau_lowpass
        Time constants of noise, of the filter of rates, of the filter of forward changes, ms.
    leak, basal, apical, dendritic, nudge_interneuron, nudge_output
        Conductances: leak, basal and apical dendrite, interneuron dendrite, and of the two teaching currents.
    """

    learning_rate: Columns
    feedback_learning_rate: Columns
    interneuron_learning_rate: Columns
    cancel_learning_rate: Columns
    decay: Columns
    sigma: Columns
    activation: str | Curve = "sigmoid"
    dt: float = 0.01
    tau_noise: float = 0.1
    tau_highpass: float = 0.1
    tau_lowpass: float = 100.0
    leak: float = 0.03
    basal: float = 0.1
    apical: float = 0.06
    dendritic: float = 0.1
    nudge_interneuron: float = 0.06
    nudge_output: float = 0.06

    def __post_init__(self):
        activation(self.activation)

    @property
    def total_hidden(self) -> float:
        """Total conductance of a hidden pyramidal cell."""
        return self.leak + self.basal + self.apical

    @property
    def total_output(self) -> float:
        """Total conductance of an output cell that is nudged."""
        return self.leak + self.basal + self.nudge_output

    @property
    def total_interneuron(self) -> float:
        """Total conductance of an interneuron."""
        return self.leak + self.dendritic + self.nudge_interneuron


class Weights(NamedTuple):
    """Weights of the whole circuit, one array a layer (from the bottom) in each tuple.

    ``up[i]`` comes from the layer below into layer i, ``down[i]`` from layer i + 1 into i, ``to_inter[i]`` from layer i
    to its interneurons, ``from_inter[i]`` back; ``up_trace`` holds the low-passed changes of ``up``.
    """

    up: tuple[jax.Array, ...]
    down: tuple[jax.Array, ...]
    to_inter: tuple[jax.Array, ...]
    from_inter: tuple[jax.Array, ...]
    up_trace: tuple[jax.Array, ...]


class State(NamedTuple):
    """Activity ``[trial, cell]``, one array a layer in each tuple.

    ``previous`` is the voltage a step before, ``lookahead`` the prospective one, from which the rate follows;
    ``apical``, ``noise`` and everything of the interneurons belong to the hidden layers only.
    """

    voltage: tuple[jax.Array, ...]
    previous: tuple[jax.Array, ...]
    lookahead: tuple[jax.Array, ...]
    rate: tuple[jax.Array, ...]
    basal: tuple[jax.Array, ...]
    apical: tuple[jax.Array, ...]
    noise: tuple[jax.Array, ...]
    highpass: tuple[jax.Array, ...]
    inter_voltage: tuple[jax.Array, ...]
    inter_previous: tuple[jax.Array, ...]
    inter_rate: tuple[jax.Array, ...]
    inter_dendrite: tuple[jax.Array, ...]
    input: jax.Array


def self_predicting(c: Constants, weights: Weights) -> Weights:
    """Set the interneuron weights so that apical dendrites are silent where no error arrives."""
    depth = len(weights.down)
    scale = c.basal * (c.leak + c.dendritic) / c.dendritic
    totals = [c.total_hidden] * (depth - 1) + [c.leak + c.basal]
    to_inter = tuple(scale / totals[i] * weights.up[i + 1] for i in range(depth))
    return weights._replace(to_inter=to_inter, from_inter=tuple(-B for B in weights.down))


def next_noise(c: Constants, state: State, key: jax.Array) -> tuple[jax.Array, ...]:
    """Advance the Ornstein-Uhlenbeck noise of the hidden layers by one step."""
    fresh = []
    for i, noise in enumerate(state.noise):
        kick = (c.tau_noise * c.dt) ** 0.5 * c.sigma[i]
        normal = jax.random.normal(jax.random.fold_in(key, i), noise.shape, noise.dtype)
        fresh.append(noise + (kick * normal - c.dt * noise) / c.tau_noise)
    return tuple(fresh)


def step(
    c: Constants,
    weights: Weights,
    state: State,
    x: Float[Array, "trial inputs"],
    target: Float[Array, "trial outputs"] | None,
    noise: tuple[jax.Array, ...],
    probe: Probe = untouched,
) -> tuple[Weights, State]:
    """Advance activity and weights by ``dt``.

    Parameters
    ----------
    c, weights, state
        Constants and everything that changes.
    x, target
        Rates of the input, and voltages towards which the output is nudged (None: not nudged).
    noise
        Value of the noise in this step; what enters the somata is that of the last one.
    probe
        Sees ``"layer<n>.rate"``, ``"layer<n>.apical"`` and ``"inter<n>.rate"``.
    """
    new = advance(c, weights, state, x, target, probe)
    new = new._replace(noise=noise)
    return learn(c, weights, state, new), new


def settle(c: Constants, weights: Weights, state: State, x: jax.Array, probe: Probe = untouched) -> State:
    """Advance activity alone by ``dt``, without target, noise and plasticity."""
    quiet = state._replace(noise=tuple(jnp.zeros_like(noise) for noise in state.noise))
    return advance(c, weights, quiet, x, None, probe)


def advance(
    c: Constants, weights: Weights, state: State, x: jax.Array, target: jax.Array | None, probe: Probe = untouched
) -> State:
    """Advance activity by ``dt``; the noise stays as it is. Arguments as in :func:`step`."""
    hidden = range(len(state.apical))
    ahead, inter = _prospective_voltages(c, state)
    rate = [probe(f"layer{i + 1}.rate", "inference", activation(c.activation)(v)) for i, v in enumerate(ahead)]
    inter_rate = [probe(f"inter{i + 1}.rate", "inference", activation(c.activation)(inter[i])) for i in hidden]
    basal = [r @ W.T for r, W in zip([x, *rate], weights.up, strict=False)]
    dendrite = [rate[i] @ weights.to_inter[i].T for i in hidden]
    apical = [rate[i + 1] @ weights.down[i].T + inter_rate[i] @ weights.from_inter[i].T for i in hidden]
    apical = [probe(f"layer{i + 1}.apical", "inference", apical[i]) for i in hidden]
    flow, inter_flow = _currents(c, state, basal, apical, dendrite, ahead, target)
    highpass = [q * (1 - c.dt / c.tau_highpass) for q in state.highpass]
    return State(
        voltage=_add(state.voltage, flow, c.dt),
        previous=state.voltage,
        lookahead=tuple(ahead),
        rate=tuple(rate),
        basal=tuple(basal),
        apical=tuple(apical),
        noise=state.noise,
        highpass=tuple(q + r - old for q, r, old in zip(highpass, rate, state.rate, strict=True)),
        inter_voltage=_add(state.inter_voltage, inter_flow, c.dt),
        inter_previous=state.inter_voltage,
        inter_rate=tuple(inter_rate),
        inter_dendrite=tuple(dendrite),
        input=x,
    )


def _prospective_voltages(c: Constants, state: State) -> tuple[list[jax.Array], list[jax.Array]]:
    """Look-ahead voltages, which undo the low-pass filter of the membrane: pyramidal cells and interneurons."""
    totals = [c.total_hidden for _ in state.apical] + [c.total_output]
    pyramidal = zip(state.voltage, state.previous, totals, strict=True)
    inter = zip(state.inter_voltage, state.inter_previous, strict=True)
    ahead = [before + (now - before) / (total * c.dt) for now, before, total in pyramidal]
    return ahead, [before + (now - before) / (c.total_interneuron * c.dt) for now, before in inter]


def _currents(
    c: Constants, state: State, basal: list, apical: list, dendrite: list, ahead: list, target: jax.Array | None
) -> tuple[list[jax.Array], list[jax.Array]]:
    """Currents that charge the somata of pyramidal cells and of interneurons."""
    hidden = range(len(apical))
    dendrites = [c.basal * basal[i] + c.apical * (apical[i] + state.noise[i]) for i in hidden]
    flow = [dendrites[i] - c.total_hidden * state.voltage[i] for i in hidden]
    if target is None:
        flow.append(c.total_output * (c.basal * basal[-1] / (c.leak + c.basal) - state.voltage[-1]))
    else:
        flow.append(c.basal * basal[-1] + c.nudge_output * target - c.total_output * state.voltage[-1])
    teaching = [c.dendritic * dendrite[i] + c.nudge_interneuron * ahead[i + 1] for i in hidden]
    return flow, [teaching[i] - c.total_interneuron * state.inter_voltage[i] for i in hidden]


def learn(c: Constants, weights: Weights, old: State, new: State) -> Weights:
    """Change all weights by what the last two states say."""
    hidden, f = range(len(old.apical)), activation(c.activation)
    below = [old.input, *old.rate]
    shares = [c.basal / c.total_hidden for _ in hidden] + [c.basal / (c.leak + c.basal)]
    shadow = c.dendritic / (c.leak + c.dendritic)
    surprise = [new.rate[i] - f(share * old.basal[i]) for i, share in enumerate(shares)]
    forward = [c.dt * c.learning_rate[i] * _outer(surprise[i], below[i]) for i in range(len(shares))]
    towards = [change - past for change, past in zip(forward, weights.up_trace, strict=True)]
    trace = _add(weights.up_trace, towards, c.dt / c.tau_lowpass)
    onto = [_outer(new.inter_rate[i] - f(shadow * old.inter_dendrite[i]), old.rate[i]) for i in hidden]
    away = [_outer(-old.apical[i], old.inter_rate[i]) for i in hidden]
    back = [_outer(new.noise[i], old.highpass[i + 1]) - c.decay[i] * weights.down[i] for i in hidden]
    return Weights(
        up=_add(weights.up, trace, 1.0),
        down=_add(weights.down, back, c.dt, c.feedback_learning_rate),
        to_inter=_add(weights.to_inter, onto, c.dt, c.interneuron_learning_rate),
        from_inter=_add(weights.from_inter, away, c.dt, c.cancel_learning_rate),
        up_trace=trace,
    )


def _outer(post: jax.Array, pre: jax.Array) -> jax.Array:
    return post.T @ pre / len(pre)


def _add(values: tuple, changes: list, by: float, rates: Columns | None = None) -> tuple[jax.Array, ...]:
    rates = rates or (1.0,) * len(values)
    return tuple(v + by * r * d for v, d, r in zip(values, changes, rates, strict=True))


def at_rest(c: Constants, sizes: tuple[int, ...], trials: int, dtype: jnp.dtype) -> State:
    """State with all voltages and potentials at zero; ``sizes`` from the input to the output."""

    def zeros(*widths: int) -> tuple[jax.Array, ...]:
        return tuple(jnp.zeros((trials, width), dtype) for width in widths)

    everywhere, hidden, above = zeros(*sizes[1:]), zeros(*sizes[1:-1]), zeros(*sizes[2:])
    rate = tuple(activation(c.activation)(v) for v in everywhere)
    inter_rate = tuple(activation(c.activation)(v) for v in above)
    pyramidal = (everywhere, everywhere, everywhere, rate, everywhere, hidden, hidden, rate)
    return State(*pyramidal, above, above, inter_rate, above, zeros(sizes[0])[0])
