"""Counter-current learning: tables and figures of Kao and Hariharan (2024), arXiv 2409.19841.

Settings are those that the authors' program ships with. The paper does not say which settings of its search its
baselines got; those here lie within the search, or are the ones published with the rule. Data are not quite the
paper's: the first nine tenths of the training images train, and scores are those on the test images at the end.
"""

from dataclasses import replace
from functools import partial

from biocredit.protocols.experiments.configuration import Configuration, Run
from biocredit.protocols.experiments.experiment import Experiment, Panel, dotted
from biocredit.protocols.experiments.overrides import overridden
from biocredit.protocols.experiments.settings.circuits import (
    CounterCurrentLayers,
    CounterCurrentMaps,
    DirectTargetLayers,
    TargetLayers,
)
from biocredit.protocols.experiments.settings.credit import CounterCurrent, Pathway, Targets
from biocredit.protocols.experiments.settings.measures import (
    CosineOfWeights,
    EmbeddingOfStreams,
    FirstKernels,
    Operations,
    SimilarityOfStreams,
)
from biocredit.protocols.experiments.settings.optimizers import CounterCurrentSteps, DirectTargetSteps, Optimizer
from biocredit.protocols.experiments.settings.tasks import Images, Maps

#: Where the hyper-parameters are from.
CHOSEN = (
    "those that the authors' program ships with; baselines lie within the paper's search or are those published with "
    "the rule; none was searched for here"
)
experiment = partial(Experiment, citation="arXiv:2409.19841", chosen=CHOSEN)

HIDDEN = {"mnist": (256,) * 5, "fashion_mnist": (256,) * 5, "cifar10": (1024,) * 3, "cifar100": (1024,) * 3}
TRAINED = {"mnist": 54000, "fashion_mnist": 54000, "cifar10": 45000, "cifar100": 45000}
DIGITS = {"task.name": "digits", "task.train": None, "run.batch_size": 50}
QUICK = {**DIGITS, "circuit.hidden": (64, 64), "run.epochs": 5, "run.seeds": 2}
QUICK_MAPS = {
    **DIGITS,
    "circuit.channels": (16, 16, 32),
    "task.side": 8,
    "task.margin": 0,
    "run.epochs": 2,
    "run.seeds": 1,
}

RUN = Run(epochs=100, seeds=5, batch_size=256, shuffle="samples")
DENSE = Configuration(
    task=Images("mnist", "global", 54000),
    circuit=CounterCurrentLayers(),
    pathway=Pathway("counter_current"),
    optimizer=CounterCurrentSteps(),
    run=RUN,
)
MAPS = Configuration(
    task=Maps(),
    circuit=CounterCurrentMaps(),
    pathway=CounterCurrent(),
    optimizer=CounterCurrentSteps("cifar10_pooling"),
    run=replace(RUN, batch_size=128),
)
TARGETS = Configuration(
    task=Images("mnist", "global", 54000),
    circuit=TargetLayers(),
    pathway=Targets(),
    optimizer=Optimizer("sgd", 1.0),
    run=RUN,
)
DIRECT_TARGETS = Configuration(
    task=Images("mnist", None, 54000),
    circuit=DirectTargetLayers(),
    pathway=Pathway("direct_random_target"),
    optimizer=DirectTargetSteps(),
    run=replace(RUN, batch_size=100),
)


def data(name: str) -> dict[str, object]:
    """Return the settings of a data set and of the network that learns it."""
    return {"task.name": name, "task.train": TRAINED[name], "circuit.hidden": HIDDEN[name]}


def dense(name: str, pathway: str = "counter_current", **others: object) -> Configuration:
    """Fully connected streams; dots in names of settings are written as double underscores."""
    standardise = {"task.standardise": "channel" if name.startswith("cifar") else "global"}
    return overridden(DENSE, {**data(name), **standardise, "pathway.name": pathway, **dotted(others)})


def targets(name: str, which: str, **others: object) -> Configuration:
    """A rule of the target family."""
    return overridden(TARGETS, {**data(name), "pathway.name": which, **dotted(others)})


def maps(pathway: object = MAPS.pathway, **others: object) -> Configuration:
    """Convolutional streams."""
    return overridden(MAPS, {"pathway": pathway, **dotted(others)})


