"""Networks held against motor cortex: Liu, Yang and Cueva 2025, arXiv 2506.06904.

Every rule trains the same network to reach; activity and readout are recorded every 25 updates, so that
:func:`biocredit.analysis.interchange.similarity.curve` gives distance from a recording against normalised error.
"""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from biocredit.protocols.experiments.configuration import Configuration, Recording, Run
from biocredit.protocols.experiments.experiment import Experiment, Panel
from biocredit.protocols.experiments.settings.credit import Rule
from biocredit.protocols.experiments.settings.optimizers import Optimizer
from biocredit.protocols.experiments.settings.phases import Online

if TYPE_CHECKING:
    from biocredit.circuits import Circuit
    from biocredit.protocols.tasks.task import Task

#: Time constant in ms.
TAU = 100.0
#: Rules by the names that figures use; each is a way to the same weights.
RULES = {
    "BPTT": "bptt",
    "e-prop": "eprop",
    "RFLO": "rflo",
    "MDGL": "mdgl",
    "ModProp": "modprop",
    "DNI": "dni",
    "KeRNL": "kernl",
}


@dataclass(frozen=True)
class Reach:
    """Reaches to eight targets, see :class:`biocredit.protocols.tasks.reaching.reach`.

    Parameters
    ----------
    movement
        Name of the recording whose kinematics are asked for, or ``"minimum_jerk"``.
    n_train, n_test
        See there: one pass is one update of a fresh batch.
    """

    movement: Literal["hatsopoulos2007", "minimum_jerk"] = "hatsopoulos2007"
    n_train: int = 100
    n_test: int = 8

    data_sets = ()

    def make(self) -> "Task":
        """Make the task."""
        from biocredit.protocols.datasets.neural import recorded_movement
        from biocredit.protocols.tasks import begun, reach

        movement: Any = self.movement if self.movement == "minimum_jerk" else recorded_movement(self.movement)
        return begun(reach(movement, n_train=self.n_train, n_test=self.n_test), TAU)


@dataclass(frozen=True)
class ReachNetwork:
    """The network of the paper, see :class:`biocredit.circuits.CTRNN`."""

    takes = "rule"

    neurons: int = 200
    gain: float = 1.0
    penalty: float = 10.0

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        from biocredit.circuits import CTRNN

        return CTRNN.for_task(task, tau=TAU, rule=credit or "bptt", seed=seed, **asdict(self))

    def widest(self, task: "Task") -> int:
        """Count the recurrent weights."""
        return self.neurons**2


REACH = Configuration(
    task=Reach(),
    circuit=ReachNetwork(),
    rule=Rule("bptt"),
    protocol=Online(),
    optimizer=Optimizer(learning_rate=1e-3),
    record=Recording(activity=("cells.rate", "output"), every=25, trials=8),
    run=Run(epochs=1000, batch_size=100),
)

EXPERIMENTS = (
    Experiment(
        "neural-similarity/reach",
        "reach task",
        "Distance from motor cortex against normalised error, by rule",
        citation="arXiv:2506.06904",
        chosen="Adam at 1e-3, the larger of the authors' two rates, for every rule; none was searched for here",
        takes="about 2 days on 2 cores (estimated)",
        conditions={label: replace(REACH, rule=Rule(rule)) for label, rule in RULES.items()},
        quick={
            "task.movement": "minimum_jerk",
            "task.n_train": 16,
            "circuit.neurons": 20,
            "run.epochs": 25,
            "run.seeds": 2,
            "run.batch_size": 16,
        },
        quick_conditions=("BPTT", "e-prop"),
        panels=(Panel("curve", "test_normalised_error", log="y"),),
        expected="e-prop about as near as BPTT at equal error; gain and initial weights matter more than the rule",
    ),
)
