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
    steps, weights change several times within it, and what is logged is the mean over these changes.

    Parameters
    ----------
    update_every
        ``"trial"``, or a number of time steps. States and traces run on through a change of the weights and start
        anew with each presentation.

    Raises
    ------
    RunError
        If the circuit has no running form (``begin`` and ``advance``), or the trial is not a multiple of the stretch.

    Examples
    --------
    >>> from biocredit.circuits import RateRNN
    >>> from biocredit.protocols import Online, tasks
    >>> task = tasks.delayed_xor(cue=10, delay=20, n_train=20, n_test=10)
    >>> net = RateRNN.for_task(task, 20, rule="modprop_wab")
    >>> Online(net, task, update_every=10, batch_size=10).train(1, progress=False).updates
    2
    """

    def __init__(self, circuit: Circuit, task: Task, *, update_every: int | str = "trial", **settings: Any):
        self.update_every = check_stretch(circuit, task, update_every)
        super().__init__(circuit, task, **settings)

    def _learning_step(self, *parts: Any) -> LearningStep:
        if self.update_every == "trial":
            return LearningStep(*parts)
        return RunningStep(self.update_every, *parts)


class RunningStep(LearningStep):
    """One presentation during which the weights change every ``stretch`` time steps."""

    def __init__(self, stretch: int, *parts: Any):
        super().__init__(*parts)
        self.stretch = stretch

    def present(self, state: State, batch: Batch, key: jax.Array) -> tuple[Tree, Any, dict[str, Any]]:
        """Run the presentation stretch by stretch; return tree, optimiser state and the mean of what was logged."""
        courses = self.circuit.arrange(batch)
        trials = courses[0].shape[1]
        cut = jax.tree.map(lambda course: course.reshape(-1, self.stretch, *course.shape[1:]), courses)
        keys = jax.random.split(jax.random.fold_in(key, 1), len(cut[0]))
        starts = self.stretch * jnp.arange(len(cut[0]))

        def one(carry: tuple, now: tuple) -> tuple[tuple, dict[str, Any]]:
            running, under_way, tree, optimizer = carry
            stretch, grain, since = now

            def run(tree: Tree, probe: Probe) -> tuple[Any, Outcome]:
                return self.circuit.advance(tree, running, stretch, probe)

            surgery = surgery_of(self.interventions, self.circuit, state["update"], grain, since, under_way)
            running, tree, optimizer, log = self.change(tree, optimizer, state["update"], surgery, run)
            return (running, getattr(surgery, "left", under_way), tree, optimizer), log

        begin = self.circuit.begin(state["tree"], trials)
        start = (begin, nothing_under_way(self.interventions, self.circuit, trials), state["tree"], state["optimizer"])
        # Two stretches a turn: a memory goes back and forth between two places instead of being copied.
        (_, _, tree, optimizer), logs = jax.lax.scan(one, start, (cut, keys, starts), unroll=2)
        finite = {name: jnp.all(flags) for name, flags in logs.pop("finite").items()}
        return tree, optimizer, jax.tree.map(lambda values: values.mean(0), logs) | {"finite": finite}


def check_stretch(circuit: Circuit, task: Task, update_every: int | str) -> int | str:
    """Refuse a rhythm of plasticity that the circuit or the task cannot keep."""
    if update_every == "trial":
        return update_every
    if isinstance(update_every, bool) or not isinstance(update_every, int | np.integer) or update_every < 1:
        raise RunError(f"update_every must be 'trial' or a number of time steps, got {update_every!r}")
    if not hasattr(circuit, "advance"):
        raise RunError(f"{type(circuit).__name__} has no running form: its plasticity acts once a trial")
    if task.steps is None or task.steps % update_every:
        raise RunError(f"a trial of {task.steps} steps does not divide into stretches of {update_every}")
    return int(update_every)
