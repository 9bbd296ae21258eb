"""Self-assembling learning: tables and figures of Liao et al. (2024), arXiv 2412.20018.

The paper's rates, ratios and initial scales are lost; those here come from short searches with an independent
implementation, whose results stand beside the paper's. Numbers of ours are not tuned towards either.
ChestMNIST of table 1 is left out: it has fourteen labels an image, and the paper does not say how it scores them.
"""

from dataclasses import replace
from functools import partial

from biocredit.protocols.experiments.configuration import Configuration, Recording, Run
from biocredit.protocols.experiments.experiment import Experiment, Panel, dotted, varied
from biocredit.protocols.experiments.overrides import overridden
from biocredit.protocols.experiments.settings.circuits import Layers
from biocredit.protocols.experiments.settings.credit import Pathway, SelfAssembling
from biocredit.protocols.experiments.settings.measures import EffectiveRanks
from biocredit.protocols.experiments.settings.optimizers import Descent, SelfAssemblingSteps
from biocredit.protocols.experiments.settings.tasks import Images

#: Where the hyper-parameters are from.
CHOSEN = (
    "not in the paper as we have it: some 300 short runs of an independent implementation, one seed, looked at on the "
    "test images of an early epoch; ours were not tuned further"
)
experiment = partial(Experiment, citation="arXiv:2412.20018", chosen=CHOSEN)

QUICK = {"task.name": "digits", "task.standardise": None, "run.batch_size": 50, "run.epochs": 5, "run.seeds": 2}
ON_CIFAR = {"task.name": "cifar10", "task.standardise": "channel", "optimizer.learning_rate": 0.03, "run.epochs": 20}
SLOW_V = {"optimizer.ratios": (1.0, 0.01, 0.2, 0.2)}

#: Settings of task, length and rates by data set: of self-assembling learning, and of the rules beside it.
DATA = {
    "mnist": ({"optimizer.learning_rate": 0.3, **SLOW_V}, {}),
    "fashion_mnist": ({"optimizer.learning_rate": 0.2, "run.epochs": 20, **SLOW_V}, {"run.epochs": 20}),
    "cifar10": (ON_CIFAR, ON_CIFAR),
    "pathmnist": (ON_CIFAR, ON_CIFAR),
    "svhn": (ON_CIFAR, ON_CIFAR),
    "stl10": (ON_CIFAR | {"run.epochs": 100}, ON_CIFAR | {"run.epochs": 100}),
}
COLOUR = ("cifar10", "pathmnist", "svhn", "stl10")


BASE = Configuration(
    task=Images("mnist"),
    circuit=Layers((200, 200, 200), bias=False, ascending_sd=1.0),
    measures={"ranks": EffectiveRanks()},
    run=Run(epochs=30, seeds=3, batch_size=256, shuffle="samples"),
)
ASSEMBLING = replace(
    BASE,
    pathway=SelfAssembling(),
    optimizer=SelfAssemblingSteps(),
    record=Recording(amplitudes=("up.rate*.current",)),
)
OTHER = replace(
    BASE, pathway=Pathway("transposed"), optimizer=Descent(), record=Recording(amplitudes=("down.rate*.rate",))
)


def assembling(data_set: str, **settings: object) -> Configuration:
    """Self-assembling learning on a data set; dots in names of settings are written as double underscores."""
    return overridden(ASSEMBLING, DATA[data_set][0] | {"task.name": data_set} | dotted(settings))


def rule(data_set: str, pathway: str, **settings: object) -> Configuration:
    """Another rule on a data set."""
    own = DATA[data_set][1] | {"task.name": data_set, "pathway.name": pathway}
    return overridden(OTHER, own | dotted(settings))


def rules(data_set: str) -> dict[str, Configuration]:
    """List the rows of table 1, the ungated reading of the rule, and a linear read-out."""
    colour = data_set in COLOUR
    fa = {"optimizer__learning_rate": 0.01, "circuit__ascending_sd": 0.3} if colour else {}
    return {
        "SGD": rule(data_set, "transposed"),
        "FA": rule(data_set, "random", **fa),
        "WM": rule(data_set, "weight_mirror"),
        "KP": rule(data_set, "kolen_pollack"),
        "SAL": assembling(data_set),
        "SAL ungated": assembling(
            data_set,
            pathway__gated=(),
            optimizer__learning_rate=0.03 if colour else 0.1,
            optimizer__ratios=(1.0, 0.01, 1.0, 1.0),
        ),
        "linear": rule(data_set, "transposed", circuit__hidden=(), optimizer__learning_rate=0.003 if colour else 0.1),
    }


