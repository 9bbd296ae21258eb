"""Leaky rate networks with cell types, as a BrainPy dynamical system."""

import warnings
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from biocredit.circuits.core.activations import activation
from biocredit.circuits.core.circuit import Batch, Circuit, Outcome, Population, Projection
from biocredit.circuits.core.credit_rule import Rule, Tree
from biocredit.circuits.core.errors import choose
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.recurrent import cell_types, wiring
from biocredit.circuits.recurrent.checks import check_rule, check_settings
from biocredit.circuits.recurrent.initial_weights import Drawing
from biocredit.circuits.recurrent.leak import LEAKS
from biocredit.circuits.recurrent.network import Network
from biocredit.circuits.recurrent.online import Carry, advance, begin
from biocredit.circuits.recurrent.readout import LOSSES, accuracy, evaluate, normalised_error
from biocredit.circuits.recurrent.rules import LIU_2022, rule_named
from biocredit.circuits.recurrent.signals import in_tree, state_of
from biocredit.circuits.recurrent.timeline import one_step, timeline
from biocredit.circuits.recurrent.trials import goal, only, stimulus
from biocredit.circuits.recurrent.type_table import TypeTable

#: Activity of the cells.
CELL_VARIABLES = ("state", "rate", "trace", "learning_signal", "secretion")


