"""The bench of rules for trials with time: cognitive tasks, and a recurrent network of leaky cells.

All rules have Adam, with which a rate means the same whatever the size of a rule's changes. Cells excite or inhibit.
"""

from biocredit.protocols.experiments.bench.rows import Bench, RuleRow, TaskRow
from biocredit.protocols.experiments.bench.variants import TEMPORAL
from biocredit.protocols.experiments.configuration import Configuration, Run
from biocredit.protocols.experiments.settings.circuits import RateNetwork
from biocredit.protocols.experiments.settings.credit import Rule
from biocredit.protocols.experiments.settings.measures import AngleToGradient, Cost, NoisyWeights, Silenced
from biocredit.protocols.experiments.settings.optimizers import Rewiring, Varied
from biocredit.protocols.experiments.settings.phases import Online
from biocredit.protocols.experiments.settings.spiking import SpikingNetwork
from biocredit.protocols.experiments.settings.tasks import DelayedXor, PatternGeneration, TaskNamed

BASE = Configuration(
    task=DelayedXor(cue=20, delay=60, bump_sd=5.0),
    circuit=RateNetwork(neurons=32, tau=20.0),
    rule=Rule("bptt"),
    protocol=Online(),
    optimizer=Varied("adam"),
    measures={
        "angle": AngleToGradient(trials=100, every=5),
        "silenced": Silenced(trials=320),
        "noisy": NoisyWeights(trials=320),
        "cost": Cost(),
    },
    run=Run(epochs=40, seeds=3, batch_size=32),
)
#: The task of spiking cells.
SPIKES = "delayed XOR, spikes"
#: Mean gains from which the paper of ModProp chooses, its ends.
GAINS = ("circuit.mu", (0.2, 0.5))


def rule(label: str, name: str) -> RuleRow:
    """A rule by its name."""
    return RuleRow(label, {"rule": Rule(name)})


def modulated(label: str, name: str) -> RuleRow:
    """A form of ModProp; the paper's optimiser is one more point on its task."""
    return RuleRow(label, {"rule": Rule(name)}, *GAINS, {"optimizer": Rewiring()}, ("delayed XOR",))


RULES = (
    rule("BPTT", "bptt"),
    rule("RTRL", "rtrl"),
    rule("SnAp-1", "snap1"),
    rule("SnAp-2", "snap2"),
    rule("RFLO", "rflo"),
    rule("three-factor", "three_factor"),
    rule("MDGL", "mdgl"),
    rule("MDGL, types", "mdgl_types"),
    rule("MDGL, Wab", "mdgl_wab"),
    modulated("ModProp", "modprop"),
    modulated("ModProp, Wab", "modprop_wab"),
    modulated("ModProp, fixed Wab", "modprop_wab_fixed"),
    modulated("ModProp, Wab, causal", "modprop_wab_online"),
    modulated("ModProp, gain of no cell", "modprop_mu_all"),
    modulated("nSpecific", "nspec"),
    RuleRow("ModProp, own dynamics", {"rule": Rule("modprop_self")}, only=(SPIKES,)),
    RuleRow("ModProp, own dynamics, Wab", {"rule": Rule("modprop_wab_self")}, only=(SPIKES,)),
    rule("UORO", "uoro"),
    rule("KF-RTRL", "kf_rtrl"),
    rule("reverse KF-RTRL", "reverse_kf_rtrl"),
    rule("KeRNL", "kernl"),
    rule("DNI", "dni"),
    rule("future BPTT", "future_bptt"),
    rule("efficient BPTT", "efficient_bptt"),
)


def cognitive(label: str, name: str, timing: dict[str, float], **quick: object) -> TaskRow:
    """A task of the shelf, in steps of 50 ms."""
    part = TaskNamed(name, {"dt": 50.0, "timing": timing})
    settings = {"task": part, "circuit.tau": 100.0}
    return TaskRow(label, settings, quick or None, "decision_accuracy")


TASKS = (
    TaskRow(
        "delayed XOR",
        quick={"task.cue": 8, "task.delay": 30, "task.bump_sd": 2.0, "circuit.tau": 10.0, "run.epochs": 20},
    ),
    cognitive(
        "context decision",
        "context_decision",
        {"fixation": 100.0, "stimulus": 500.0, "delay": 200.0},
        **{"run.epochs": 6},
    ),
    cognitive("perceptual decision", "perceptual_decision", {"stimulus": 750.0}),
    cognitive("match to sample", "delayed_match_to_sample", {"delay": 500.0}),
    TaskRow(SPIKES, {"circuit": SpikingNetwork(neurons=32, initial="gaussian")}),
    TaskRow(
        "pattern generation",
        {
            "task": PatternGeneration(steps=400, inputs=20, frequencies=(2.5, 5.0, 10.0)),
            "run.batch_size": 1,
            "circuit.tau": 30.0,
        },
        score="normalised_error",
        higher=False,
        validation=0,
    ),
)

BENCH = Bench(
    name="temporal",
    title="Temporal rules: one task, one size, one budget of tuning",
    base=BASE,
    rules=RULES,
    tasks=TASKS,
    reference="BPTT",
    rates=(1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1),
    search_seeds=1,
    variants=TEMPORAL,
    quick={
        "circuit.neurons": 16,
        "run.seeds": 3,
        "task.n_train": 320,
        "task.n_test": 160,
        "measures.silenced.trials": 160,
        "measures.noisy.trials": 160,
        "measures.angle.trials": 32,
        "measures.angle.every": 10,
    },
)
