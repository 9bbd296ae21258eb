"""Tasks that change while they are learned: harder when a score is reached, or others after some epochs."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import require
from biocredit.protocols.tasks.task import Task
from biocredit.protocols.tasks.wrapped import take_over


class curriculum(Task):
    """Tasks of equal shape, one after the other: the next one when the scores of an epoch reach a criterion.

    PsychRNN's feature (doi:10.1523/ENEURO.0427-20.2020). The scores are means over all networks of a run.

    Parameters
    ----------
    stages
        The tasks, of one class, in order.
    criterion
        Scores of an epoch that end a stage, by name: ``{"test_decision_accuracy": 0.9}``; all must be reached. A name
        that ends in ``loss`` or ``error`` is to be reached from above.

    Raises
    ------
    CircuitError
        For stages that differ in inputs, readouts, steps or trials.

    Examples
    --------
    >>> from biocredit.protocols import tasks
    >>> easy, hard = (tasks.perceptual_decision(coherences=c, dt=100) for c in ([51.2], [6.4, 51.2]))
    >>> task = curriculum([easy, hard], {"test_decision_accuracy": 0.9})
    >>> task.after_epoch({"test_decision_accuracy": np.array([0.95])})
    'stage 2 of 2: test_decision_accuracy reached 0.95'
    """

    def __init__(self, stages: Any, criterion: Mapping[str, float]):
        self.stages, self.criterion = tuple(stages), dict(criterion)
        require(len(self.stages) > 1 and len(self.criterion) > 0, "curriculum: wanted two stages and a criterion")
        first = self.stages[0]
        for number, stage in enumerate(self.stages[1:], 2):
            for what in ("inputs", "readouts", "steps", "dt", "n_train", "n_validation", "n_test", "kinds"):
                got, wanted = getattr(stage, what), getattr(first, what)
                require(got == wanted, f"curriculum: {what} of stage {number} is {got}, of stage 1 {wanted}")
            require(type(stage) is type(first), f"curriculum: stage {number} is another kind of task than stage 1")
        take_over(self, first)
        self.name, self.stage = f"curriculum of {first.name}", 0

    @property
    def stage(self) -> int:
        """Number of the present stage, from 0; what a resumed run sets."""
        return self._stage

    @stage.setter
    def stage(self, number: int) -> None:
        """Go to another stage; a resumed run goes to the one it had reached."""
        known = f"curriculum: no stage {number} of {len(self.stages)}"
        require(0 <= number < len(self.stages), known)
        self._stage = int(number)
        self.arrays = {"stage": np.int32(number), "stages": [stage.arrays for stage in self.stages]}

    def after_epoch(self, scores: Mapping[str, Any]) -> str:
        """Go on to the next stage where the criterion is met, and say so."""
        for name in self.criterion:
            require(name in scores, f"curriculum: the run has no score {name!r}; it has {', '.join(scores)}")
        if self.stage + 1 == len(self.stages) or not all(self._reached(name, scores) for name in self.criterion):
            return ""
        self.stage += 1
        said = ", ".join(f"{name} reached {np.mean(scores[name]):.3g}" for name in self.criterion)
        return f"stage {self.stage + 1} of {len(self.stages)}: {said}"

    def _reached(self, name: str, scores: Mapping[str, Any]) -> bool:
        mean, wanted = float(np.mean(scores[name])), self.criterion[name]
        return mean <= wanted if name.endswith(("loss", "error")) else mean >= wanted

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw trials of the present stage."""

        def of(number: int) -> Any:
            return lambda: self.stages[number].draw(arrays["stages"][number], index, key, test=test)

        return jax.lax.switch(jnp.asarray(arrays["stage"]), [of(number) for number in range(len(self.stages))])

    def score(self, outputs: Mapping[str, jax.Array], batch: Batch) -> dict[str, jax.Array]:
        """Score as the tasks do."""
        return self.stages[0].score(outputs, batch)


class then_another(Task):
    """Learn a task, and after some epochs the same one with its input channels exchanged; the test stays the first.

    What is left of the first task when the second has been learned is its retention.

    Parameters
    ----------
    task
        Any task.
    epochs
        Epochs of the first task.
    seed
        Of the permutation, a single cycle: no channel keeps its place.

    Examples
    --------
    >>> from biocredit.protocols import tasks
    >>> task = then_another(tasks.delayed_xor(cue=4, delay=4), epochs=1)
    >>> task.after_epoch({})
    'the second task begins'
    """

    def __init__(self, task: Task, epochs: int, *, seed: int = 0):
        require(epochs >= 1, f"then_another: the first task takes 1 or more epochs, got {epochs}")
        require(not task.n_validation, "then_another: hold trials out of it, not below it")
        take_over(self, task)
        self.task, self.epochs, self.name = task, epochs, f"{task.name}, then another"
        self.orders = {name: one_cycle(size, seed) for name, size in task.inputs.items()}
        self.stage = 0

    @property
    def stage(self) -> int:
        """Number of epochs done; what a resumed run sets."""
        return self._stage

    @stage.setter
    def stage(self, number: int) -> None:
        """Go to another epoch."""
        self._stage = int(number)
        self.arrays = {"second": np.bool_(number >= self.epochs), "task": self.task.arrays}

    def after_epoch(self, scores: Mapping[str, Any]) -> str:
        """Count the epoch; say when the second task begins."""
        self.stage += 1
        return "the second task begins" if self.stage == self.epochs else ""

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw as the task does; in the second task, exchange the channels of what is learned."""
        batch = self.task.draw(arrays["task"], index, key, test=test)
        if test:
            return batch
        exchanged = {name: value[..., self.orders[name]] for name, value in batch.inputs.items()}
        second = jnp.asarray(arrays["second"])
        return batch._replace(inputs=jax.tree.map(lambda a, b: jnp.where(second, b, a), batch.inputs, exchanged))

    def expect(self, index: np.ndarray) -> None:
        """Tell the task which trials come."""
        self.task.expect(index)

    def score(self, outputs: Mapping[str, jax.Array], batch: Batch) -> dict[str, jax.Array]:
        """Score as the task does."""
        return self.task.score(outputs, batch)


def one_cycle(size: int, seed: int) -> np.ndarray:
    """Return a random permutation that is one cycle.

    Examples
    --------
    >>> order = one_cycle(5, 0)
    >>> sorted(order.tolist()), (order == np.arange(5)).any()
    ([0, 1, 2, 3, 4], np.False_)
    """
    around = np.random.default_rng(seed).permutation(size)
    order = np.empty(size, np.int32)
    order[around] = np.roll(around, 1)
    return order
