"""The continuous-time network that was compared with motor cortex, with a learned initial state.

a_t = a_{t-1} + dt/tau (-a_{t-1} + h_{t-1} W_rec + x_t W_in + b), h_t = max(tanh(a_t), 0), y_t = h_t W_out + b_out, one
Euler step of the rate equation (Liu, Yang and Cueva 2025, arXiv 2506.06904). The initial state a0 and the bias b are
weights of two more input ports: ``start`` is on for one step before the first, ``constant`` from the first step on
(:func:`begun`). So every temporal rule learns them as it learns input weights.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.activations import activation as activation_named
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.initializers import stream
from biocredit.circuits.recurrent import wiring
from biocredit.circuits.recurrent.cells import LeakyRate
from biocredit.circuits.recurrent.credit.step_rule import StepRule
from biocredit.circuits.recurrent.credit.temporal_rule import TemporalRule
from biocredit.circuits.recurrent.regularisation import MeanSquare
from biocredit.circuits.recurrent.temporal_circuit import TemporalCircuit
from biocredit.circuits.recurrent.type_table import TypeTable

#: Ports whose weights are the bias of the cells and their initial state.
CONSTANT, START = "constant", "start"

#: Recurrent weights have this standard deviation over the square root of N where the gain is 1.
USUAL_GAIN = 1.5


def begun(batch: Batch, amplitude: float) -> Batch:
    """Put a step before the first one, and the two ports through which bias and initial state act.

    Parameters
    ----------
    batch
        Trials with time.
    amplitude
        Of the start port: tau / dt, so that its weights are the state that the first step finds.

    Returns
    -------
    Batch
        Inputs and targets one step longer; the new step does not count.
    """
    longer = {name: _after_silence(values) for name, values in batch.inputs.items()}
    first = next(iter(longer.values()))
    on = jnp.broadcast_to((jnp.arange(first.shape[1]) == 0)[None, :, None], (*first.shape[:2], 1)).astype(first.dtype)
    targets = {name: _after_silence(values) for name, values in batch.targets.items()}
    if not any(name.startswith("when") for name in targets):
        targets["when"] = 1 - on[..., 0]
    return Batch({**longer, CONSTANT: 1 - on, START: amplitude * on}, targets, batch.trials)


def _after_silence(values: jax.Array) -> jax.Array:
    require(values.ndim >= 2, f"wanted [trial, time, ...] with a value for every step, got shape {values.shape}")
    return jnp.concatenate([jnp.zeros_like(values[:, :1]), values], axis=1)


class CTRNN(TemporalCircuit):
    """A rectified-tanh network, one Euler step per time step; cells may have any sign and connect to themselves.

    Parameters
    ----------
    inputs, readouts
        Ports, as in :class:`~biocredit.circuits.recurrent.rate_rnn.RateRNN`. ``constant`` and ``start`` (one channel
        each) carry bias and initial state, which begin at zero; ``tasks.begun`` adds them to a task.
    neurons
        Number of cells.
    tau, dt
        Time constant and time step in ms.
    gain
        g0: recurrent weights are drawn from Normal(0, (1.5 g0)^2 / N).
    penalty
        lambda at the start: penalty on the mean square activity, see
        :class:`~biocredit.circuits.recurrent.regularisation.MeanSquare`.
    segments
        Credit does not pass between stretches of so many steps, counted from the end; it always passes within cells.
    rule, feedback, truncation, loss, classes, answer, reduction, mu, taps
        As in :class:`~biocredit.circuits.recurrent.rate_rnn.RateRNN`; the loss is the summed square where nothing is
        said. ``rule="bptt"``, ``rule="eprop"``, ``rule="bptt", segments=10`` and ``rule="bptt", feedback="random"`` are
        the learning modes of the source.
    activation
        Transfer function.
    seed, dtype, matmul_precision, weights, mask
        See :class:`biocredit.circuits.core.circuit.Circuit`.

    Examples
    --------
    >>> net = CTRNN({"cues": 3, "constant": 1, "start": 1}, 5, {"arm": 2}, tau=100.0, dt=10.0)
    >>> net.respond(net.read(), {"cues": jnp.ones((4, 6, 3)), "constant": jnp.ones((4, 6, 1)),
    ...                          "start": jnp.zeros((4, 6, 1))})["arm"].shape
    (4, 6, 2)
    """

    def __init__(
        self,
        inputs: dict[str, int],
        neurons: int,
        readouts: dict[str, int],
        *,
        tau: float = 100.0,
        dt: float = 10.0,
        gain: float = 1.0,
        penalty: float = 10.0,
        segments: int | None = None,
        rule: str | TemporalRule | StepRule = "bptt",
        feedback: str | None = None,
        truncation: int | None = None,
        loss: str | Callable = "squared_error",
        classes: bool | None = None,
        answer: str | int = "every",
        reduction: str = "mean",
        mu: float = 0.25,
        taps: int | None = None,
        activation: str | Callable = "retanh",
        seed: int = 0,
        dtype: Any = None,
        matmul_precision: str = "float32",
        weights: Mapping[str, Any] | None = None,
        mask: Mapping[str, Any] | None = None,
    ):
        require(tau >= dt, f"tau: wanted at least a step of {dt:g} ms, got {tau:g}")
        require(penalty >= 0, f"penalty: wanted 0 or more, got {penalty:g}")
        require(segments is None or segments >= 1, f"segments: wanted a number of steps from 1 on, got {segments}")
        for port in {CONSTANT, START} & set(inputs):
            require(inputs[port] == 1, f"port {port!r} has one channel, got {inputs[port]}")
        self.gain = gain
        cell = LeakyRate(activation_named(activation))
        keep = {"rule.penalty": np.float64(penalty)} if penalty else {}
        super().__init__(
            inputs,
            readouts,
            types=TypeTable.given({"cells": neurons}, {"cells": 0}, tau),
            cell=cell,
            cell_constants=cell.constants(np.float64(1 - dt / tau), dt) | keep,
            rule=rule,
            owner_gain="exact",
            mu=mu,
            mu_fraction=None,
            taps=taps,
            truncation=truncation,
            feedback=feedback,
            feedback_decay=0.0,
            loss=loss,
            classes=classes,
            answer=answer,
            reduction=reduction,
            drawing={"density": 1.0, "draws": wiring.INITIAL["gaussian"], "signed_inputs": False},
            readout_filter=None,
            rates=MeanSquare(penalty, START in inputs) if penalty else None,
            segments=segments,
            bias=False,
            dt=dt,
            seed=seed,
            dtype=dtype,
            matmul_precision=matmul_precision,
            weights=weights,
            mask=mask,
        )

    @classmethod
    def for_task(cls, task: Any, neurons: int, **settings: Any) -> "CTRNN":
        """Build a network with the ports and the time step of a temporal task."""
        return cls(task.inputs, neurons, task.readouts, **{"dt": task.dt, **settings})

    autapses = True

    def drawn(self, seed: int) -> dict[str, np.ndarray]:
        """Draw weights as the source does; the same seed gives the same arrays."""
        values = super().drawn(seed)
        size = len(values["W_rec"])
        values["W_rec"] = self.gain * USUAL_GAIN / np.sqrt(size) * stream(seed, "W_rec").standard_normal((size, size))
        values["mask_rec"] = np.ones((size, size))
        cues = sum(count for port, count in self.inputs.items() if port not in (CONSTANT, START))
        for port, name in self.network.inputs.entries:
            drawn = stream(seed, name).standard_normal(values[name].shape) / np.sqrt(max(cues, 1))
            values[name] = drawn * (port not in (CONSTANT, START))
        for name in self.network.readouts.weights:
            values[name] = stream(seed, name).uniform(-1, 1, values[name].shape) / np.sqrt(size)
        if "feedback" in values:
            values["feedback"] = stream(seed, "feedback").uniform(-1, 1, values["feedback"].shape) / np.sqrt(size)
        return values
