"""Recurrent networks of leaky integrate-and-fire cells, as a BrainPy dynamical system."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from biocredit.circuits.core.circuit import Batch, Outcome
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import choose, nearest, require
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.recurrent import wiring
from biocredit.circuits.recurrent.cells import LIF, IntegrateAndFire
from biocredit.circuits.recurrent.credit.step_rule import StepRule
from biocredit.circuits.recurrent.credit.temporal_rule import TemporalRule
from biocredit.circuits.recurrent.regularisation import FiringRate
from biocredit.circuits.recurrent.rules import rule_named
from biocredit.circuits.recurrent.temporal_circuit import TemporalCircuit
from biocredit.circuits.recurrent.type_table import TypeTable


class SpikingRNN(TemporalCircuit):
    """A recurrent network of spiking cells with cell types, Dale signs and a temporal credit rule chosen by name.

    Cells as in :mod:`biocredit.circuits.recurrent.cells.integrate_and_fire`; the readout sees filtered spikes,
    f_t = kappa f_{t-1} + ck z_t, y_t = f_t W_out + b_out. Where a rule needs the derivative of a spike it takes the
    pseudo-derivative.

    Parameters
    ----------
    inputs, neurons, readouts, signs, dt, density, taps, truncation, feedback, feedback_decay, loss, classes, answer
        As in :class:`~biocredit.circuits.recurrent.rate_rnn.RateRNN`; signs are unconstrained by default where
        ``neurons`` is a number.
    cells
        Cell model, or one per type: ``{"E": ALIF(beta=1.8), "I": LIF()}``.
    tau_out, readout_gain
        Time constant in ms of the readout's filter, ``None`` for none; its gain ck, ``"leak"`` (1 - kappa) or
        ``"unit"``.
    rule
        Name in :data:`biocredit.circuits.recurrent.rules.RULES`, or a rule itself. ModProp whose cells on the way keep
        reset and adaptation is ``modprop_self`` (``modprop_wab_self``); ``modprop`` is the literal transcription of the
        rate rule, a leak only, and may grow without bound.
    reset_gradient
        Whether eligibility traces keep the reset: ``"local"`` or ``"cut"``; what the rule says by default.
    mu, mu_fraction
        Mean pseudo-derivative as a number, or as a fraction of the mean over the trials at hand.
    rates
        Firing-rate regularisation, :class:`~biocredit.circuits.recurrent.regularisation.FiringRate`.
    scale
        Factor of the drawn input and recurrent weights.
    density_in, density_out
        Fractions of input and readout synapses that exist.
    initial, signed_inputs, bias, reduction, seed, dtype, matmul_precision, weights, mask
        ``"bellec_2020"`` draws all weights N(0, 1 / number of inputs), ``"bellec_2020_choice"`` the readout uniform
        (Glorot); otherwise as in :class:`~biocredit.circuits.recurrent.rate_rnn.RateRNN`.

    Raises
    ------
    CircuitError
        For values out of range, unknown names, a rule without the option asked for, or too little memory for RTRL.

    Notes
    -----
    Bellec et al. 2020, doi:10.1038/s41467-020-17236-y; Liu et al. 2021, doi:10.1073/pnas.2111821118.

    Examples
    --------
    >>> net = SpikingRNN({"cue": 2}, {"E": 16, "I": 4}, {"choice": 2}, cells=LIF(tau=20.0, refractory=3.0))
    >>> net.respond(net.read(), {"cue": jnp.ones((3, 5, 2))})["choice"].shape
    (3, 5, 2)
    """

    def __init__(
        self,
        inputs: Mapping[str, int],
        neurons: int | Mapping[str, int],
        readouts: Mapping[str, int],
        *,
        cells: IntegrateAndFire | Mapping[str, IntegrateAndFire] | None = None,
        signs: Mapping[str, int] | None = None,
        dt: float = 1.0,
        tau_out: float | None = 20.0,
        readout_gain: str = "leak",
        density: float = 1.0,
        density_in: float = 1.0,
        density_out: float = 1.0,
        rule: str | TemporalRule | StepRule = "eprop",
        reset_gradient: str | None = None,
        mu: float | None = None,
        mu_fraction: float = 0.25,
        owner_gain: str = "exact",
        taps: int | None = None,
        truncation: int | None = None,
        feedback: str | None = None,
        feedback_decay: float = 0.0,
        rates: FiringRate | None = None,
        loss: str | Callable = "cross_entropy",
        classes: bool | None = None,
        answer: str | int = "last",
        reduction: str = "mean",
        initial: str = "gaussian",
        scale: float = 1.0,
        signed_inputs: bool = False,
        bias: bool = False,
        seed: int = 0,
        dtype: Any = None,
        matmul_precision: str = "float32",
        weights: Mapping[str, Any] | None = None,
        mask: Mapping[str, Any] | None = None,
    ):
        require(dt > 0, f"dt must be positive (ms), got {dt}")
        if isinstance(neurons, int):
            neurons = {"cells": neurons}
        models = cells_by_type(cells if cells is not None else LIF(), neurons)
        types = TypeTable.given(neurons, signs, {name: model.tau for name, model in models.items()})
        kind, constants = together(models, types, dt)
        drawing = {
            "density": density,
            "density_in": density_in,
            "density_out": density_out,
            "draws": choose(initial, wiring.INITIAL, "initial distribution"),
            "signed_inputs": signed_inputs,
            "scale": scale,
            "input_scale": wiring.INPUT_SCALE.get(initial, 1.0),
        }
        super().__init__(
            inputs,
            readouts,
            types=types,
            cell=kind,
            cell_constants=constants,
            rule=rule if reset_gradient is None else with_reset(rule, owner_gain, reset_gradient),
            owner_gain=owner_gain if reset_gradient is None else "exact",
            mu=mu,
            mu_fraction=mu_fraction,
            taps=taps,
            truncation=truncation,
            feedback=feedback,
            feedback_decay=feedback_decay,
            loss=loss,
            classes=classes,
            answer=answer,
            reduction=reduction,
            drawing=drawing,
            readout_filter=readout_filter(tau_out, readout_gain, dt),
            rates=rates,
            bias=bias,
            dt=dt,
            seed=seed,
            dtype=dtype,
            matmul_precision=matmul_precision,
            weights=weights,
            mask=mask,
        )
        self._told = set()

    @classmethod
    def for_task(cls, task: Any, neurons: int | Mapping[str, int], **settings: Any) -> "SpikingRNN":
        """Build a network with the ports, time step and loss of a temporal task."""
        return cls(task.inputs, neurons, task.readouts, **{"dt": task.dt, **getattr(task, "scoring", {}), **settings})

    def learn(self, tree: Tree, batch: Batch, key: jax.Array | None = None, probe: Probe = untouched) -> Outcome:
        """Run a batch of trials and let the rule say how the plastic weights should change."""
        self._check_refractory(batch)
        outcome = super().learn(tree, batch, key, probe)
        if not isinstance(outcome.metrics["loss"], jax.core.Tracer):
            for what, line in self.advice(outcome.metrics).items():
                self._once(what, line)
        return outcome

    def _check_refractory(self, batch: Batch) -> None:
        steps = next(iter(batch.inputs.values())).shape[1]
        dead = int(np.max(self.drawing.constants["dead_steps"]))
        require(
            dead < steps,
            f"refractory period of {dead} steps is not shorter than the trial of {steps}: one spike a cell",
        )

    def advice(self, metrics: Mapping[str, Any]) -> dict[str, str]:
        """Say that a network is silent, or that most cells fire as fast as they can."""
        if "silent_cells" not in metrics:
            return {}
        seen = {name: np.atleast_1d(metrics[name]) for name in ("silent_cells", "saturated_cells", "firing_rate")}
        constants, found = self.drawing.constants, {}
        if (seen["silent_cells"] == 1).any():
            mean, threshold = float(np.mean(metrics["mean_input"])), float(np.mean(constants["threshold"]))
            found["silent"] = f"no cell spikes: mean input {mean:.3g}, threshold {threshold:.3g}"
        if (seen["saturated_cells"] > 0.5).any():
            fastest = 1000 / self.dt / (1 + float(np.max(constants["dead_steps"])))
            rate = float(np.nanmax(seen["firing_rate"]))
            told = f"most cells fire as fast as they can: {rate:.0f} Hz on average, at most {fastest:.0f} Hz"
            found["fast"] = told
        return found

    def _once(self, what: str, line: str) -> None:
        if what not in self._told:
            self._told.add(what)
            warnings.warn(line, stacklevel=4)


def cells_by_type(
    cells: IntegrateAndFire | Mapping[str, IntegrateAndFire], neurons: Mapping[str, int]
) -> dict[str, IntegrateAndFire]:
    """Return the cell model of each type."""
    if isinstance(cells, IntegrateAndFire):
        return dict.fromkeys(neurons, cells)
    for name in cells:
        require(name in neurons, f"unknown cell type {name!r} in cells: {nearest(name, neurons)}")
    for name in neurons:
        require(name in cells, f"no cells for type {name!r}: give a model for each of {', '.join(neurons)}")
    return {name: cells[name] for name in neurons}


def together(
    models: Mapping[str, IntegrateAndFire], types: TypeTable, dt: float
) -> tuple[IntegrateAndFire, dict[str, np.ndarray]]:
    """Return the one model that covers the cells of all types, and its constants: a LIF cell is ALIF with beta 0."""
    richest = max(models.values(), key=lambda kind: len(kind.variables))
    kinds = [richest.covering(kind) for kind in models.values()]
    each = [kind.constants(np.exp(-dt / np.float64(kind.tau)), dt) for kind in kinds]
    return kinds[0], {name: types.per_cell(np.array([one[name] for one in each])) for name in each[0]}


def readout_filter(tau_out: float | None, gain: str, dt: float) -> tuple[float, float] | None:
    """Return decay and gain of the readout's filter."""
    choose(gain, dict.fromkeys(("leak", "unit")), "readout_gain")
    if tau_out is None:
        return None
    require(tau_out > 0, f"tau_out must be positive (ms) or None, got {tau_out}")
    keep = float(np.exp(-dt / tau_out))
    return keep, 1 - keep if gain == "leak" else 1.0


def with_reset(rule: Any, owner_gain: str, reset_gradient: str) -> TemporalRule:
    """Return a rule whose eligibility traces keep the reset, or not."""
    choose(reset_gradient, dict.fromkeys(("local", "cut")), "reset_gradient")
    found = rule_named(rule, owner_gain)
    require(found.with_own is not None, f"rule {found.name!r} has no eligibility traces: leave reset_gradient=None")
    return found.with_own(reset_gradient)
