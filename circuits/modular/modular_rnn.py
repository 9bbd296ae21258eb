"""Modular recurrent networks that learn by Adjoint Propagation, as a BrainPy dynamical system."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.backend import bm
from biocredit.circuits.core.circuit import (
    Batch,
    Circuit,
    Outcome,
    Population,
    Projection,
)
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import CircuitError, choose, nearest, require
from biocredit.circuits.core.losses import Compare, blank_target, loss_named, suited
from biocredit.circuits.core.ports import blank, match, stimuli
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.core.scores import score
from biocredit.circuits.modular import adjoint_propagation as propagation
from biocredit.circuits.modular import weights
from biocredit.circuits.modular.phases import PHASE_SETTINGS, AdjointPhases
from biocredit.circuits.modular.playback import schedule, simultaneous, timeline
from biocredit.circuits.modular.presets import chain, resource_reuse
from biocredit.circuits.modular.region import Region
from biocredit.circuits.modular.weights import INITIAL, PLASTIC_KINDS, Plasticity
from biocredit.circuits.modular.wiring import Mode, Wiring, projections


class ModularRNN(Circuit):
    """Recurrent regions on a wiring graph, with Adjoint Propagation as their plasticity.

    Parameters
    ----------
    regions
        Regions by name (Python identifiers).
    inputs, readouts
        Number of channels of each input, of classes of each readout.
    inference, feedback
        Pairs of ends ``(pre, post)``; an end is an input, a readout or ``"region.block"``. Feedback carries errors
        over fixed random weights.
    fixed
        Inference projections that do not learn.
    modes
        What is on for each of several tasks, see :class:`biocredit.circuits.modular.wiring.Mode`.
    plasticity
        :class:`Plasticity` (or ``None`` for fixed) of ``"inference"``, ``"recurrent"``, ``"bias"``,
        ``"readout_bias"``.
    initial
        Distribution of each kind of weights, and of single arrays by name, see
        :mod:`biocredit.circuits.core.initializers`.
    loss
        Loss of every readout, a name in :data:`biocredit.circuits.core.losses.LOSSES` or a function of one's own.
    class_weights
        Factor on a trial's loss for each class.
    batch_divisor
        Divides the summed changes of a batch; the number of trials by default.
    matmul_precision, seed, dtype, weights, mask
        See :class:`biocredit.circuits.core.circuit.Circuit`. On CPUs, low precision is that of the recurrent products
        alone, nearly all the work.

    Notes
    -----
    Liu et al., eLife 2026, 15:e108237, doi:10.7554/eLife.108237.

    Examples
    --------
    >>> net = ModularRNN({"V1": Region(40, RI=10, SI=10, RE=10, SE=10)}, inputs={"retina": 5}, readouts={"choice": 3},
    ...                  inference=[("retina", "V1.RI"), ("V1.SI", "choice")], feedback=[("choice", "V1.RE")])
    >>> net.respond(net.read(), {"retina": jnp.ones((2, 5))})["choice"].shape
    (2, 3)
    """

    rule = propagation.RULE
    citation = rule.citation
    phase_settings = PHASE_SETTINGS

    def __init__(
        self,
        regions: Mapping[str, Region],
        *,
        inputs: Mapping[str, int],
        readouts: Mapping[str, int],
        inference: Iterable[tuple[str, str]],
        feedback: Iterable[tuple[str, str]],
        fixed: Iterable[tuple[str, str]] = (),
        modes: Mapping[str, Mode] | None = None,
        plasticity: Mapping[str, Plasticity | None] | None = None,
        initial: Mapping[str, Any] | None = None,
        loss: str | Compare = "cross_entropy",
        class_weights: Sequence[float] | None = None,
        batch_divisor: float | None = None,
        matmul_precision: str = "float32",
        seed: int = 0,
        dtype: Any = None,
        weights: Mapping[str, Any] | None = None,
        mask: Mapping[str, Any] | None = None,
    ):
        super().__init__(seed=seed, dtype=dtype, matmul_precision=matmul_precision, weights=weights, mask=mask)
        for name in regions:
            require(name.isidentifier(), f"region names must be Python identifiers, got {name!r}")
        require(batch_divisor is None or batch_divisor > 0, f"batch_divisor must be positive, got {batch_divisor}")
        edges = projections(inference, feedback, fixed)
        self.wiring = Wiring(dict(regions), dict(inputs), dict(readouts), edges, dict(modes or {}))
        self.plasticity = complete(PLASTIC_KINDS, plasticity, "kind of plasticity")
        self.distributions = {**INITIAL, **(initial or {})}
        self.batch_divisor, self.loss = batch_divisor, loss_named(loss, class_weights)
        self._register()

    @classmethod
    def chain(cls, task: Any, **settings: Any) -> "ModularRNN":
        """Build a chain of equal regions between one input and one readout of a task.

        See :func:`biocredit.circuits.modular.presets.chain` for the settings: ``regions``, ``neurons``, ``layout``,
        ``spectral_radius``, ``connection_rate``, ``activation``, gains, role sizes; other ones go to the constructor.
        """
        return cls(**chain(task.inputs, task.readouts, **{"loss": suited(task, task.readouts), **settings}))

    for_task = chain

    @classmethod
    def resource_reuse(cls, task: Any, **settings: Any) -> "ModularRNN":
        """Build the graph of figure 5 for a joint task, see ``resource_reuse``."""
        return cls(**resource_reuse(task.inputs, task.readouts, **{"loss": suited(task, task.readouts), **settings}))

    # -- construction -------------------------------------------------------------------------------------

    def _register(self) -> None:
        for name, (kind, pre, post) in weights.arrays(self.wiring).items():
            rule = self.plasticity.get(kind)
            plastic = rule is not None and (kind != "inference" or self.wiring.projections[name].plastic)
            mask = f"{name.rpartition('.')[0]}.mask" if kind == "recurrent" else None
            terms = (rule.factor, rule.decay) if plastic else (1.0, 0.0)
            self.connect(Projection(name, pre, post, kind, plastic, *terms, mask=mask))
        for name, value in self.initial(self.seed).items():
            self.persistent(name, value, plastic=name in self.plastic)
        self.check_given()
        for name, region in self.wiring.regions.items():
            for variable in ("rate", "clamp", "settled", "error"):
                self.activity(f"{name}.{variable}", region.size)
        for name, size in self.wiring.readouts.items():
            self.activity(f"{name}.output", size)
            self.activity(f"{name}.error", size)
        self.nudged = bm.Variable(jnp.zeros((), self.dtype))

    def initial(self, seed: int) -> dict[str, np.ndarray]:
        """Draw all weights, and the masks of existing recurrent synapses."""
        return weights.draw(self.wiring, self.distributions, seed)

    # -- the two phases -----------------------------------------------------------------------------------

    def phases(self, **settings: Any) -> AdjointPhases:
        """Check the settings of a protocol, see :class:`biocredit.circuits.modular.phases.Phases`."""
        chosen = complete(PHASE_SETTINGS, settings, "setting of the phases")
        return AdjointPhases(**chosen, precision=self.matmul_precision).suit(self.wiring)

    def respond(
        self, tree: Tree, inputs: Mapping[str, jax.Array], probe: Probe = untouched, **settings: Any
    ) -> dict[str, jax.Array]:
        """Run the inference phase; return the readouts before the softmax, ``[trial, class]`` by name."""
        return propagation.inference(self.wiring, self.phases(**settings), tree, self._inputs(inputs), probe).output

    def learn(
        self, tree: Tree, batch: Batch, key: jax.Array | None = None, probe: Probe = untouched, **settings: Any
    ) -> Outcome:
        """Run both phases on a batch and return the change of every plastic weight."""
        phases = self.phases(**settings)
        inputs = self._inputs(batch.inputs)
        settled = propagation.inference(self.wiring, phases, tree, inputs, probe)
        error = self._errors(batch.targets, settled.output)
        for name in error:
            probe(f"{name}.probability", "inference", self.loss.predict(settled.output[name]))
            error[name] = probe(f"{name}.error", "inference", error[name])
        error = propagation.learning(self.wiring, phases, tree, settled, error, probe)
        divisor = self.batch_divisor or next(iter(inputs.values())).shape[0]
        plastic = self.plastic_in(phases.mode)
        changes = propagation.changes(self.wiring, plastic, inputs, settled.rate, error, divisor)
        return Outcome(changes, {}, self.metrics(settled.output, batch.targets))

    def plastic_in(self, mode: str | None) -> tuple[str, ...]:
        """Names of the weights that change in a mode."""
        if mode is None:
            return self.plastic
        chosen = self.wiring.mode(mode)
        if chosen.plastic is not None:
            return tuple(name for name in self.plastic if name in chosen.plastic)
        return tuple(name for name in self.plastic if name in chosen.projections)

    def trial(
        self, tree: Tree, batch: Batch, key: jax.Array | None = None, probe: Probe = untouched, **settings: Any
    ) -> Tree:
        """Return rates, errors and clamp currents at every iteration, ``[time, trial, neuron]`` by name."""
        phases, inputs = self.phases(**settings), self._inputs(batch.inputs)
        return timeline(self.wiring, phases, tree, inputs, partial(self._errors, batch.targets), probe)

    def variables(self) -> tuple[str, ...]:
        """Rates, errors and clamp currents of the regions."""
        return tuple(f"{name}.{leaf}" for name in self.wiring.regions for leaf in ("rate", "error", "clamp"))

    def schedule(self, **settings: Any) -> list[tuple[str, str, int, int]]:
        """List the stretches of a trial: ``(phase, region, first iteration, end)``."""
        return schedule(self.wiring, self.phases(**settings))

    def stretch(self, phase: str | None, **settings: Any) -> slice:
        """Return which iterations of :meth:`trial` belong to a phase."""
        rows = self.schedule(**settings)
        spans = {name: [row for row in rows if row[0] == name] for name, *_ in rows}
        if phase is None:
            return slice(None)
        span = choose(phase, spans, "phase")
        return slice(span[0][2], span[-1][3])

    # -- the running system -------------------------------------------------------------------------------

    def update(self, *inputs: jax.Array) -> Any:
        """Advance all regions at once by one iteration, and return the readouts.

        While the system is nudged (:meth:`nudge`), each region also receives the errors of the regions above, as
        they are at this moment. Settled, this simultaneous dynamics agrees with the two phases of :meth:`learn` with
        end-point errors.

        Parameters
        ----------
        *inputs
            One array ``[trial, channel]`` per input, in the order of ``wiring.inputs``.
        """
        stimuli = dict(zip(self.wiring.inputs, inputs, strict=True))
        tree = {name: variable.value for name, variable in self._persistent.items()}
        state = {name: variable.value for name, variable in self._activity.items()}
        for name, value in simultaneous(self.wiring, tree, state, stimuli, self.nudged.value).items():
            self._activity[name].value = value
        outputs = tuple(self._activity[f"{name}.output"].value for name in self.wiring.readouts)
        return outputs if len(outputs) > 1 else outputs[0]

    def nudge(self, **targets: jax.Array) -> None:
        """Begin the learning phase: remember the present rates and switch the output error on.

        Parameters
        ----------
        **targets
            Targets by readout: for classes integer labels ``[trial]``.
        """
        for name in self.wiring.regions:
            self._activity[f"{name}.settled"].value = self._activity[f"{name}.rate"].value
        for name, error in self._errors(targets, {n: self._activity[f"{n}.output"].value for n in targets}).items():
            self._activity[f"{name}.error"].value = error
        self.nudged.value = jnp.ones((), self.dtype)

    def reset_state(self, batch_size: int = 1, **_: Any) -> None:
        """Silence all regions and return to the inference phase."""
        super().reset_state(batch_size)
        self.nudged.value = jnp.zeros((), self.dtype)

    # -- small things -------------------------------------------------------------------------------------

    def example(self, trials: int = 2) -> Batch:
        """Return trials of zeros, with targets that the loss takes."""
        outputs = {
            name: jax.ShapeDtypeStruct((trials, size), self.dtype) for name, size in self.wiring.readouts.items()
        }
        targets = {name: blank_target(self.loss, output) for name, output in outputs.items()}
        return Batch(blank(self.wiring.inputs, trials, self.dtype), targets, {"index": jnp.arange(trials)})

    def _inputs(self, inputs: Mapping[str, jax.Array]) -> Tree:
        return stimuli(inputs, self.wiring.inputs, self.dtype, some=bool(self.wiring.modes))

    def _targets(self, targets: Mapping[str, jax.Array], outputs: Tree) -> dict[str, jax.Array]:
        """Targets of the readouts that there are (a mode may lack some)."""
        given = match(targets, self.wiring.readouts, "target", some=True)
        missing = [name for name in outputs if name not in given]
        require(not missing, f"nothing for target {', '.join(map(repr, missing))}; got {sorted(targets)}")
        return {name: jnp.asarray(given[name]) for name in outputs}

    def _errors(self, targets: Mapping[str, jax.Array], outputs: Tree) -> Tree:
        return propagation.output_errors(self.loss, outputs, self._targets(targets, outputs))

    def metrics(self, outputs: Tree, targets: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """Score the readouts by the circuit's own loss, see :func:`biocredit.circuits.core.scores.score`."""
        return score(self.loss, outputs, self._targets(targets, outputs))

    def populations(self) -> list[Population]:
        """List regions, inputs and readouts."""
        regions = [
            Population(name, region.size, "region", {b: block.neurons for b, block in region.blocks.items()})
            for name, region in self.wiring.regions.items()
        ]
        inputs = [Population(name, size, "input") for name, size in self.wiring.inputs.items()]
        return [*inputs, *regions, *(Population(name, size, "readout") for name, size in self.wiring.readouts.items())]


def complete(defaults: Mapping[str, Any], given: Mapping[str, Any] | None, what: str) -> dict[str, Any]:
    """Overlay given settings on their defaults; an unknown name is an error."""
    given = dict(given or {})
    unknown = [name for name in given if name not in defaults]
    if unknown:
        raise CircuitError(f"unknown {what} {unknown[0]!r}: {nearest(unknown[0], defaults)}")
    return {**defaults, **given}
