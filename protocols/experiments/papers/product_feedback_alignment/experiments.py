"""Product feedback alignment: figures and table 1 of Li and Benna (2024), arXiv 2405.20594.

The paper prints few numbers; the others beside ours are runs of its authors' layers, which say so. Figure 4 trains
on the first 45,000 images of CIFAR-10 and is scored on the test set (the paper: on 5,000 images that are held out).
Figure 5 sees centred squares, mirrored at random (the paper: random crops of random size).
"""

from functools import partial

from biocredit.protocols.experiments.configurations.feedback_alignment import (
    ExpandedLayersOnImages,
    ExpandedResidualOnImages,
    ExpansionAsBorn,
    LayersOnImages,
    ResidualOnImages,
    plain,
)
from biocredit.protocols.experiments.configurations.phaseless import PhaselessOnImages
from biocredit.protocols.experiments.experiment import Configuration, Experiment, Reference, varied
from biocredit.protocols.experiments.overrides import overridden
from biocredit.protocols.experiments.papers.product_feedback_alignment.published import (
    BIOTORCH,
    CIFAR_ERROR,
    CORTEX,
    IMAGENET,
    LIMITS,
    TEXT,
    accuracies,
    alignments,
    limits,
    top,
)

experiment = partial(Experiment, citation="arXiv:2405.20594")

#: Streams without an intermediate population by the paper's names; SF is uSF, the one that the paper uses.
RULES = {"BP": "transposed", "FA": "random", "DFA": "direct", "SF": "usf", "brSF": "brsf", "frSF": "frsf"}
MIRRORING = {"KP": "kolen_pollack", "WM": "weight_mirror"}
PRODUCTS = {"PFA": "product", "PFA-o": "product_orthogonal"}


def layers(rule: str, **settings: object) -> Configuration:
    """784-512-512-10 on MNIST; dots in names of settings are written as double underscores."""
    names = RULES | MIRRORING | PRODUCTS
    base = ExpandedLayersOnImages() if rule in PRODUCTS else LayersOnImages()
    decay = {"steps.first_decay": 0.03} if rule == "KP" else {}
    return overridden(base, {"feedback.descending": names[rule]} | decay | plain(settings))


def residual(rule: str, **settings: object) -> Configuration:
    """ResNet-20 on CIFAR-10, or with other settings."""
    base = ExpandedResidualOnImages() if rule in PRODUCTS else ResidualOnImages()
    rate = {"steps.rate": 0.001} if rule == "DFA" else {}
    data = {"task.train": 45000}
    return overridden(base, {"feedback.descending": (RULES | PRODUCTS)[rule]} | data | rate | plain(settings))


QUICK = {
    "task.name": "digits",
    "hidden": (64, 64),
    "run.batch_size": 32,
    "run.epochs": 5,
    "run.seeds": 2,
    "steps.rate": 0.02,
    "steps.milestones": (),
}

PERFORMANCE = (
    experiment(
        "product-feedback/fig2",
        "Figure 2",
        "Accuracy, alignment angles and norm ratios on MNIST, two hidden layers of 512 cells",
        takes="about 8 hours on 2 busy cores, 5 of them PFA and PFA-o (from measured parts)",
        conditions={rule: layers(rule) for rule in (*RULES, "KP", *PRODUCTS)},
        quick=QUICK,
        quick_conditions=("BP", "FA", "SF", "PFA"),
        expected="PFA, PFA-o and SF as good as BP, FA and DFA a little worse. Angles: PFA near arctan(1 / sqrt(10)), "
        "18 degrees, in all layers; PFA-o towards 0; SF near 30; FA 60 to 90. Norm ratios near 1 with PFA and PFA-o",
        references=(*accuracies(), *alignments()),
    ),
    experiment(
        "product-feedback/fig3",
        "Figure 3",
        "Eigenvalues of B B^T and the angle of the path it leads to, against the expansion ratio",
        takes="about 10 minutes on 2 cores (estimated)",
        conditions={
            label: overridden(one, {"run.seeds": 20 if one.feedback.expansion > 30 else 100})
            for label, one in varied(ExpansionAsBorn(), "expansion {}", "feedback.expansion", tuple(LIMITS)).items()
        },
        quick={"run.seeds": 5, "task.n_train": 10, "task.n_test": 10},
        quick_conditions=("expansion 1.0", "expansion 3.98", "expansion 10.0"),
        expected="the Marchenko-Pastur law: eigenvalues of mean 1 and variance 1 / expansion; the angle is "
        "arctan(1 / sqrt(expansion))",
        references=limits(),
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
            "circuit.side": 8,
            "circuit.margin": 1,
            "run.batch_size": 50,
            "run.epochs": 1,
            "run.seeds": 1,
            "feedback.expansion": 2.0,
        },
        quick_conditions=("PFA",),
        expected="PFA, PFA-o about equal to BP and SF, far above FA and DFA; small angles, norm ratios near 1",
        references=top({rule: 100 - error for rule, error in CIFAR_ERROR.items()}, BIOTORCH),
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
                circuit__side=224,
                circuit__margin=0,
                steps__milestones=(20, 40, 60),
                run__epochs=75,
                run__seeds=1,
                run__batch_size=256,
                **({"steps__first_decay": 5e-4} if rule in PRODUCTS else {}),
            )
            for rule in ("BP", "SF", *PRODUCTS)
        },
        quick={
            "task.name": "digits",
            "task.train": 60,
            "task.test": 30,
            "circuit.side": 32,
            "run.batch_size": 30,
            "run.epochs": 1,
            "steps.rate": 0.01,
        },
        quick_conditions=("SF",),
        expected="PFA-o and PFA close to BP, SF five points below",
        references=top(IMAGENET, TEXT),
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
            f"{rule}, sparsity {sparsity}": layers(rule, feedback__sparsity=sparsity)
            for rule in ("FA", "DFA", "SF", "PFA")
            for sparsity in SPARSITIES
        },
        quick=QUICK,
        quick_conditions=tuple(f"{rule}, sparsity {s}" for rule in ("FA", "PFA") for s in (0.0, 0.9)),
        expected="FA, DFA and SF degrade gradually, PFA more slowly. The paper's levels are not known, nor whether the "
        "remaining synapses are stronger; levels are ours, and they are, so that B B^T stays near the identity",
    ),
    experiment(
        "product-feedback/table1",
        "Table 1",
        "Properties of the rules, measured: alignment, reciprocal synapses, and the angle to the gradient",
        takes="about 3 hours on 2 cores (estimated)",
        conditions={rule: layers(rule, run__seeds=3) for rule in ("BP", "FA", "DFA", "SF", "KP", "WM", "PFA", "PFA-o")}
        | {"PAL": overridden(PhaselessOnImages(), {"run.seeds": 3})},
        quick=QUICK,
        quick_conditions=("BP", "FA", "KP", "PFA", "PAL"),
        expected="BP, KP and WM make reciprocal synapses equal, which cortex's are not (correlation 0.2); PFA has no "
        "reciprocal pairs at all, and its changes are close to the gradient all the same",
        references=tuple(
            Reference(f"reciprocal_correlation.layer{layer}", "last", CORTEX, "cortex, paper, appendix B")
            for layer in (1, 2, 3)
        ),
    ),
)

EXPERIMENTS = (*PERFORMANCE, *PROPERTIES)