class RateRNN(Circuit):
    """A leaky recurrent rate network with cell types, Dale signs and a temporal credit rule chosen by name.

    s_t = keep s_{t-1} + (1 - keep) (z_{t-1} W_rec + x_t W_in + b), z_t = phi(s_t - threshold), y_t = z_t W_out + b_out,
    or with the leak after the nonlinearity, see :mod:`biocredit.circuits.recurrent.leak`.

    Parameters
    ----------
    inputs, readouts
        Number of channels of the input, of outputs of the readout, by name: ``{"cue": 2}``, ``{"choice": 2}``.
    neurons
        Number of cells of each type, ``{"I": 23, "E": 97}``; a number is split 20/80 into I and E. Cells are numbered
        type by type.
    signs
        Sign of each type: 1, -1, or 0 for unconstrained. By default E... types excite, I... types inhibit, and any
        other name is unconstrained.
    tau
        Time constant in ms: a number, or one per type.
    dt
        Time step in ms.
    nonlinearity, threshold
        Name in :data:`biocredit.circuits.core.activations.ACTIVATIONS`; threshold of every cell.
    leak
        ``"before"`` the nonlinearity (on the current) or ``"after"`` it (on the rate).
    density
        Fraction of recurrent synapses that exist; there are no self-connections.
    rule
        Name in :data:`biocredit.circuits.recurrent.rules.RULES`, or a rule itself.
    mu, owner_gain, taps, truncation
        Mean gain; ``"exact"`` or ``"mu"`` for the cell that owns the synapse; number S of receptor taps (all by
        default); number of last recurrent transmissions over which credit passes (all by default).
    feedback
        ``"symmetric"`` (readout weights) or ``"random"`` (fixed) weights of the learning signal.
    loss
        ``"cross_entropy"`` or ``"squared_error"``.
    answer
        ``"last"``: the readout counts at the last step; ``"every"``: at every step.
    reduction
        ``"mean"`` or ``"sum"`` over trials.
    initial
        Name in :data:`biocredit.circuits.recurrent.wiring.INITIAL`: ``"balanced"`` (Dale, currents cancel, no outlier
        eigenvalue), ``"liu_2022"`` (the ModProp program), ``"gaussian"``.
    signed_inputs
        Whether input synapses have fixed signs; by default where there are more than two inputs.
    seed, dtype, matmul_precision
        See :class:`biocredit.circuits.core.circuit.Circuit`.

    Raises
    ------
    CircuitError
        For values out of range, unknown names, a rule without the option asked for, or too little memory for RTRL.

    Notes
    -----
    Liu, Smith, Mihalas, Shea-Brown & Sumbul 2022, arXiv 2206.01338.

    Examples
    --------
    >>> net = RateRNN({"cue": 2}, {"I": 4, "E": 16}, {"choice": 2}, tau=10.0, rule="modprop_wab")
    >>> net.respond(net.read(), {"cue": jnp.ones((3, 5, 2))})["choice"].shape
    (3, 5, 2)
    """

    clocked = True

    def __init__(
        self,
        inputs: Mapping[str, int],
        neurons: int | Mapping[str, int],
        readouts: Mapping[str, int],
        *,
        signs: Mapping[str, int] | None = None,
        tau: float | Mapping[str, float] = 100.0,
        dt: float = 1.0,
        nonlinearity: str = "relu",
        threshold: float = 0.0,
        leak: str = "before",
        density: float = 1.0,
        rule: str | Rule = "bptt",
        mu: float = 0.25,
        owner_gain: str = "exact",
        taps: int | None = None,
        truncation: int | None = None,
        feedback: str = "symmetric",
        loss: str = "cross_entropy",
        answer: str = "last",
        reduction: str = "mean",
        initial: str = "balanced",
        signed_inputs: bool | None = None,
        seed: int = 0,
        dtype: Any = None,
        matmul_precision: str = "float32",
    ):
        super().__init__(seed=seed, dtype=dtype, matmul_precision=matmul_precision)
        self.inputs, self.readouts, self.dt = dict(inputs), dict(readouts), dt
        self.n_in, self.n_out = (only(ports, "port") for ports in (self.inputs, self.readouts))
        types = TypeTable.given(neurons, signs, tau)
        self.signs = types.signs
        check_settings(dt, mu, feedback=feedback, answer=answer, reduction=reduction)
        self.drawing = Drawing(
            self.n_in,
            self.n_out,
            np.array(list(types.signs.values()), float),
            types.keep(dt),
            threshold,
            mu,
            density,
            choose(initial, wiring.INITIAL, "initial distribution"),
            feedback == "random" or rule == "rflo",
            self.n_in > 2 if signed_inputs is None else signed_inputs,
        )
        self.last, self.classes = answer == "last", loss == "cross_entropy"
        self.network = Network(
            tuple(types.counts),
            types.of_cells(),
            activation(nonlinearity),
            choose(leak, LEAKS, "place of the leak"),
            rule_named(rule, owner_gain),
            choose(loss, LOSSES, "loss"),
            reduction == "mean",
            taps,
            truncation,
        )
        self._register()
        self._warn_unstable()

    @classmethod
    def for_task(cls, task: Any, neurons: int | Mapping[str, int], **settings: Any) -> "RateRNN":
        """Build a network with the ports, time step and loss of a temporal task."""
        return cls(task.inputs, neurons, task.readouts, **{"dt": task.dt, **getattr(task, "scoring", {}), **settings})

    def _register(self) -> None:
        check_rule(self.network, self.n_in, self.dtype.itemsize)
        (source, _), (sink, _) = self.inputs.copy().popitem(), self.readouts.copy().popitem()
        values = self.initial(self.seed)
        plastic = ("W_in", "W_rec", "W_out", "b_out")
        for name, value in values.items():
            self.persistent(name, value, plastic=name in plastic)
        self.connect(Projection("W_in", source, "cells", "inference"))
        self.connect(Projection("W_rec", "cells", "cells", "recurrent", mask="mask_rec"))
        self.connect(Projection("W_out", "cells", sink, "inference"))
        self.connect(Projection("b_out", "", sink, "readout_bias"))
        if self.drawing.random_feedback:
            self.connect(Projection("feedback", sink, "cells", "feedback", plastic=False))
        size, types = len(self.network.type_id), len(self.signs)
        for name in CELL_VARIABLES:
            self.activity(f"cells.{name}", size)
        for name in ("modulator", "receptor"):
            self.activity(name, types)
        for name in ("output", "error"):
            self.activity(name, self.n_out)

    def initial(self, seed: int) -> dict[str, np.ndarray]:
        """Draw weights and masks; the same seed gives the same arrays."""
        return self.drawing.draw(self.network, seed)

    def _warn_unstable(self) -> None:
        seen, mu = set(self.network.rule.signals), self.drawing.mu
        if "mu" in seen and mu > 1:
            warnings.warn(f"mu = {mu} is above 1: a mean gain is usually between 0.2 and 0.5", stacklevel=3)
        if {"mu", "types"} <= seen and (radius := float(self.network.modulator_radius(self.read()))) >= 1:
            warnings.warn(f"modulators grow by {radius:.3f} per step with mu = {mu}: take less", stacklevel=3)

    def learn(self, tree: Tree, batch: Batch, key: jax.Array | None = None, probe: Probe = untouched) -> Outcome:
        """Run a batch of trials and let the rule say how the plastic weights should change."""
        inputs, target, when = self.arrange(batch)
        found, loss, y = self.network.gradient(tree, inputs, target, when, probe)
        metrics = {"loss": loss} | self._score(y, target, when)
        if "types" in self.network.rule.signals:
            metrics["modulator_radius"] = self.network.modulator_radius(tree)
        return Outcome({name: found[name] for name in self.plastic}, in_tree(state_of(found)), metrics)

    def respond(self, tree: Tree, inputs: Mapping[str, jax.Array], probe: Probe = untouched) -> Tree:
        """Run the network; return the readout ``[trial, time, output]`` by name."""
        y = self.network.run(tree, stimulus(inputs, self.n_in, self.dtype), probe)[2]
        return {name: y.swapaxes(0, 1) for name in self.readouts}

    def arrange(self, batch: Batch) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Return inputs, targets and weights of every step, time first."""
        inputs = stimulus(batch.inputs, self.n_in, self.dtype)
        return inputs, *goal(batch, self.n_out, self.classes, self.last, inputs.shape[0], self.dtype)

    def metrics(self, outputs: Tree, targets: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """Score readouts ``[trial, time, output]``: loss, and accuracy or normalised squared error."""
        y = only(outputs, "readout").swapaxes(0, 1)
        target, when = goal(Batch({}, targets), self.n_out, self.classes, self.last, y.shape[0], self.dtype)
        loss = evaluate(self.network.loss, y, target, when, self.network.mean)[0]
        return {"loss": loss} | self._score(y, target, when)

    def _score(self, y: jax.Array, target: jax.Array, when: jax.Array) -> dict[str, jax.Array]:
        if self.classes:
            return {"accuracy": accuracy(y, target, when)}
        return {"normalised_error": normalised_error(y, target, when)}

    def trial(self, tree: Tree, batch: Batch, key: jax.Array | None = None, probe: Probe = untouched) -> Tree:
        """Return the time course of every variable, ``[time, trial, unit]`` by name."""
        return timeline(self.network, tree, *self.arrange(batch), probe)

    def begin(self, tree: Tree, trials: int = 1) -> Carry:
        """Return the carry of online learning at the start of a presentation, see ``online``."""
        return begin(self.network, tree, trials)

    def advance(
        self, tree: Tree, carry: Carry, stretch: tuple[jax.Array, jax.Array, jax.Array], probe: Probe = untouched
    ) -> tuple[Carry, Outcome]:
        """Run a stretch of time, cut from what :meth:`arrange` returns, and say how the weights should change."""
        carry, found = advance(self.network, tree, carry, *stretch, probe)
        metrics = {"loss": found.loss} | self._score(found.output, *stretch[1:])
        changes = {name: found.changes[name] for name in self.plastic}
        outputs = {name: found.output.swapaxes(0, 1) for name in self.readouts}
        return carry, Outcome(changes, in_tree(state_of(found.changes)), metrics, outputs)

    def constrain(self, tree: Tree, updates: Tree) -> Tree:
        """Apply masks, and let no weight change its sign: one that would becomes zero."""
        updates = super().constrain(tree, updates)
        signs = {"W_rec": tree["sign"][:, None], "W_out": tree["sign"][:, None], "W_in": tree["sign_in"]}
        return updates | {k: wiring.keep_sign(tree[k], updates[k], sign) for k, sign in signs.items() if k in updates}

    def update(self, x: jax.Array, *target: jax.Array) -> jax.Array:
        """Advance by one step and return the readout ``[trial, output]``.

        Parameters
        ----------
        x
            Input ``[trial, channel]``.
        *target
            Target of this step, ``[trial]`` class numbers or ``[trial, output]``; while one is clamped, learning
            signal, secretion and modulators are there, otherwise they are zero.
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

    def signals(self) -> tuple[str, ...]:
        """Modulators and receptors by name, for pharmacology, where the rule has any."""
        return cell_types.chemicals(self.network.names) if "types" in self.network.rule.signals else ()

    def example(self, trials: int = 2) -> Batch:
        """Return trials of four steps: labels, or values at every step."""
        shape = (trials,) if self.classes else (trials, 4, self.n_out)
        targets = {name: np.zeros(shape, np.int32 if self.classes else self.dtype) for name in self.readouts}
        inputs = {name: np.zeros((trials, 4, self.n_in), self.dtype) for name in self.inputs}
        return Batch(inputs, targets, {"index": np.arange(trials)})

    def populations(self) -> list[Population]:
        """List input, cells with their types, readout."""
        network = self.network
        blocks = {name: np.flatnonzero(np.array(network.type_id) == k) for k, name in enumerate(network.names)}
        cell_type = tuple(network.names[k] for k in network.type_id)
        return [
            *(Population(name, size, "input") for name, size in self.inputs.items()),
            Population("cells", len(network.type_id), "region", blocks, cell_type),
            *(Population(name, size, "readout") for name, size in self.readouts.items()),
        ]
