"""Product feedback alignment: figures and table 1 of Li and Benna (2024), arXiv 2405.20594.

The paper prints few numbers; the others beside ours are runs of its authors' layers, which say so. Figure 4 trains
on the first 45,000 images of CIFAR-10 and is scored on the test set (the paper: on 5,000 images that are held out).
Figure 5 sees centred squares, mirrored at random (the paper: random crops of random size).
"""

from dataclasses import replace
from functools import partial

from biocredit.protocols.experiments.configuration import Configuration, Run
from biocredit.protocols.experiments.experiment import Experiment, Panel, dotted
from biocredit.protocols.experiments.overrides import overridden
from biocredit.protocols.experiments.settings.circuits import Layers, Phaseless, Residual
from biocredit.protocols.experiments.settings.credit import Pathway
from biocredit.protocols.experiments.settings.measures import (
    Alignment,
    AngleToGradient,
    ExpansionSpectrum,
    LimitOfPath,
    Reciprocity,
)
from biocredit.protocols.experiments.settings.optimizers import Milestones
from biocredit.protocols.experiments.settings.tasks import ColourMaps, Gabor, Images

#: Where the hyper-parameters are from.
CHOSEN = (
    "learning rates, decay and milestones of the paper; sparsities and the spread of what remains (figure 6) are ours; "
    "none was searched for here"
)
experiment = partial(Experiment, citation="arXiv:2405.20594", chosen=CHOSEN)

#: Streams without an intermediate population by the paper's names; SF is uSF, the one that the paper uses.
RULES = {"BP": "transposed", "FA": "random", "DFA": "direct", "SF": "usf", "brSF": "brsf", "frSF": "frsf"}
MIRRORING = {"KP": "kolen_pollack", "WM": "weight_mirror"}
PRODUCTS = {"PFA": "product", "PFA-o": "product_orthogonal"}


RUN = Run(epochs=40, seeds=5, batch_size=64, shuffle="samples")
LAYERS = Configuration(
    task=Images("mnist", "global"),
    circuit=Layers((512, 512)),
    pathway=Pathway("transposed"),
    optimizer=Milestones(),
    measures={"alignment": Alignment(), "reciprocity": Reciprocity(), "angle_to_gradient": AngleToGradient()},
    run=RUN,
)
RESIDUAL = Configuration(
    task=ColourMaps(),
    circuit=Residual(),
    pathway=Pathway("transposed"),
    optimizer=Milestones(0.1, (100, 150, 200), 0.1),
    measures={"alignment": Alignment()},
    run=Run(epochs=200, seeds=5, batch_size=128, shuffle="samples"),
)
#: One layer of 100 cells as it is born: random weights, nothing is learned.
BORN = Configuration(
    task=Gabor(size=16, classes=100),
    circuit=Layers(()),
    pathway=Pathway("product", {"expansion": 10.0}),
    measures={"spectrum": ExpansionSpectrum(), "limit": LimitOfPath()},
    run=Run(epochs=0, seeds=100, batch_size=400, shuffle="samples"),
)
PHASELESS = Configuration(
    task=Images("mnist", "global"),
    circuit=Phaseless(),
    measures={"alignment": Alignment(), "reciprocity": Reciprocity()},
    run=RUN,
)


def layers(rule: str, sparsity: float = 0.0, **settings: object) -> Configuration:
    """784-512-512-10 on MNIST; dots in names of settings are written as double underscores."""
    decay = {"optimizer.first_decay": 0.03} if rule in ("KP", *PRODUCTS) else {}
    own = {"sparsity": sparsity} if sparsity else {}
    pathway = Pathway((RULES | MIRRORING | PRODUCTS)[rule], own)
    return overridden(LAYERS, {"pathway": pathway} | decay | dotted(settings))