def rules(name: str) -> dict[str, Configuration]:
    """List the rows of table 1."""
    fixed = {"circuit__standardised": "everywhere", "pathway__stepsize": 0.04, "optimizer__learning_rate": 0.1}
    return {
        "BP": dense(name, "transposed"),
        "FA": dense(name, "random", optimizer__up=0.1),
        "DFA": dense(name, "direct", optimizer__up=0.1),
        "DTP": targets(name, "difference_target"),
        "DRL": targets(name, "difference_reconstruction"),
        "L-DRL": targets(name, "local_difference_reconstruction"),
        "FW-DTP": targets(name, "fixed_difference_target", **fixed),
        "DRTP": overridden(DIRECT_TARGETS, data(name)),
        "CCL": dense(name),
    }


TABLES = (
    *(
        experiment(
            f"counter-current-learning/table1-{name.replace('_', '-')}",
            "Table 1",
            f"Test accuracy on {name} beside back-propagation, feedback alignment and target propagation",
            takes="about 2 days on 2 cores (estimated from one epoch)",
            conditions=rules(name),
            quick=QUICK,
            quick_conditions=("BP", "CCL"),
            panels=(Panel("bars", "test_accuracy"), Panel("curve", "test_accuracy")),
            expected="counter-current learning close to back-propagation (on CIFAR-10 above it), the target family "
            "below. At this learning rate back-propagation jumps between epochs, counter-current learning does not",
        )
        for name in HIDDEN
    ),
    *(
        experiment(
            f"counter-current-learning/table2-{name}",
            "Table 2",
            f"Operations for one sample and one update, {name}",
            takes="under half a minute on a busy core (measured)",
            conditions={
                label: overridden(one, {"measures": {"operations": Operations()}, "run.epochs": 0, "run.seeds": 1})
                for label, one in {"BP": dense(name, "transposed"), "CCL": dense(name)}.items()
            },
            quick={**QUICK, "run.epochs": 0, "run.seeds": 1},
            panels=(Panel("curve", "operations.counted", axis="trials in a batch"),),
            expected="counter-current learning needs a little more than back-propagation at 32 samples a batch, less "
            "at 256; operations read from the program equal the formula",
        )
        for name in ("mnist", "cifar10")
    ),
)

BACKPROPAGATION = Pathway("transposed")
KERNELS = {"circuit__first_kernel": 5, "measures": {"kernels": FirstKernels()}}
#: Back-propagation on the pooling network, as shipped.
BP_MAPS = {
    "circuit__normalised": "before",
    "optimizer__shipped": "cifar_backpropagation",
    "run__batch_size": 256,
}
AUGMENTED = {"task__margin": 4, "task__mirrored": True}
CIFAR_100 = {"task__name": "cifar100", "optimizer__shipped": "cifar100_pooling", "pathway__flooding": 0.0}

CONVOLUTIONAL = (
    experiment(
        "counter-current-learning/table3-cifar10",
        "Tables 3 and 4",
        "Test accuracy on CIFAR-10, five convolutions",
        takes="weeks on 2 cores (estimated); meant for a GPU",
        conditions={"BP": maps(BACKPROPAGATION, **AUGMENTED, **BP_MAPS), "CCL": maps(**AUGMENTED)},
        quick=QUICK_MAPS,
        expected="back-propagation a few points above counter-current learning",
    ),
    experiment(
        "counter-current-learning/table3-cifar100",
        "Table 3",
        "Test accuracy on CIFAR-100, five convolutions",
        takes="weeks on 2 cores (estimated); meant for a GPU",
        conditions={
            "BP": maps(BACKPROPAGATION, task__name="cifar100", **AUGMENTED, **BP_MAPS),
            "CCL": maps(**AUGMENTED, **CIFAR_100),
        },
        quick=QUICK_MAPS,
        expected="counter-current learning a few points above back-propagation",
    ),
    experiment(
        "counter-current-learning/fig4",
        "Figure 4",
        "Spatial frequencies of the first kernels, 5 x 5 pixels",
        takes="weeks on 2 cores (estimated); meant for a GPU",
        conditions={
            "BP": maps(BACKPROPAGATION, **AUGMENTED, **BP_MAPS, **KERNELS),
            "CCL": maps(**AUGMENTED, **KERNELS),
        },
        quick={**QUICK_MAPS},
        panels=(Panel("histogram", "kernel.high_frequency_fraction"), Panel("histogram", "kernel.mean_frequency")),
        expected="kernels of back-propagation have more power at high frequencies",
    ),
    experiment(
        "counter-current-learning/fig8",
        "Figure 8",
        "t-SNE of both streams together at layers 1, 3 and 5, CIFAR-10",
        takes="about a day on 2 cores (estimated); meant for a GPU",
        conditions={
            "CCL": maps(
                **AUGMENTED,
                measures={"embedding": EmbeddingOfStreams((1, 3, 5))},
                run__pass_trials=64000,
                run__epochs=6,
                run__seeds=1,
            )
        },
        quick={
            **QUICK_MAPS,
            "measures.embedding.levels": (1, 3),
            "measures.embedding.trials": 200,
            "run.pass_trials": 500,
        },
        panels=tuple(Panel("embedding", f"tsne.level{level}") for level in (1, 3, 5)),
        expected="classes of the descending stream move into the clouds of the ascending one in layers 3 and 5, not 1",
    ),
)

