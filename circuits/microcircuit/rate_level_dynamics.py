"""Phaseless alignment learning, rate level: feedback weights learn from noise that rides on activity.

Every cell carries slow noise. Its fast fluctuations reach the next layer through the forward weights; a high-pass
filter of the rates isolates them there, and their product with the noise teaches the feedback synapse the transpose
of the forward one, while forward weights learn at the same time (Max et al. 2023, arXiv 2212.10249).
Layouts ``[trial, unit]``, ``W [below, above]``, ``B [above, below]``.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.activations import Curve, activation
from biocredit.circuits.core.errors import choose, renamed, require
from biocredit.circuits.core.losses import Compare, Loss, loss_named
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.dual_stream.ascending.stages import spread
from jaxtyping import Array, Float

Columns = tuple[float, ...]


@renamed(transfers="activations", rate="learning_rate", feedback_rate="feedback_learning_rate", target="loss")
@dataclass(frozen=True)
class Constants:
    """Constants of the dynamics; tuples have one entry a layer.

    Parameters
    ----------
    activations
        Transfer functions, names or functions.
    dt, tau
        Time step and membrane time constant.
    beta
        Strength of the output error.
    loss
        Loss whose error nudges the output, a name in :data:`biocredit.circuits.core.losses.LOSSES` or a function.
    compared
        What the loss compares with the target: the ``"rate"`` of the output cells (the error is then multiplied by
        their slope), or their prospective voltage, ``"lookahead"``.
    learning_rate
        Learning rates of forward weights and biases.
    feedback_learning_rate, decay
        Learning rate of feedback weights and their decay (alpha).
    tau_noise, tau_highpass, tau_lowpass
        Time constants of the noise, of the filter of the rates, and of the filter of forward changes (0: none).
    sigma
        Strength of the noise.
    """

    activations: tuple[str | Curve, ...]
    learning_rate: Columns
    feedback_learning_rate: Columns
    decay: Columns
    sigma: Columns
    tau_noise: Columns
    tau_highpass: Columns
    tau_lowpass: Columns
    dt: float = 0.1
    tau: float = 10.0
    beta: float = 0.1
    loss: str | Loss | Compare = "half_squared_error"
    compared: str = "rate"

    def __post_init__(self):
        columns = (self.learning_rate, self.feedback_learning_rate, self.decay, self.sigma)
        columns += (self.tau_noise, self.tau_highpass, self.tau_lowpass)
        wanted = len(self.activations)
        require(all(len(c) == wanted for c in columns), f"wanted {wanted} values in every tuple, one a layer")
        choose(self.compared, COMPARED, "signal that the loss compares")
        loss_named(self.loss)
        require(min(self.tau_noise + self.tau_highpass) > 0 and self.dt > 0, "dt and time constants must be positive")


class Weights(NamedTuple):
    """Weights onto and from one layer, and the filtered changes of its forward ones."""

    W: Float[Array, "below above"]
    b: Float[Array, " above"]
    B: Float[Array, "above below"]
    W_trace: Float[Array, "below above"]
    b_trace: Float[Array, " above"]


class Activity(NamedTuple):
    """Activity of one layer, ``[trial, unit]``."""

    voltage: jax.Array
    lookahead: jax.Array
    rate: jax.Array
    slope: jax.Array
    highpass: jax.Array
    noise: jax.Array
    error: jax.Array


COMPARED = {
    "rate": lambda top, wanted: top.slope * wanted(top.rate),
    "lookahead": lambda top, wanted: wanted(top.lookahead),
}
"""Output error by the signal that the loss compares; ``wanted`` is minus the derivative of the loss."""


def next_noise(c: Constants, layers: list[Activity], key: jax.Array) -> list[jax.Array]:
    """Advance the Ornstein-Uhlenbeck noise of every layer by one step."""
    fresh = []
    for n, layer in enumerate(layers):
        normal = jax.random.normal(jax.random.fold_in(key, n), layer.noise.shape, layer.noise.dtype)
        kick = jnp.sqrt(c.tau_noise[n] * c.dt) * c.sigma[n] * normal
        fresh.append(layer.noise + (kick - c.dt * layer.noise) / c.tau_noise[n])
    return fresh


def step(
    c: Constants,
    weights: list[Weights],
    layers: list[Activity],
    clock: Float[Array, " trial"],
    x: Float[Array, "trial inputs"],
    target: Float[Array, "trial outputs"] | None,
    noise: list[jax.Array],
    probe: Probe = untouched,
) -> tuple[list[Weights], list[Activity]]:
    """Advance activity and weights by one time step.

    Parameters
    ----------
    c, weights, layers
        Constants, and the state of every layer from the bottom up.
    clock
        Steps done before this one; a filter sees no jump in the first.
    x, target
        Clamped input, and target of the output layer (None: no error, as in evaluation).
    noise
        Value of the noise in this step.
    probe
        Sees rates as ``"layer<n>.rate"``, errors as ``"layer<n>.error"``.

    Returns
    -------
    New weights and activity. Every layer sees its neighbours as they were in the last step.
    """
    below, depth = [x, *(layer.rate for layer in layers[:-1])], range(len(layers))
    new = [_activity(c, n, weights[n], layers[n], clock, below[n], noise[n], probe) for n in depth]
    errors = _errors(c, weights, layers, target)
    new = [new[n]._replace(error=probe(f"layer{n + 1}.error", "learning", errors[n])) for n in depth]
    return [_learn(c, n, weights[n], below[n], new) for n in depth], new


def _activity(
    c: Constants,
    n: int,
    weights: Weights,
    old: Activity,
    clock: jax.Array,
    below: jax.Array,
    noise: jax.Array,
    probe: Probe,
) -> Activity:
    drive = below @ weights.W
    drive = drive + spread(weights.b, drive)
    lookahead = drive + noise
    voltage = old.voltage + c.dt * (lookahead - old.voltage) / c.tau
    rate = probe(f"layer{n + 1}.rate", "inference", activation(c.activations[n])(lookahead))
    jump = jnp.where(clock[:, None] > 0, rate - old.rate, 0)
    highpass = old.highpass + jump - c.dt / c.tau_highpass[n] * old.highpass
    return Activity(voltage, lookahead, rate, activation(c.activations[n]).slope(lookahead), highpass, noise, old.error)


def _errors(c: Constants, weights: list[Weights], old: list[Activity], target: jax.Array | None) -> list[jax.Array]:
    """Errors of all layers, each from the layer above as it was."""
    top = old[-1]
    loss = loss_named(c.loss)

    def wanted(output: jax.Array) -> jax.Array:
        return -loss.of_trials(loss.error, output, target)

    output = jnp.zeros_like(top.error) if target is None else c.beta * COMPARED[c.compared](top, wanted)
    hidden = [here.slope * (above.error @ w.B) for here, above, w in zip(old, old[1:], weights[1:], strict=False)]
    return [*hidden, output]


def _learn(c: Constants, n: int, weights: Weights, below: jax.Array, new: list[Activity]) -> Weights:
    trials, here = len(below), new[n]
    W_trace = _lowpassed(c, n, weights.W_trace, below.T @ here.error / trials)
    b_trace = _lowpassed(c, n, weights.b_trace, here.error.mean(0))
    B = weights.B
    if n > 0:
        hebbian = here.highpass.T @ new[n - 1].noise / trials
        B = B + c.feedback_learning_rate[n] * c.dt * (hebbian - c.decay[n] * B)
    W, b = weights.W + c.learning_rate[n] * W_trace, weights.b + c.learning_rate[n] * b_trace
    return Weights(W, b, B, W_trace, b_trace)


def _lowpassed(c: Constants, n: int, trace: jax.Array, change: jax.Array) -> jax.Array:
    if c.tau_lowpass[n] == 0:
        return c.dt * change
    return trace + c.dt / c.tau_lowpass[n] * (c.dt * change - trace)


def silent(sizes: tuple[int, ...], trials: int, dtype: jnp.dtype) -> list[Activity]:
    """Activity of all layers before the first step: zero."""
    return [Activity(*(jnp.zeros((trials, size), dtype) for _ in Activity._fields)) for size in sizes]