def residual(rule: str, **settings: object) -> Configuration:
    """ResNet-20 on CIFAR-10, or with other settings."""
    decay = {"optimizer.first_decay": 0.005} if rule in PRODUCTS else {}
    rate = {"optimizer.learning_rate": 0.001} if rule == "DFA" else {}
    own = {"pathway.name": (RULES | PRODUCTS)[rule], "task.train": 45000}
    return overridden(RESIDUAL, own | decay | rate | dotted(settings))


QUICK = {
    "task.name": "digits",
    "circuit.hidden": (64, 64),
    "run.batch_size": 32,
    "run.epochs": 5,
    "run.seeds": 2,
    "optimizer.learning_rate": 0.02,
    "optimizer.milestones": (),
}

#: What is measured of the path that weights settle to.
LIMITS = ("eigenvalue_mean", "eigenvalue_sd", "angle", "norm_ratio")
EXPANSIONS = (1.0, 1.58, 2.51, 3.98, 6.3, 10.0, 15.84, 25.11, 39.81, 63.09, 100.0)

PERFORMANCE = (
    experiment(
        "product-feedback/fig2",
        "Figure 2",
        "Accuracy, alignment angles and norm ratios on MNIST, two hidden layers of 512 cells",
        takes="about 8 hours on 2 busy cores, 5 of them PFA and PFA-o (from measured parts)",
        conditions={rule: layers(rule) for rule in (*RULES, "KP", *PRODUCTS)},
        quick=QUICK,
        quick_conditions=("BP", "FA", "SF", "PFA"),
        panels=(
            Panel("curve", "test_accuracy"),
            *(Panel("curve", f"{what}.layer{k}") for what in ("angle", "norm_ratio") for k in (1, 2, 3)),
        ),
        expected="PFA, PFA-o and SF as good as BP, FA and DFA a little worse. Angles: PFA near arctan(1 / sqrt(10)), "
        "18 degrees, in all layers; PFA-o towards 0; SF near 30; FA 60 to 90. Norm ratios near 1 with PFA and PFA-o",
    ),
    experiment(
        "product-feedback/fig3",
        "Figure 3",
        "Eigenvalues of B B^T and the angle of the path it leads to, against the expansion ratio",
        takes="under a minute on a busy core (measured)",
        conditions={
            f"expansion {expansion}": overridden(
                BORN,
                {
                    "pathway": Pathway("product", {"expansion": expansion}),
                    "run.seeds": 20 if expansion > 30 else 100,
                },
            )
            for expansion in EXPANSIONS
        },
        quick={"run.seeds": 5, "task.n_train": 10, "task.n_test": 10},
        quick_conditions=("expansion 1.0", "expansion 3.98", "expansion 10.0"),
        panels=(
            Panel("histogram", "eigenvalue"),
            *(Panel("line", f"limit.{name}", x="pathway.expansion", log="x") for name in LIMITS),
        ),
        expected="the Marchenko-Pastur law: eigenvalues of mean 1 and variance 1 / expansion; the angle is "
        "arctan(1 / sqrt(expansion))",
    ),
    experiment(
        "product-feedback/fig4",
        "Figure 4",
        "ResNet-20 on CIFAR-10: accuracy, alignment angles and norm ratios of all 20 layers",
        takes="about 2 hours a run on a GPU (the paper)",
        conditions={rule: residual(rule) for rule in ("BP", "FA", "DFA", "SF", *PRODUCTS)},
        quick={
            "task.name": "digits",
            "task.standardise": "global",
            "task.train": 100,
            "task.test": 50,
            "task.side": 8,
            "task.margin": 1,
            "run.batch_size": 50,
            "run.epochs": 1,
            "run.seeds": 1,
            "pathway.expansion": 2.0,
        },
        quick_conditions=("PFA",),
        panels=(
            Panel("curve", "test_accuracy"),
            Panel("across", "angle.*"),
            Panel("across", "norm_ratio.*"),
        ),
        expected="PFA, PFA-o about equal to BP and SF, far above FA and DFA; small angles, norm ratios near 1",
    ),
    experiment(
        "product-feedback/fig5",
        "Figure 5",
        "ResNet-18 on a tree of ImageNet folders",
        takes="about a week a run on a GPU (the paper)",
        conditions={
            rule: residual(
                rule,
                task__name="imagenet",
                task__standardise=None,
                task__train=None,
                circuit__depth=18,
                task__side=224,
                task__margin=0,
                optimizer__milestones=(20, 40, 60),
                run__epochs=75,
                run__seeds=1,
                run__batch_size=256,
                **({"optimizer__first_decay": 5e-4} if rule in PRODUCTS else {}),
            )
            for rule in ("BP", "SF", *PRODUCTS)
        },
        quick={
            "task.name": "digits",
            "task.train": 60,
            "task.test": 30,
            "task.side": 32,
            "run.batch_size": 30,
            "run.epochs": 1,
            "optimizer.learning_rate": 0.01,
        },
        quick_conditions=("SF",),
        expected="PFA-o and PFA close to BP, SF five points below",
    ),
)