#: Settings of the similarity run: the paper does not give its own.
SIMILARITY = {
    "task__name": "mnist",
    "task__standardise": None,
    "task__train": None,
    "measures": {"similarity": SimilarityOfStreams(1000)},
    "run__pass_trials": 640,
    "run__batch_size": 32,
    "run__epochs": 8,
    "optimizer__warm_up": 100,
}

MEETING = (
    experiment(
        "counter-current-learning/fig3",
        "Figure 3",
        "t-SNE of both streams together below the output, MNIST",
        takes="about 10 minutes on 2 cores (estimated)",
        conditions={
            "CCL": dense(
                "mnist",
                measures={"embedding": EmbeddingOfStreams((5,))},
                run__pass_trials=12800,
                run__epochs=8,
                run__seeds=1,
            )
        },
        quick={
            **QUICK,
            "measures.embedding.levels": (2,),
            "measures.embedding.trials": 200,
            "run.pass_trials": 500,
            "run.epochs": 3,
            "run.seeds": 1,
        },
        panels=tuple(Panel("embedding", f"tsne.level{level}") for level in (5, 2)),
        expected="the rows of the descending stream, one a class, move into the clouds of their classes",
    ),
    experiment(
        "counter-current-learning/fig6",
        "Figure 6",
        "Similarity of all pairs of levels of the two streams over 160 updates, MNIST",
        takes="about an hour on 2 cores (estimated)",
        conditions={
            "pooling": maps(**SIMILARITY),
            "stride": maps(**SIMILARITY, circuit__architecture="strided"),
        },
        quick={**QUICK_MAPS, "measures.similarity.trials": 200, "run.pass_trials": 500},
        panels=tuple(Panel("pairs", "cka", only=only) for only in ("pooling", "stride")),
        expected="low similarity at first where the output or the lowest descending level takes part; then it rises, "
        "most at the upper ascending levels. How much depends on the settings, which the paper does not give",
    ),
    experiment(
        "counter-current-learning/fig7",
        "Figure 7",
        "Test accuracy against the learning rates of the two streams, MNIST",
        takes="about 2 hours on 2 cores (estimated)",
        conditions={
            f"up {up:g}, down {down:g}": dense(
                "mnist", optimizer__up=up, optimizer__down=down, run__epochs=5, run__seeds=1
            )
            for up in (0.2, 0.5, 1.0, 1.5, 2.0)
            for down in (0.0, 0.2, 0.5, 1.0, 1.5, 2.0)
        },
        quick={**QUICK, "run.epochs": 2, "run.seeds": 1},
        quick_conditions=("up 1, down 0", "up 1, down 1"),
        panels=(Panel("heat", "test_accuracy", x="optimizer.up", by="optimizer.down"),),
        expected="a wide range works; with a descending stream that stays random the circuit still learns well, unless "
        "the ascending rate is 2",
    ),
    experiment(
        "counter-current-learning/fig9",
        "Figure 9",
        "Cosine of ascending and descending weights over training, five layers, MNIST",
        takes="about an hour on 2 cores (estimated)",
        conditions={
            "CCL": dense(
                "mnist",
                circuit__hidden=(256,) * 4,
                measures={"weights": CosineOfWeights()},
                run__epochs=30,
                run__seeds=1,
            )
        },
        quick={**QUICK, "run.seeds": 1},
        panels=(Panel("curve", "weight_cosine.plain.*"), Panel("curve", "test_accuracy")),
        expected="the last layer aligns fast and saturates, layers 2 and 3 follow slowly; perfect symmetry is not "
        "reached. In the paper the first layer aligns too; with the shipped settings it does not",
    ),
)

#: What came out otherwise than expected, in words.
OBSERVED = {
    "counter-current-learning/table1-mnist": (
        "the same, but for the second epoch of back-propagation: 92.9 to 96.7 in eight networks, where the "
        "one run of the authors' program has a dip to 92.4"
    ),
    "counter-current-learning/table1-fashion-mnist": (
        "the same in the first five epochs, within 0.3 points of the one run of the authors' program"
    ),
}

EXPERIMENTS = tuple(replace(one, observed=OBSERVED.get(one.name, "")) for one in (*TABLES, *CONVOLUTIONAL, *MEETING))
