"""The dual-stream circuit: activity goes up one stream, credit comes down another."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch, Circuit, Outcome, Population, Projection
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.errors import choose, renamed, require
from biocredit.circuits.core.losses import Compare, as_target, blank_target, loss_named
from biocredit.circuits.core.ports import Ports, blank, joined_shape, match, side_by_side
from biocredit.circuits.core.probes import Electrode, Probe, chain, untouched
from biocredit.circuits.core.scores import score
from biocredit.circuits.dual_stream.ascending import geometry, presets
from biocredit.circuits.dual_stream.ascending.stack import Nodes, ascend, leaves, stages
from biocredit.circuits.dual_stream.pathways import DescendingPathway, Goal, pathway_named


@renamed(transfer="activation", start="initializer")
class DualStream(Circuit):
    """An ascending stream of stages and operations with a descending stream that assigns credit.

    Parameters
    ----------
    ascending
        The stack, ``{name: node}`` from the bottom up (see :mod:`biocredit.circuits.dual_stream.ascending.stack`).
    input_shape
        Shape of one input: ``(units,)`` or ``(rows, columns, channels)``.
    descending
        Name of a stream in ``biocredit.circuits.dual_stream.PATHWAYS``, or an instance with its settings.
    loss
        A name in :data:`biocredit.circuits.core.losses.LOSSES`, or a function of one's own.
    class_weights
        Factor on a trial's loss for each class.
    inputs
        Sizes or shapes of several input ports by name, whose channels lie side by side in this order; one of any name
        by default.
    readout
        Name of the output in ``respond`` and of the target in a batch.
    seed, dtype, matmul_precision, weights, mask
        See :class:`~biocredit.circuits.core.circuit.Circuit`.

    Examples
    --------
    >>> net = DualStream.mlp([4, 8, 3], descending="product")
    >>> net.respond(net.read(), {"input": jnp.ones((2, 4))})["choice"].shape
    (2, 3)
    """

    for_task = classmethod(presets.for_task)
    mlp = classmethod(presets.mlp)
    convolutional = classmethod(presets.convolutional)
    resnet20 = classmethod(presets.resnet20)
    resnet18 = classmethod(presets.resnet18)

    weight_axes = ("post", "pre", "row", "column")

    def __init__(
        self,
        ascending: Nodes,
        input_shape: tuple[int, ...],
        descending: str | DescendingPathway = "transposed",
        *,
        loss: str | Compare = "cross_entropy",
        class_weights: Sequence[float] | None = None,
        inputs: Ports | None = None,
        readout: str = "choice",
        seed: int = 0,
        dtype: Any = None,
        matmul_precision: str = "float32",
        weights: Mapping[str, Any] | None = None,
        mask: Mapping[str, Any] | None = None,
    ):
        super().__init__(seed=seed, dtype=dtype, matmul_precision=matmul_precision, weights=weights, mask=mask)
        self.ascending = ascending
        self.input_shape = tuple(input_shape)
        self.descending = pathway_named(descending)
        self.loss = loss_named(loss, class_weights)
        self.inputs, self.readout = dict(inputs or {"input": self.input_shape}), readout
        joined = joined_shape(self.inputs)
        require(joined == self.input_shape, f"inputs: side by side their shape is {joined}, wanted {self.input_shape}")
        self.shapes = geometry.input_shapes(ascending, self.input_shape)
        self._register()
        self._signals, phases = self._measure()
        self._arrivals, self._stretches = arrivals(phases)
        for name, shape in self._signals.items():
            self.activity(name, shape)

    def _register(self) -> None:
        below = geometry.sources(self.ascending)
        for path, node in leaves(self.ascending):
            for name in node.plastic:
                kind = "inference" if name == "W" else "bias"
                self.connect(Projection(f"up.{path}.{name}", f"up.{below[path]}", f"up.{path}", kind))
        for row in self.descending.synapses(self.ascending):
            self.connect(row)
        for name, value in self.initial(self.seed).items():
            self.persistent(name, value, plastic=name in self.plastic)

    def _measure(self) -> tuple[dict[str, tuple[int, ...]], list[tuple[str, str]]]:
        """Shapes of all signals by name, and their names and phases in the order in which they are computed."""
        hidden = self.descending.derived(self.ascending)
        electrode = Electrode(lambda name, phase: name not in self._persistent and name not in hidden)

        def cycle(tree: Tree, x: jax.Array) -> None:
            self._cycle(tree, x, blank_target(self.loss, self._top(tree, x)), electrode)

        jax.eval_shape(cycle, self.read(), jax.ShapeDtypeStruct((2, *self.input_shape), self.dtype))
        return {name: value.shape[1:] for (name, _), value in electrode.readings.items()}, list(electrode.readings)

    # -- pure functions of the tree -------------------------------------------------------------------------

    def initial(self, seed: int) -> dict[str, np.ndarray]:
        """Draw forward weights, feedback weights, masks and running statistics."""
        random = np.random.default_rng(seed)
        forward = geometry.initial(self.ascending, self.shapes, random)
        return forward | self.descending.initial(self.ascending, self.shapes, random)

    def prepare(self, tree: Tree, key: jax.Array) -> Tree:
        """Let the descending stream do what it does before a trial: draw magnitudes, run mirror phases."""
        return tree | self.descending.prepare(self.ascending, self.shapes, tree, key)

    def cycle(self, tree: Tree, batch: Batch, probe: Probe = untouched) -> Outcome:
        """Run the inference and the learning phase of one batch, as the streams are now."""
        return self._cycle(tree, self._input(batch.inputs), self._target(batch.targets), probe)

    def rehearse(
        self, tree: Tree, inputs: Mapping[str, jax.Array], key: jax.Array, probe: Probe = untouched
    ) -> Outcome:
        """Let feedback synapses learn from noise around the responses to these inputs, if they do."""
        found = self.descending.rehearse(self.ascending, tree, self._input(inputs), key, probe)
        return Outcome(found.changes, found.tree, found.metrics)

    def learn(self, tree: Tree, batch: Batch, key: jax.Array, probe: Probe = untouched) -> Outcome:
        """:meth:`prepare`, :meth:`rehearse`, then :meth:`cycle`."""
        prepared = self.descending.prepare(self.ascending, self.shapes, tree, key, probe)
        rehearsed = self.rehearse(tree | prepared, batch.inputs, key, probe)
        prepared = prepared | rehearsed.tree
        outcome = self.cycle(tree | prepared, batch, probe)
        changes, metrics = rehearsed.changes | outcome.changes, rehearsed.metrics | outcome.metrics
        return Outcome(changes, prepared | outcome.tree, metrics)

    def respond(self, tree: Tree, inputs: Mapping[str, jax.Array], probe: Probe = untouched) -> Tree:
        """Run the inference phase with running statistics; returns ``{readout: [trial, output]}``."""
        return {self.readout: self._top(tree, self._input(inputs), probe)}

    def metrics(self, outputs: Tree, targets: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """Score the output by the circuit's own loss, see :func:`biocredit.circuits.core.scores.score`."""
        return score(self.loss, outputs, {self.readout: self._target(targets)})

    def trial(self, tree: Tree, batch: Batch, key: jax.Array, probe: Probe = untouched) -> Tree:
        """Play one batch node by node: every signal as ``[time, trial, unit]``.

        One time step takes activity from one node to the next, then the error back down; a signal is silent
        before activity arrives and stays until it comes again in another phase.
        """
        tree = self.prepare(tree, key)
        tree = tree | self.rehearse(tree, batch.inputs, key, probe).tree
        signals = self._observed(tree, batch.inputs, batch.targets, probe)
        steps = jnp.arange(1 + max(self._arrivals.values()))[:, None, None]
        course: Tree = {}
        for (name, phase), value in signals.items():
            before = course.get(name, jnp.zeros((), value.dtype))
            course[name] = jnp.where(steps >= self._arrivals[name, phase], value.reshape(len(value), -1), before)
        return course

    def effective_feedback(self, tree: Tree) -> Tree:
        """Feedback that acts at each stage, by path, in the layout of its forward weight."""
        return self.descending.effective_feedback(self.ascending, tree)

    def forward_weights(self, tree: Tree) -> Tree:
        """Forward weights by path, ``[out, in, ...]``."""
        return {path: tree[f"up.{path}.W"] for path in stages(self.ascending)}

    def reciprocal(self) -> set[str]:
        """Paths of stages whose feedback is one synapse between the same two cells as the forward weight."""
        kernels = {path: self.descending.kernel_shapes(stage, 1) for path, stage in stages(self.ascending).items()}
        return {path for path, shapes in kernels.items() if len(shapes) == 1}

    def _cycle(self, tree: Tree, x: jax.Array, target: jax.Array, probe: Probe) -> Outcome:
        ascent = ascend(self.ascending, tree, probe("up.input.rate", "inference", x), probe=probe)
        wanted = as_target(target, ascent.output, self.loss)
        loss, error = self.loss(ascent.output, wanted)
        credit = self.descending.credit(self.ascending, tree, ascent, Goal(error, wanted, loss), probe)
        metrics = self.metrics({self.readout: ascent.output}, {self.readout: target}) | credit.metrics
        if credit.modulated is not None:
            again = self.metrics({self.readout: credit.modulated}, {self.readout: target})
            metrics |= {f"modulated_{name}": value for name, value in again.items()}
        return Outcome(credit.changes, ascent.statistics | credit.tree, metrics)

    def _top(self, tree: Tree, x: jax.Array, probe: Probe = untouched) -> jax.Array:
        return ascend(self.ascending, tree, probe("up.input.rate", "inference", x), training=False, probe=probe).output

    def _input(self, inputs: Mapping[str, jax.Array]) -> jax.Array:
        return side_by_side(inputs, self.inputs, self.dtype)

    def _target(self, targets: Mapping[str, jax.Array]) -> jax.Array:
        return jnp.asarray(match(targets, {self.readout: 1}, "target")[self.readout])

    # -- BrainPy ------------------------------------------------------------------------------------------

    def update(self, x: jax.Array, target: jax.Array) -> jax.Array:
        """Run both phases for one batch, leave every signal in its variable and return the output."""
        tree = {name: variable.value for name, variable in self._persistent.items()}
        signals = self._observed(tree, {next(iter(self.inputs)): jnp.asarray(x)}, {self.readout: jnp.asarray(target)})
        for (name, _), value in signals.items():
            self._activity[name].value = value
        return signals[self._output, "inference"]

    def _observed(
        self, tree: Tree, inputs: Mapping[str, jax.Array], targets: Mapping[str, jax.Array], probe: Probe = untouched
    ) -> dict[tuple[str, str], jax.Array]:
        """Every signal of one batch by name and phase, with one row for each trial."""
        electrode = Electrode(lambda name, phase: name in self._signals)
        self.cycle(tree, Batch(inputs, targets), chain(probe, electrode))
        readings = electrode.readings
        target = as_target(self._target(targets), readings[self._output, "inference"], self.loss)
        return {key: self.descending.by_trial(key[0], value, target) for key, value in readings.items()}

    @property
    def rule(self) -> CreditRule:
        """What the descending stream needs and promises; its settings are the stream itself."""
        rule, family = self.descending.rule, self.descending.probed
        return replace(rule, probed={**family, **rule.probed}, settings=self.descending)

    @property
    def citation(self) -> str:
        """DOI or arXiv identifier of the descending stream."""
        return self.descending.rule.citation

    @property
    def _output(self) -> str:
        """Name of the signal at the top of the ascending stream."""
        name, node = list(self.ascending.items())[-1]
        return f"up.{name}.{node.variable}"

    def derived(self) -> tuple[str, ...]:
        """Feedback kernels that follow from other weights, as sign-concordant ones do."""
        return tuple(sorted(self.descending.derived(self.ascending) - set(self.synapses)))

    def example(self, trials: int = 2) -> Batch:
        """Return trials of zeros, with a target that the loss takes."""
        inputs = blank(self.inputs, trials, self.dtype)
        output = jax.eval_shape(lambda tree: self._top(tree, self._input(inputs)), self.read())
        return Batch(inputs, {self.readout: blank_target(self.loss, output)}, {"index": jnp.arange(trials)})

    # -- what the trace stores ----------------------------------------------------------------------------

    def stretch(self, phase: str | None, **settings: Any) -> slice:
        """Time steps of :meth:`trial` that belong to a phase: ``"inference"``, ``"learning"``, ``"modulation"``."""
        return choose(phase, {None: slice(None), **self._stretches}, "phase of a trial")

    def populations(self) -> list[Population]:
        """List ascending, descending and intermediate populations; the blocks of feature maps are their channels."""
        streams, found = {"up": "ascending", "down": "descending"}, {}
        for signal, shape in self._signals.items():
            name = signal.rpartition(".")[0]
            kind = "intermediate" if name.endswith(".intermediate") else streams[name.partition(".")[0]]
            found[name] = Population(name, int(np.prod(shape)), kind, _channels(shape))
        return list(found.values())