SPARSITIES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95)
PROPERTIES = (
    experiment(
        "product-feedback/fig6",
        "Figure 6",
        "Accuracy on MNIST with sparse feedback: a fraction of the synapses does not exist",
        takes="about 20 hours on 2 cores (estimated)",
        conditions={
            f"{rule}, sparsity {sparsity}": layers(rule, sparsity=sparsity)
            for rule in ("FA", "DFA", "SF", "PFA")
            for sparsity in SPARSITIES
        },
        quick=QUICK,
        quick_conditions=tuple(f"{rule}, sparsity {s}" for rule in ("FA", "PFA") for s in (0.0, 0.9)),
        panels=(Panel("line", "test_accuracy", x="pathway.sparsity", by="pathway.name"),),
        expected="FA, DFA and SF degrade gradually, PFA more slowly. The paper's levels are not known, nor whether the "
        "remaining synapses are stronger; levels are ours, and they are, so that B B^T stays near the identity",
    ),
    experiment(
        "product-feedback/table1",
        "Table 1",
        "Properties of the rules, measured: alignment, reciprocal synapses, and the angle to the gradient",
        takes="about 3 hours on 2 cores (estimated)",
        conditions={rule: layers(rule, run__seeds=3) for rule in ("BP", "FA", "DFA", "SF", "KP", "WM", "PFA", "PFA-o")}
        | {"PAL": overridden(PHASELESS, {"run.seeds": 3})},
        quick=QUICK,
        quick_conditions=("BP", "FA", "KP", "PFA", "PAL"),
        panels=tuple(Panel("across", f"{name}.*") for name in ("angle", "reciprocal_correlation", "angle_to_gradient")),
        expected="BP, KP and WM make reciprocal synapses equal, which cortex's are not (correlation 0.2); PFA has no "
        "reciprocal pairs at all, and its changes are close to the gradient all the same",
    ),
)

#: What came out otherwise than expected, in words.
OBSERVED = {
    "product-feedback/fig2": (
        "the same in one network; after 40 epochs the path of PFA is at 18.8, 19.5 and 17.7 degrees. What "
        "decay leaves of the initial mismatch (7.6, 8.8 and 2.1 degrees in PFA-o, still falling) would "
        "account for what is above 17.5"
    ),
    "product-feedback/fig6": (
        "with 0.9 of the synapses missing, one network, mean of epochs 10 to 12 of 40: PFA 97.8, SF 97.7, FA "
        "96.8, DFA 96.7 per cent, which is 0.4, 0.4, 0.0 and 0.2 points below all synapses. PFA and SF are "
        "alike, and FA and DFA, which start lower, lose less: not the paper's order. Were the remaining "
        "synapses not stronger, PFA would lose most (91.7 after 12 epochs)"
    ),
}

EXPERIMENTS = tuple(replace(one, observed=OBSERVED.get(one.name, "")) for one in (*PERFORMANCE, *PROPERTIES))
