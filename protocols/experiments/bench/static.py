"""The bench of rules for trials without time: images, and a network with two hidden layers of equal size.

Every rule that acts in a layered stream acts in the same one. Adjoint Propagation has two regions of as many cells,
equilibrium propagation, predictive coding and phaseless alignment learning two layers of as many.
"""

from functools import partial

from biocredit.protocols.experiments.bench.rows import DECAY, Bench, RuleRow, TaskRow
from biocredit.protocols.experiments.bench.variants import STATIC
from biocredit.protocols.experiments.configuration import Configuration, Run
from biocredit.protocols.experiments.settings.circuits import Chain, CircuitNamed, Equilibrium, Layers, Phaseless
from biocredit.protocols.experiments.settings.credit import Pathway, SelfAssembling, Targets
from biocredit.protocols.experiments.settings.measures import AngleToGradient, Cost, NoisyWeights, Silenced
from biocredit.protocols.experiments.settings.optimizers import (
    CounterCurrentSteps,
    DirectTargetSteps,
    Milestones,
    Optimizer,
    SelfAssemblingSteps,
    Varied,
)
from biocredit.protocols.experiments.settings.phases import AdjointPhases, Relaxation
from biocredit.protocols.experiments.settings.tasks import Images

BASE = Configuration(
    task=Images("mnist"),
    circuit=Layers((256, 256)),
    pathway=None,
    optimizer=Varied(),
    measures={
        "angle": AngleToGradient(),
        "silenced": Silenced(),
        "noisy": NoisyWeights(),
        "cost": Cost(),
    },
    run=Run(epochs=10, seeds=3, batch_size=64, shuffle="samples"),
)
IMAGES = ("MNIST", "Fashion-MNIST", "CIFAR-10")
DECAYS = (1e-4, 1e-3, 1e-2)
STEPSIZES = (0.04, 0.1, 1.0)


def pathway(label: str, name: str, **more: object) -> RuleRow:
    """A descending stream by name."""
    return RuleRow(label, {"pathway": Pathway(name)}, **more)


def targets(label: str, name: str, **more: object) -> RuleRow:
    """A rule of the target family."""
    part = {"pathway": Targets(name)}
    return RuleRow(label, part, "pathway.stepsize", STEPSIZES, **more)


def adjoint(label: str, error: str) -> RuleRow:
    """Adjoint Propagation with one of its errors; the paper has Adam at 0.001."""
    parts = {"circuit": Chain(neurons=256), "protocol": AdjointPhases(error=error)}
    paper = {"paper": {"optimizer": Optimizer("adam", 1e-3)}, "published_on": ("MNIST", "Fashion-MNIST")}
    return RuleRow(label, parts, "protocol.error_strength", (0.3, 1.0), **paper)


#: Product feedback decays fast at first in its paper; the decay is its constant.
decaying = partial(pathway, constant=DECAY, values=DECAYS)
PAPER_MNIST = {"paper": {"optimizer": Milestones()}, "published_on": ("MNIST",)}
PAPER_DECAY = {"paper": {"optimizer": Milestones(first_decay=0.03)}, "published_on": ("MNIST",)}
PAPER_TARGETS = {"paper": {"optimizer": Optimizer("sgd", 1.0)}, "published_on": IMAGES}

RULES = (
    pathway("BP", "transposed", **PAPER_MNIST),
    pathway("FA", "random", **PAPER_MNIST),
    pathway("DFA", "direct", **PAPER_MNIST),
    pathway("uSF", "usf", **PAPER_MNIST),
    pathway("brSF", "brsf", **PAPER_MNIST),
    pathway("frSF", "frsf", **PAPER_MNIST),
    decaying("KP", "kolen_pollack", **PAPER_DECAY),
    decaying("WM", "weight_mirror", **PAPER_MNIST),
    decaying("PFA", "product", **PAPER_DECAY),
    decaying("PFA-o", "product_orthogonal", **PAPER_DECAY),
    RuleRow(
        "SAL",
        {"pathway": SelfAssembling()},
        "pathway.lateral_sd",
        (0.003, 0.03),
        {"optimizer": SelfAssemblingSteps()},
        published_on=("MNIST", "CIFAR-10"),
    ),
    pathway("CCL", "counter_current", paper={"optimizer": CounterCurrentSteps()}, published_on=IMAGES),
    targets("DTP", "difference_target", **PAPER_TARGETS),
    targets("DRL", "difference_reconstruction", **PAPER_TARGETS),
    targets("L-DRL", "local_difference_reconstruction", **PAPER_TARGETS),
    targets(
        "FW-DTP",
        "fixed_difference_target",
        paper={"pathway.stepsize": 0.04, "optimizer": Optimizer("sgd", 0.1)},
        published_on=IMAGES,
    ),
    pathway(
        "DRTP",
        "direct_random_target",
        constant="pathway.reduction",
        values=("sum", "mean"),
        paper={"optimizer": DirectTargetSteps()},
        published_on=IMAGES,
    ),
    adjoint("AP, short trajectory", "short_trajectory"),
    adjoint("AP, end point", "end_point"),
    RuleRow("EP", {"circuit": Equilibrium((256, 256)), "protocol": Relaxation()}, "protocol.beta", (0.1, 0.5)),
    RuleRow("PC", {"circuit": CircuitNamed("PredictiveCoding", {"hidden": (256, 256)})}),
    RuleRow("PAL", {"circuit": Phaseless((256, 256))}, rate="circuit.slowed"),
)

TASKS = (
    TaskRow("digits", {"task.name": "digits"}, quick={}),
    TaskRow("MNIST", {"task.name": "mnist"}),
    TaskRow("Fashion-MNIST", {"task.name": "fashion_mnist"}),
    TaskRow("CIFAR-10", {"task.name": "cifar10"}),
)

BENCH = Bench(
    name="static",
    title="Static rules: one task, one size, one budget of tuning",
    base=BASE,
    rules=RULES,
    tasks=TASKS,
    reference="BP",
    rates=(1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0),
    search_seeds=2,
    variants=STATIC,
    quick={
        "circuit.hidden": (64, 64),
        "circuit.neurons": 64,
        "run.batch_size": 32,
        "run.epochs": 20,
        "run.seeds": 5,
        "measures.silenced.trials": 360,
        "measures.noisy.trials": 360,
        "measures.angle.trials": 200,
        "measures.angle.every": 4,
    },
)
