"""The base of every circuit whose trials have time: ports, goals, readouts, scores, learning per trial and online."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch, Circuit, Outcome, Population, Projection
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.losses import LOSSES, loss_named
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.recurrent import cell_types, online
from biocredit.circuits.recurrent.cells.model import CellModel
from biocredit.circuits.recurrent.checks import check_rule, check_settings
from biocredit.circuits.recurrent.credit.family import LIU_2022
from biocredit.circuits.recurrent.credit.signals import in_tree, state_of
from biocredit.circuits.recurrent.credit.temporal_rule import TemporalRule
from biocredit.circuits.recurrent.initial_weights import Drawing
from biocredit.circuits.recurrent.network import Network
from biocredit.circuits.recurrent.ports import Ports
from biocredit.circuits.recurrent.readout import Goal, accuracy, decided, evaluate, labels_right, squared_error
from biocredit.circuits.recurrent.regularisation import Regulariser
from biocredit.circuits.recurrent.rules import rule_named
from biocredit.circuits.recurrent.timeline import one_step, shown, timeline
from biocredit.circuits.recurrent.trials import goal, stimulus
from biocredit.circuits.recurrent.type_table import TypeTable


class TemporalCircuit(Circuit):
    """A recurrent network of cells of one model, with cell types, Dale signs and a temporal credit rule.

    x_t = integrate(x_{t-1}, z_{t-1}, I_t) and z_t for each cell as its model says, currents
    I_t = z_{t-1} W_rec + sum over input ports of x_t W_in + b, readouts y_t = z_t W_out + b_out.

    Parameters
    ----------
    inputs, readouts
        Number of channels of each input port, of outputs of each readout, by name: ``{"cue": 2}``, ``{"choice": 2}``.
        Weights of a lone port are ``W_in`` (``W_out``, ``b_out``), of several ``W_in_<port>``.
    types
        Cell types.
    cell, cell_constants
        Cell model, and its constants in the tree.
    rule, owner_gain
        Name in :data:`biocredit.circuits.recurrent.rules.RULES`, or a rule itself; ``"exact"`` or ``"mu"`` for the
        cell that owns the synapse.
    mu, mu_fraction
        Mean gain as a number, or as a fraction of the mean gain of the trials at hand.
    taps, truncation
        Number S of receptor taps (all by default); number of last recurrent transmissions over which credit passes.
    feedback
        ``"symmetric"`` (readout weights), ``"random"`` (fixed) or ``"adaptive"`` (learned) weights of the learning
        signal; by default what the rule says.
    feedback_decay
        Fraction that readout and adaptive feedback weights lose at every update.
    loss, classes
        Name in :data:`biocredit.circuits.core.losses.LOSSES`, or ``loss(y, target) -> value`` per trial and step (class
        numbers as one-hot rows); whether targets are class numbers (of a loss of one's own: where they are integers, by
        default).
    answer
        ``"last"``: the readout counts at the last step; ``"every"``: at every step; a number: the mean over so many
        last steps, and the choice is that of the mean readout. Where a batch says when
        (``targets["when"]``), that is what counts.
    reduction
        ``"mean"`` or ``"sum"`` over trials.
    drawing
        What the initial weights depend on.
    readout_tau
        Time constant in ms with which the readout filters outputs, or ``(decay, gain)`` of the filter.
    rates
        Regularisation of the activity.
    segments
        Credit does not pass between stretches of so many steps, counted from the end.
    bias
        Whether the cells' constant current learns.
    dt
        Time step in ms.
    seed, dtype, matmul_precision
        See :class:`biocredit.circuits.core.circuit.Circuit`.
    """

    clocked = True
    #: Whether a cell may have a synapse onto itself.
    autapses = False

    def __init__(
        self,
        inputs: Mapping[str, int],
        readouts: Mapping[str, int],
        *,
        types: TypeTable,
        cell: CellModel,
        cell_constants: Mapping[str, np.ndarray],
        rule: Any,
        owner_gain: str,
        mu: float | None,
        mu_fraction: float | None,
        taps: int | None,
        truncation: int | None,
        feedback: str | None,
        feedback_decay: float,
        loss: str | Callable,
        classes: bool | None,
        answer: str | int,
        reduction: str,
        drawing: Mapping[str, Any],
        readout_filter: tuple[float, float] | None,
        rates: Regulariser | None,
        bias: bool,
        dt: float,
        seed: int,
        dtype: Any,
        matmul_precision: str,
        weights: Mapping[str, Any] | None,
        mask: Mapping[str, Any] | None,
        segments: int | None = None,
    ):
        super().__init__(seed=seed, dtype=dtype, matmul_precision=matmul_precision, weights=weights, mask=mask)
        self.inputs, self.readouts, self.dt, self.signs = dict(inputs), dict(readouts), dt, types.signs
        rule = rule_named(rule, owner_gain)
        feedback = feedback or ("random" if rule.random_feedback else "symmetric")
        check_settings(dt, mu if mu is not None else mu_fraction, feedback=feedback, answer=answer, reduction=reduction)
        self.answer = answer
        self.loss = loss_named(loss)
        named = classes is None and self.loss in LOSSES.values()
        self.classes = self.loss.takes == ("classes",) if named else classes
        ports = Ports(self.inputs, "W_in"), Ports(self.readouts, "W_out")
        self.network = Network(
            tuple(types.counts),
            types.of_cells(),
            cell,
            rule,
            *ports,
            self.loss,
            reduction == "mean",
            dt,
            taps,
            truncation,
            rates,
            segments,
        )
        constants = dict(cell_constants) | ({"mu_fraction": mu_fraction} if mu is None else {"mu": mu})
        if readout_filter is not None:
            constants |= dict(zip(("readout_keep", "readout_gain"), readout_filter, strict=True))
        self.drawing = Drawing(types=types, constants=constants, feedback=feedback, **drawing)
        check_rule(self.network, ports[0].channels, self.dtype.itemsize)
        self._register(feedback == "adaptive", feedback_decay, bias)
        self._warn_unstable()

    def _register(self, adaptive: bool, decay: float, bias: bool) -> None:
        ports = self.network.inputs, self.network.readouts
        plastic = {"W_rec", *ports[0].weights, *ports[1].weights, *ports[1].biases}
        plastic |= ({"feedback"} if adaptive else set()) | ({"b_rec"} if bias else set())
        values = self.drawn(self.seed)
        lost = {"factor": 1 - decay, "decay": decay} if adaptive else {}

        def mask(name: str) -> str | None:
            return f"mask_{name}" if f"mask_{name}" in values else None

        for source, name in ports[0].entries:
            self.connect(Projection(name, source, "cells", "inference", mask=mask(name)))
        self.connect(
            Projection("W_rec", "cells", "cells", "recurrent", mask="mask_rec", self_connections=self.autapses)
        )
        if bias:
            self.connect(Projection("b_rec", "", "cells", "bias"))
        for (sink, name), shift in zip(ports[1].entries, ports[1].biases, strict=True):
            self.connect(Projection(name, "cells", sink, "inference", mask=mask(name), **lost))
            self.connect(Projection(shift, "", sink, "readout_bias"))
        if "feedback" in values:
            sinks = ", ".join(self.readouts)
            self.connect(Projection("feedback", sinks, "cells", "feedback", plastic=adaptive, **lost))
        for name, value in self.enclosed(values).items():
            self.persistent(name, value, plastic=name in plastic)
        self._activities()

    def _activities(self) -> None:
        size, outputs = len(self.network.type_id), self.network.readouts.channels
        for name in (*self._shown(), "cells.trace", "cells.learning_signal", "cells.secretion"):
            self.activity(name, size)
        for name in ("modulator", "receptor"):
            self.activity(name, len(self.signs))
        for name in ("output", "error"):
            self.activity(name, outputs)

    def _shown(self) -> tuple[str, ...]:
        """Names of what the cells show."""
        blank = jax.ShapeDtypeStruct((1, 1, self.network.inputs.channels), self.dtype)

        def show(x: jax.Array) -> Tree:
            course = self.network.run(self.read(), x)
            activity = course.activity
            return shown(self.network, activity.shown, activity.rate, activity.gain, course.filtered)

        return tuple(jax.eval_shape(show, blank))

    def spikes(self) -> tuple[str, ...]:
        """The outputs of spiking cells."""
        return ("cells.spike",) if self.network.cell.spiking else ()

    def drawn(self, seed: int) -> dict[str, np.ndarray]:
        """Draw weights, masks, constants and the state of the rule, whatever the circuit was given."""
        return self.drawing.draw(self.network, seed)

    def initial(self, seed: int) -> dict[str, np.ndarray]:
        """Draw weights, masks, constants and the state of the rule; the same seed gives the same arrays."""
        return self.drawn(seed)

    def _warn_unstable(self) -> None:
        needs, tree = set(self.network.rule.needs), self.read()
        if "mu" not in needs or "mu" not in tree:
            return
        if tree["mu"] > 1 and not self.network.cell.spiking:
            warnings.warn(f"mu = {tree['mu']} is above 1: a mean gain is usually between 0.2 and 0.5", stacklevel=4)
        if "types" in needs and (radius := float(self.modulator_radius(tree))) >= 1:
            warnings.warn(f"modulators grow by {radius:.3f} per step with mu = {tree['mu']}: take less", stacklevel=4)

    def modulator_radius(self, tree: Tree, mu: jax.Array | None = None) -> jax.Array:
        """Growth per step of the effect of a modulator: the spectral radius of the mixing matrix.

        From 1 on it does not die out: take a smaller mu, or a rule that keeps the reset (``"modprop_self"``).
        """
        return cell_types.growth(self.network.links(tree, self.network.rule.paths, mu).mix)

    # -- trials -------------------------------------------------------------------------------------------

    def learn(self, tree: Tree, batch: Batch, key: jax.Array | None = None, probe: Probe = untouched) -> Outcome:
        """Run a batch of trials and let the rule say how the plastic weights should change."""
        inputs, *aims = self.arrange(batch)
        aim = self._goal(*aims)
        found, losses, course = self.network.gradient(tree, inputs, aim, probe)
        metrics = losses | self._scores(course.output, aim) | self._rates(tree, course.activity.rate, inputs)
        if "types" in self.network.rule.needs and "mu" in self.network.rule.needs:
            mu = self.network.mean_gain(tree, course.activity.gain)
            metrics["modulator_radius"] = self.modulator_radius(tree, mu)
        return Outcome({name: found[name] for name in self.plastic}, in_tree(state_of(found)), metrics)

    def respond(self, tree: Tree, inputs: Mapping[str, jax.Array], probe: Probe = untouched) -> Tree:
        """Run the network; return the readouts ``[trial, time, output]`` by name."""
        y = self.network.run(tree, stimulus(inputs, self.network.inputs, self.dtype), probe).output
        return {name: value.swapaxes(0, 1) for name, value in self.network.readouts.apart(y).items()}

    def arrange(self, batch: Batch) -> tuple[jax.Array, Any, Any]:
        """Return inputs, targets and weights of every step, time first; by name where there are several readouts."""
        inputs = stimulus(batch.inputs, self.network.inputs, self.dtype)
        aim = goal(batch.targets, self.network.readouts, self.classes, self.answer, inputs.shape[:2], self.dtype)
        if len(self.readouts) > 1:
            return inputs, aim.target, aim.when
        (name,) = self.readouts
        return inputs, aim.target[name], aim.when[name]

    def _goal(self, target: Any, when: Any) -> Goal:
        if isinstance(target, Mapping):
            return Goal(dict(target), dict(when))
        (name,) = self.readouts
        return Goal({name: target}, {name: when})

    def metrics(self, outputs: Tree, targets: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """Score readouts ``[trial, time, output]``: loss, and accuracy or normalised squared error of each."""
        ports = self.network.readouts
        y = jnp.concatenate(ports.given(outputs, "readout"), axis=-1).swapaxes(0, 1)
        aim = goal(targets, ports, self.classes, self.answer, y.shape[:2], self.dtype)
        loss = evaluate(self.network.loss, y, aim, ports, self.network.mean)[0]
        return {"loss": loss} | self._scores(y, aim)

    def _scores(self, y: jax.Array, aim: Goal) -> dict[str, jax.Array]:
        """Accuracy of choices (by the mean readout over the steps that count) or labels, or error of values."""
        found = {}
        for name, output in self.network.readouts.apart(y).items():
            target, when = aim.target[name], aim.when[name]
            if target.ndim == 3 and "probabilities" in self.loss.takes:
                target = target.argmax(-1)
            if target.ndim < 3:
                what, measure = "accuracy", accuracy
            elif "values" in self.loss.takes:
                what, measure = "normalised_error", squared_error
            else:
                what, measure, output = "label_accuracy", labels_right, self.loss.predict(output)
            if what == "accuracy" and not isinstance(self.answer, str):
                output, target, when = decided(output, target, when)
            right, of = measure(output, target, when)
            found[what if len(self.readouts) == 1 else f"{what}.{name}"] = right / of
        return found

    def _rates(self, tree: Tree, output: jax.Array, inputs: jax.Array) -> dict[str, jax.Array]:
        """Firing rates in Hz, fractions of spiking cells that are silent or fire as fast as they can, mean input."""
        if not self.network.cell.spiking:
            return {}
        rate = output.mean((0, 1))
        fast, hertz = rate * (1 + tree["dead_steps"]) > 0.9, rate * (1000 / self.dt)
        shares = {"silent_cells": rate == 0, "saturated_cells": fast}
        found = {name: jnp.mean(which, dtype=rate.dtype) for name, which in shares.items()}
        return {"firing_rate": hertz.mean(), "highest_rate": hertz.max(), "mean_input": jnp.abs(inputs).mean(), **found}

    def trial(self, tree: Tree, batch: Batch, key: jax.Array | None = None, probe: Probe = untouched) -> Tree:
        """Return the time course of every variable, ``[time, trial, unit]`` by name."""
        inputs, *aims = self.arrange(batch)
        return timeline(self.network, tree, inputs, self._goal(*aims), probe)

    # -- running time -------------------------------------------------------------------------------------

    def begin(self, tree: Tree, trials: int = 1, start: Mapping[str, jax.Array] | None = None) -> online.Carry:
        """Return the carry of online learning at the start of a presentation, at rest or with these state variables."""
        return online.begin(self.network, tree, trials, start)

    def advance(
        self, tree: Tree, carry: online.Carry, stretch: tuple[jax.Array, Any, Any], probe: Probe = untouched
    ) -> tuple[online.Carry, Outcome]:
        """Run a stretch of time, cut from what :meth:`arrange` returns, and say how the weights should change."""
        aim = self._goal(*stretch[1:])
        carry, found = online.advance(self.network, tree, carry, stretch[0], aim, probe)
        metrics = {"loss": found.loss} | self._scores(found.course.output, aim)
        changes = {name: found.changes[name] for name in self.plastic}
        outputs = {k: v.swapaxes(0, 1) for k, v in self.network.readouts.apart(found.course.output).items()}
        return carry, Outcome(changes, in_tree(state_of(found.changes)), metrics, outputs)

    @property
    def rule(self) -> TemporalRule:
        """What the synapses need, and how they change."""
        return self.network.rule

    def kept_signs(self, tree: Tree) -> Tree:
        """Signs of the cell types for what cells send, and of single synapses for inputs."""
        ports = self.network.inputs, self.network.readouts
        signs = dict.fromkeys(("W_rec", *ports[1].weights), tree["sign"][:, None])
        return signs | ports[0].split(tree["sign_in"])

    def follows(self, tree: Mapping[str, Any], given: Mapping[str, Any]) -> Tree:
        """Signs of input synapses, where they are fixed, follow from given input weights."""
        inputs = self.network.inputs
        if not set(inputs.weights) & set(given) or "sign_in" in given or not self.drawing.signed_inputs:
            return {}
        weight, before = np.asarray(inputs.join(tree)), np.asarray(tree["sign_in"])
        signs = np.where(weight == 0, before, np.sign(weight))
        return {} if np.array_equal(signs, before) else {"sign_in": signs}

    def update(self, x: jax.Array, *target: jax.Array) -> jax.Array:
        """Advance by one step and return the readout ``[trial, output]``.

        Parameters
        ----------
        x
            Input ``[trial, channel]`` of all ports side by side.
        *target
            Target of this step for each readout, ``[trial]`` class numbers or ``[trial, output]``; while one is
            clamped, learning signal, secretion and modulators are there, otherwise they are zero.
        """
        tree = {name: variable.value for name, variable in self._persistent.items()}
        state = {name: variable.value for name, variable in self._activity.items()}
        for name, value in one_step(self.network, tree, state, x, *target).items():
            self._activity[name].value = value
        return self._activity["output"].value

    def spectrum(self) -> np.ndarray:
        """Eigenvalues of the recurrent weights, the largest first."""
        values = np.linalg.eigvals(np.asarray(self.read()["W_rec"], np.float64))
        return values[np.argsort(-np.abs(values))]

    @property
    def citation(self) -> str:
        """Source of the rule, or of the network where it names none."""
        return self.network.rule.citation or LIU_2022

    def firing(self) -> tuple[str, ...]:
        """The cells: their output passes a probe."""
        return ("cells",)

    def signals(self) -> tuple[str, ...]:
        """Modulators and receptors by name, for pharmacology, where the rule has any."""
        return cell_types.chemicals(self.network.names) if "types" in self.network.rule.needs else ()

    def example(self, trials: int = 2) -> Batch:
        """Return trials of four steps: labels, or values at every step."""
        inputs = {name: np.zeros((trials, 4, size), self.dtype) for name, size in self.inputs.items()}
        targets = {
            name: np.zeros(trials, np.int32) if self.classes else np.zeros((trials, 4, size), self.dtype)
            for name, size in self.readouts.items()
        }
        return Batch(inputs, targets, {"index": np.arange(trials)})

    def populations(self) -> list[Population]:
        """List inputs, cells with their types, readouts."""
        network = self.network
        blocks = {name: np.flatnonzero(np.array(network.type_id) == k) for k, name in enumerate(network.names)}
        cell_type = tuple(network.names[k] for k in network.type_id)
        return [
            *(Population(name, size, "input") for name, size in self.inputs.items()),
            Population("cells", len(network.type_id), "region", blocks, cell_type),
            *(Population(name, size, "readout") for name, size in self.readouts.items()),
        ]