def _channels(shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Neurons of each channel of feature maps, which are numbered row by row, the channel fastest."""
    if len(shape) < 3:
        return {}
    channels, size = shape[-1], int(np.prod(shape))
    return {f"channel{channel}": np.arange(channel, size, channels) for channel in range(channels)}


def arrivals(signals: Iterable[tuple[str, str]]) -> tuple[dict[tuple[str, str], int], dict[str, slice]]:
    """Time step at which each signal appears, and the stretch of time that belongs to each phase.

    Streams that run in the inference phase run side by side; signals of later phases follow one another.

    Parameters
    ----------
    signals
        ``(name, phase)`` in the order of computation; the stream is the first part of the name.

    Examples
    --------
    >>> steps, phases = arrivals([("up.a.rate", "inference"), ("up.b.rate", "inference"), ("down.b.rate", "learning")])
    >>> list(steps.values()), phases
    ([0, 1, 2], {'inference': slice(None, 2, None), 'learning': slice(2, 3, None)})
    """
    clocks: Counter[str] = Counter()
    steps, later = {}, []
    for name, phase in signals:
        if phase == "inference":
            stream = name.partition(".")[0]
            steps[name, phase] = clocks[stream]
            clocks[stream] += 1
        else:
            later.append((name, phase))
    turn = max(clocks.values(), default=0)
    phases = {"inference": slice(turn)}
    for phase, group in groupby(later, key=itemgetter(1)):
        phases[phase] = slice(turn, turn := turn + len(list(group)))
    first = phases["inference"].stop
    return steps | {key: first + step for step, key in enumerate(later)}, phases