TABLES = (
    *(
        experiment(
            f"self-assembling-learning/table1-{data_set.replace('_', '-')}",
            "Table 1",
            f"Accuracy beside SGD, feedback alignment, weight mirrors and Kolen-Pollack on {data_set}",
            takes="about 20 minutes on 2 busy cores (from measured parts)",
            conditions=rules(data_set),
            quick=QUICK,
            panels=(Panel("bars", "test_accuracy"), Panel("curve", "test_accuracy")),
            expected="self-assembling learning at the level of SGD (the paper: above it), feedback alignment below; "
            "without the gate hardly above a linear read-out",
        )
        for data_set in ("cifar10", "mnist", "fashion_mnist", "pathmnist", "svhn", "stl10")
    ),
    experiment(
        "self-assembling-learning/table2",
        "Table 2",
        "Which connections are there, and which of them are plastic: the table of projections in every trace",
        takes="about 20 seconds on a busy core (measured)",
        conditions={
            label: overridden(one, {"run.epochs": 1, "run.seeds": 1})
            for label, one in rules("mnist").items()
            if label in ("SGD", "FA", "WM", "KP", "SAL")
        },
        quick={**QUICK, "run.epochs": 1, "run.seeds": 1},
        panels=(Panel("bars", "test_accuracy"),),
        expected="SGD: ascending alone; FA: descending too, fixed; KP: both plastic; SAL: four kinds, all plastic. The "
        "mirror of WM changes descending weights in a phase of its own, outside the optimiser",
    ),
)

#: Descending cells a level at which descending weights are so many times the ascending ones between hidden levels.
WIDTHS = {1: 200, 2: 284, 3: 348, 5: 450, 8: 570, 10: 638}


def ratios(data_set: str, transfers: tuple[str, ...]) -> dict[str, Configuration]:
    """Vary the width of the descending stream, and its transfer function."""
    return {
        f"{transfer}, ratio {ratio}": assembling(
            data_set, pathway__transfer=transfer, pathway__widths=(width,) * 3, run__epochs=12, run__seeds=2
        )
        for transfer in transfers
        for ratio, width in WIDTHS.items()
    }


WIDTH = (
    *(
        experiment(
            f"self-assembling-learning/fig2-{data_set}",
            "Figure 2",
            f"Accuracy on {data_set} against the number of descending weights, for several transfer functions",
            takes="about 6 hours on 2 cores (estimated)",
            conditions=ratios(data_set, ("identity", "tanh", "lateral_gate")),
            quick={**QUICK, "run.epochs": 1, "run.seeds": 1},
            panels=(Panel("line", "test_accuracy", x="pathway.widths", by="pathway.transfer"),),
            expected="best at 5 to 8 times as many descending weights as ascending ones (the paper); a gain of less "
            "than half a point, within the spread of seeds, in the independent implementation",
        )
        for data_set in ("cifar10", "svhn", "stl10")
    ),
    experiment(
        "self-assembling-learning/fig2-activation",
        "Figure 2",
        "Accuracy on MNIST with each descending transfer function",
        takes="about 2 minutes on a busy core (measured)",
        conditions={
            transfer: assembling(
                "mnist",
                pathway__transfer=transfer,
                optimizer__learning_rate=0.03 if transfer == "upstream_jacobian" else 0.1,
                optimizer__ratios=(1.0, 0.01, 1.0, 1.0),
                run__epochs=8,
                run__seeds=1,
            )
            for transfer in ("identity", "tanh", "lateral_gate", "upstream_jacobian")
        },
        quick=QUICK,
        panels=(Panel("bars", "test_accuracy"), Panel("curve", "test_accuracy")),
        expected="little dependence on the transfer function (the paper); one-sided rates diverge here, "
        "and are left out",
    ),
)

NARROW = overridden(
    ASSEMBLING,
    {
        "circuit.hidden": (60, 60, 60),
        **ON_CIFAR,
        "optimizer.learning_rate": 0.05,
        "optimizer.clip": 0.3,
        "run.epochs": 50,
        "run.seeds": 1,
        "record.weights": tuple(f"up.layer{layer}.W" for layer in (1, 2, 3, 4))
        + tuple(f"down.rate{level}.V" for level in (1, 2, 3)),
        "record.every": 50,
    },
)
#: Snapshots of the weights, and what the ranks are called.
WHEN = {0: "before", -1: "after"}
STRUCTURE = tuple(
    experiment(
        f"self-assembling-learning/fig3{suffix}",
        "Figure 3",
        f"Structure and effective rank of the weights before and after learning, on {data_set}",
        takes="about 50 minutes on a busy core (from measured parts)",
        conditions=varied(overridden(NARROW, {"task.name": data_set}), "decay {}", "optimizer.decay", (1e-4, 5e-3)),
        quick={**QUICK, "run.seeds": 1, "record.every": 5},
        panels=(
            *(Panel("products", "up.layer2.W", only="decay 0.005", snapshot=k, title=t) for k, t in WHEN.items()),
            *(Panel("curve", f"effective_rank.{name}", title=name, axis="layer") for name in WHEN.values()),
        ),
        expected="W W^T turns from almost diagonal to structured and the effective rank falls (the paper): in W only "
        "where the decay matters within the run, in V always, to about the number of classes",
    )
    for data_set, suffix in (("svhn", ""), ("cifar10", "-cifar10"))
)

