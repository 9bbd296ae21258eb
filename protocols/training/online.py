"""Plasticity while time runs: once a trial, every k steps, every step."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch, Circuit, Outcome
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.probes import Probe
from biocredit.protocols.interventions.apply import nothing_under_way
from biocredit.protocols.interventions.apply import probe as surgery_of
from biocredit.protocols.tasks.task import Task
from biocredit.protocols.training.checkpoint import RunError
from biocredit.protocols.training.protocol import Protocol
from biocredit.protocols.training.update import LearningStep, State


class Online(Protocol):
    """Present trials that unfold in time, and change the synapses as often as you say.

    All other arguments are those of :class:`biocredit.protocols.training.protocol.Protocol`. What is counted as an
    update there, in interventions and in the trace, is one presentation of a batch of trials; with ``update_every`` in
    steps, weights change several times within it. Scores are those of the presentation as a whole.

    Parameters
    ----------
    update_every
        ``"trial"``, or a number of time steps. States and traces run on through a change of the weights and start
        anew with each presentation.
    carry
        Whether states and traces, and modulators that are under way, run on from one presentation to the next: an
        endless stream, cut into presentations. Tests begin at rest.

    Raises
    ------
    CircuitError
        If the circuit has no running form (``begin`` and ``advance``).
    RunError
        If the trial is not a multiple of the stretch.

    Examples
    --------
    >>> from biocredit.circuits import RateRNN
    >>> from biocredit.protocols import Online, tasks
    >>> task = tasks.delayed_xor(cue=10, delay=20, n_train=20, n_test=10)
    >>> net = RateRNN.for_task(task, 20, rule="modprop_wab")
    >>> Online(net, task, update_every=10, batch_size=10).train(1, progress=False).updates
    2
    """

    def __init__(
        self, circuit: Circuit, task: Task, *, update_every: int | str = "trial", carry: bool = False, **settings: Any
    ):
        if carry and update_every == "trial":
            update_every = task.steps
        self.update_every, self.carry = check_stretch(circuit, task, update_every), carry
        super().__init__(circuit, task, **settings)

    def _step(self, *parts: Any) -> LearningStep:
        if self.update_every == "trial":
            return super()._step(*parts)
        return RunningStep(self.update_every, self.carry, super()._step(*parts))


class RunningStep(LearningStep):
    """One presentation during which the weights change every ``stretch`` time steps.

    Parameters
    ----------
    stretch
        Time steps from one change to the next.
    carry
        Whether a presentation begins where the one before ended.
    step
        Circuit, task, optimiser and interventions.
    """

    def __init__(self, stretch: int, carry: bool, step: LearningStep):
        super().__init__(step.circuit, step.task, step.optimizer, step.settings, step.interventions, step.records)
        self.stretch, self.carry = stretch, carry

    def besides(self, tree: Tree, trials: int) -> State:
        """What runs on between presentations: the circuit's state, and what is under way."""
        return {"running": self._at_rest(tree, trials)} if self.carry else {}

    def _at_rest(self, tree: Tree, trials: int) -> tuple[Any, Tree]:
        return self.circuit.begin(tree, trials), nothing_under_way(self.interventions, self.circuit, trials)

    def present(self, state: State, batch: Batch, key: jax.Array) -> tuple[State, dict[str, Any]]:
        """Run the presentation stretch by stretch; return what is new in the state, and the log."""
        courses = self.circuit.arrange(batch)
        cut = jax.tree.map(lambda course: course.reshape(-1, self.stretch, *course.shape[1:]), courses)
        keys = jax.random.split(jax.random.fold_in(key, 1), len(cut[0]))
        starts = self.stretch * jnp.arange(len(cut[0]))

        def one(carry: tuple, now: tuple) -> tuple[tuple, tuple[Tree, dict[str, Any]]]:
            (running, under_way), tree, optimizer = carry
            stretch, grain, since = now

            def run(tree: Tree, probe: Probe) -> tuple[Any, Outcome]:
                return self.circuit.advance(tree, running, stretch, probe)

            surgery = surgery_of(self.interventions, self.circuit, state["update"], grain, since, under_way)
            running, tree, optimizer, outcome, log = self.change(tree, optimizer, state["update"], surgery, run)
            on = (running, getattr(surgery, "left", under_way))
            return (on, tree, optimizer), (outcome.outputs, outcome.metrics, log)

        begin = state["running"] if self.carry else self._at_rest(state["tree"], courses[0].shape[1])
        # Two stretches a turn: a memory goes back and forth between two places instead of being copied.
        (on, tree, optimizer), (outputs, metrics, logs) = jax.lax.scan(
            one, (begin, state["tree"], state["optimizer"]), (cut, keys, starts), unroll=2
        )
        finite = {name: jnp.all(flags) for name, flags in logs.pop("finite").items()}
        log = jax.tree.map(lambda values: values.mean(0), metrics | logs) | self._scores(outputs, batch)
        new = {"tree": tree, "optimizer": optimizer} | ({"running": on} if self.carry else {})
        return new, log | {"finite": finite}

    def _scores(self, outputs: Tree, batch: Batch) -> dict[str, jax.Array]:
        """Score the presentation as a whole: stretches ``[stretch, trial, time, output]`` are joined first."""
        whole = {name: jnp.moveaxis(y, 0, 1).reshape(y.shape[1], -1, y.shape[-1]) for name, y in outputs.items()}
        return self.circuit.metrics(whole, batch.targets)


def check_stretch(circuit: Circuit, task: Task, update_every: int | str) -> int | str:
    """Refuse a rhythm of plasticity that the circuit or the task cannot keep."""
    if update_every == "trial":
        return update_every
    if isinstance(update_every, bool) or not isinstance(update_every, int | np.integer) or update_every < 1:
        raise RunError(f"update_every must be 'trial' or a number of time steps, got {update_every!r}")
    circuit.begin(circuit.read())
    if task.steps is None or task.steps % update_every:
        raise RunError(f"a trial of {task.steps} steps does not divide into stretches of {update_every}")
    return int(update_every)
