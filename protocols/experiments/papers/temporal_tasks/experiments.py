"""The shelf of cognitive tasks under four temporal rules, on rates and on spikes.

The authors of ModProp (arXiv 2206.01338) name a broader range of tasks, and spiking cells, as open. Every rule trains
the same two networks on each task: 100 leaky rate cells, 80 of which excite, and 100 integrate-and-fire cells, half of
which adapt. Spiking networks take shorter steps. Choices are scored on decisions alone.
"""

from collections.abc import Mapping
from typing import Any

from biocredit.protocols.experiments.configuration import Configuration, Recording, Run
from biocredit.protocols.experiments.experiment import Experiment
from biocredit.protocols.experiments.overrides import overridden
from biocredit.protocols.experiments.settings.circuits import RateNetwork
from biocredit.protocols.experiments.settings.credit import Rule
from biocredit.protocols.experiments.settings.optimizers import Optimizer
from biocredit.protocols.experiments.settings.phases import Online
from biocredit.protocols.experiments.settings.spiking import SpikingNetwork
from biocredit.protocols.experiments.settings.tasks import TaskNamed

#: Rules on rates and on spikes by the names of figures.
RULES = {
    "BPTT": ("bptt", "bptt"),
    "three-factor": ("three_factor", "eprop"),
    "MDGL": ("mdgl", "mdgl"),
    "ModProp": ("modprop", "modprop_self"),
}
CELLS = ("rates", "spikes")
#: Where the hyper-parameters are from.
CHOSEN = "ours, the same for every rule; none was searched for"

#: Tasks with their settings, on rates and on spikes, and what is peculiar to them.
FINE, COARSE = {"dt": 5.0}, {"dt": 20.0}
CHOICES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    **dict.fromkeys(
        (
            "perceptual_decision",
            "delayed_response",
            "context_decision",
            "multisensory",
            "delayed_match_to_sample",
            "dms_distractors",
            "delayed_comparison",
            "delayed_paired_association",
            "go_nogo",
            "anti_reach",
            "interval_discrimination",
            "ready_set_go",
        ),
        (COARSE, FINE),
    ),
    "evidence_accumulation": ({"dt": 10.0, "spikes": False}, FINE),
    **dict.fromkeys(("flip_flop", "copy_memory", "adding_problem"), (COARSE, FINE)),
}

NETWORKS: Mapping[str, Any] = {
    "rates": RateNetwork(neurons=100, initial="balanced"),
    "spikes": SpikingNetwork(adaptive=0.5, threshold=0.1, refractory=5.0, tau_adaptation=600.0, beta=0.2),
}
LOOK = Recording(activity=("output",), every=1000, trials=200)


def on(task: str, cells: str, rule: str, **settings: Any) -> Configuration:
    """Return the configuration of a rule on a task, on rates or on spikes."""
    return Configuration(
        task=TaskNamed(task, dict(CHOICES.get(task, (COARSE, FINE))[CELLS.index(cells)])),
        circuit=overridden(NETWORKS[cells], settings),
        rule=Rule(rule),
        protocol=Online(),
        optimizer=Optimizer(learning_rate=1e-3),
        record=LOOK,
        run=Run(epochs=100, seeds=3, batch_size=32),
    )


def conditions(task: str) -> dict[str, Configuration]:
    """Make one condition for each rule on rates and on spikes."""
    return {
        f"{label}, {cells}": on(task, cells, rules[number])
        for number, cells in enumerate(CELLS)
        for label, rules in RULES.items()
    }


QUICK = {
    "circuit.neurons": 20,
    "run.epochs": 2,
    "run.seeds": 1,
    "run.batch_size": 10,
    "task.n_train": 20,
    "task.n_test": 20,
    "record.trials": 20,
}
#: Steps as coarse as the membrane allows.
CLOCK = {"task.dt": 20.0, "circuit.refractory": 0.0}
ORDER = "BPTT at most ModProp, below MDGL and the three-factor rule"

SHELF = tuple(
    Experiment(
        f"temporal-tasks/{task.replace('_', '-')}",
        "shelf of tasks",
        f"{task.replace('_', ' ').capitalize()}: four rules, on rates and on spikes",
        citation="arXiv:2206.01338",
        chosen=CHOSEN,
        takes="about an hour on 2 cores (estimated)",
        conditions=conditions(task),
        quick={**QUICK, **CLOCK},
        quick_conditions=("BPTT, rates", "three-factor, spikes"),
        expected=ORDER,
    )
    for task in CHOICES
)
YANG = Experiment(
    "temporal-tasks/yang20",
    "Figure 1",
    "Twenty tasks in one network",
    citation="10.1038/s41593-018-0310-2",
    chosen=CHOSEN,
    takes="about a day on 2 cores (estimated)",
    conditions={
        f"{label}, {cells}": overridden(
            on("yang20", cells, rules[number], neurons=256), {"run.epochs": 300, "record.trials": 400}
        )
        for number, cells in enumerate(CELLS)
        for label, rules in RULES.items()
    },
    quick={**QUICK, **CLOCK},
    quick_conditions=("BPTT, rates", "three-factor, spikes"),
    expected="BPTT solves all twenty; which tasks a local rule leaves behind is the question",
)

EXPERIMENTS = (*SHELF, YANG)
