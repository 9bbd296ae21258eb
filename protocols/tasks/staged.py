"""Tasks that become harder when a score is reached."""

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