#: Which kinds of synapses are plastic.
KINDS = ("W", "W Wbar", "W V", "W Wbar Vbar", "W Wbar V", "W Wbar V Vbar")
ABLATED = overridden(
    ASSEMBLING,
    {
        **ON_CIFAR,
        "optimizer.ratios": (1.0, 0.1, 0.3, 0.3),
        "pathway.lateral_sd": None,
        "run.epochs": 12,
        "run.seeds": 2,
    },
)
ABLATION = tuple(
    experiment(
        f"self-assembling-learning/fig4{suffix}",
        "Figure 4",
        f"Accuracy on CIFAR-10 with some of the four kinds of synapses plastic, others random and fixed{note}",
        takes="about 2 hours on 2 cores (estimated)",
        conditions={
            label: overridden(ABLATED, {"pathway.gated": gated, "pathway.plastic": tuple(label.split())})
            for label in KINDS
        },
        quick={**QUICK, "run.epochs": 3},
        panels=(Panel("bars", "test_accuracy"), Panel("curve", "test_accuracy")),
        expected="one kind is decisive: V, from the descending to the ascending stream. Plastic Vbar without Wbar "
        "changes nothing at all, so those sets are left out",
    )
    for suffix, note, gated in (("", "", ("W",)), ("-ungated", ", without the gate", ()))
)

RATES = assembling("mnist", run__epochs=10, run__seeds=1)
OTHERS = (
    experiment(
        "self-assembling-learning/fig5",
        "Figure 5",
        "Accuracy on MNIST against the learning rate, with the ratios of the four rates fixed",
        takes="about 2 minutes on a busy core (measured)",
        conditions=varied(RATES, "rate {}", "optimizer.learning_rate", (0.01, 0.03, 0.1, 0.2, 0.3)),
        quick=QUICK,
        panels=(
            Panel("line", "test_accuracy", x="optimizer.learning_rate", log="x"),
            Panel("curve", "test_accuracy"),
        ),
        expected="accuracy rises with the rate up to a cliff: 0.5 diverges",
    ),
    experiment(
        "self-assembling-learning/modulation",
        "Section 2.3",
        "Loss of the present trials before and after the descending currents act on the ascending cells",
        takes="about 2 minutes on a busy core (measured)",
        conditions={
            f"{mode}, strength {strength}": assembling(
                "mnist",
                pathway__modulation=strength,
                pathway__modulation_mode=mode,
                run__epochs=10,
                run__seeds=1,
            )
            for mode, strength in (("activation", 0.1), ("activation", 1.0), ("membrane", 1.0))
        },
        quick=QUICK,
        panels=(
            Panel("curve", "loss", log="y"),
            Panel("curve", "modulated_loss", log="y"),
            Panel("curve", "test_accuracy"),
        ),
        expected="no use in the circuit as it is born; once it has assembled itself, modulated_loss is well below loss",
    ),
)

#: What came out otherwise than expected, in words.
OBSERVED = {
    "self-assembling-learning/table1-cifar10": (
        "self-assembling learning at the level of SGD, not above it, in one network; the last epoch at a constant rate "
        "is noisy. Kolen-Pollack comes out three points above the paper"
    ),
    "self-assembling-learning/table1-mnist": (
        "the same order but for self-assembling learning, half a point below SGD, where an independent implementation "
        "has it, too; all four rules are half a point to 1.4 points below the paper, whose rates are not known"
    ),
    "self-assembling-learning/table1-fashion-mnist": (
        "88 per cent with SGD: the paper's 97 cannot be the test accuracy of such a network; self-assembling learning "
        "1.8 points below SGD, feedback alignment far behind at this rate"
    ),
    "self-assembling-learning/fig3-cifar10": (
        "the same in one network: V falls to about the number of classes; ranks of random weights differ by a tenth "
        "from draw to draw"
    ),
    "self-assembling-learning/fig4": (
        "V is decisive here, too; W alone reaches 43 per cent at its best epoch and falls back to 19, where the "
        "independent implementation stays at 34"
    ),
}

EXPERIMENTS = tuple(
    replace(one, observed=OBSERVED.get(one.name, "")) for one in (*TABLES, *WIDTH, *STRUCTURE, *ABLATION, *OTHERS)
)
