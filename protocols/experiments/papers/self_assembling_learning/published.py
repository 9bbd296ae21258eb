"""Numbers of arXiv 2412.20018, and of an independent implementation of the reconstructed rule, to compare ours with."""

from collections.abc import Mapping

from biocredit.protocols.experiments.experiment import Reference

PAPER = "paper, table 1"
MEASURED = "independent implementation of the reconstructed rule, mean of seeds 0 to 2, last epoch"
ONE_SEED = "independent implementation of the reconstructed rule, seed 0"
TWO_SEEDS = "independent implementation of the reconstructed rule, mean of seeds 0 and 1"

#: Accuracy in per cent with its standard deviation, by data set and rule.
TABLE_1: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "cifar10": {
        "SGD": (50.36, 0.16),
        "FA": (47.85, 0.20),
        "WM": (49.35, 0.13),
        "KP": (48.16, 0.09),
        "SAL": (51.91, 0.21),
    },
    "mnist": {
        "SGD": (98.44, 0.09),
        "FA": (97.80, 0.19),
        "WM": (98.40, 0.23),
        "KP": (98.45, 0.09),
        "SAL": (98.85, 0.10),
    },
    "fashion_mnist": {
        "SGD": (96.80, 0.05),
        "FA": (95.75, 0.20),
        "WM": (96.00, 0.25),
        "KP": (96.13, 0.07),
        "SAL": (97.23, 0.08),
    },
    "pathmnist": {
        "SGD": (70.11, 0.10),
        "FA": (69.90, 0.10),
        "WM": (70.00, 0.15),
        "KP": (69.51, 0.05),
        "SAL": (70.23, 0.15),
    },
    "svhn": {
        "SGD": (78.20, 0.13),
        "FA": (78.03, 0.15),
        "WM": (78.08, 0.15),
        "KP": (78.20, 0.05),
        "SAL": (78.50, 0.07),
    },
    "stl10": {
        "SGD": (41.00, 0.07),
        "FA": (39.29, 0.23),
        "WM": (39.48, 0.19),
        "KP": (40.32, 0.11),
        "SAL": (41.50, 0.10),
    },
}

#: Measured accuracies in per cent, means of three seeds.
TABLE_1_MEASURED: Mapping[str, Mapping[str, float]] = {
    "mnist": {
        "SGD": 97.94,
        "KP": 97.90,
        "FA": 96.25,
        "SAL": 97.61,
        "SAL ungated": 94.45,
        "linear": 92.08,
    },
    "cifar10": {
        "SGD": 51.13,
        "KP": 50.02,
        "FA": 47.46,
        "SAL": 49.93,
        "SAL ungated": 42.65,
        "linear": 39.94,
    },
}


def table_1(data_set: str) -> tuple[Reference, ...]:
    """Return what the paper and the independent implementation say about one data set."""
    paper = [
        Reference("test_accuracy", "last", value / 100, PAPER, sd / 100, rule)
        for rule, (value, sd) in TABLE_1[data_set].items()
    ]
    measured = [
        Reference("test_accuracy", "last", value / 100, MEASURED, condition=rule)
        for rule, value in TABLE_1_MEASURED.get(data_set, {}).items()
    ]
    return (*paper, *measured)


def best(values: Mapping[str, float], source: str) -> tuple[Reference, ...]:
    """Return references to the best test accuracy, from percentages by condition."""
    return tuple(
        Reference("test_accuracy", "best", value / 100, source, condition=label) for label, value in values.items()
    )


WIDTH_RATIO = {"identity, ratio 1": 49.77, "identity, ratio 2": 49.78, "identity, ratio 3": 49.53} | {
    "identity, ratio 5": 49.41,
    "identity, ratio 8": 50.08,
    "identity, ratio 10": 50.01,
}
TRANSFER = {"identity": 94.80, "tanh": 94.76, "lateral_gate": 93.68, "upstream_jacobian": 88.44}
ABLATION_GATED = {"W": 33.71, "W Wbar": 33.70, "W V": 49.25, "W Wbar Vbar": 34.46, "W Wbar V": 49.03} | {
    "W Wbar V Vbar": 49.20
}
ABLATION_UNGATED = {"W": 42.83, "W Wbar": 42.79, "W V": 42.84, "W Wbar Vbar": 43.16, "W Wbar V": 43.13} | {
    "W Wbar V Vbar": 43.12
}
RATE = {"rate 0.01": 83.96, "rate 0.03": 90.09, "rate 0.1": 93.74, "rate 0.2": 95.39, "rate 0.3": 96.24}
RANKS = {
    "decay 0.0001": {"before": (59.8, 47.9, 48.3, 9.7), "after": (59.4, 46.6, 47.6, 9.5)},
    "decay 0.005": {"before": (59.8, 47.9, 48.3, 9.7), "after": (55.2, 26.6, 21.0, 8.9)},
}


def effective_ranks() -> tuple[Reference, ...]:
    """Return effective ranks of the ascending weights by layer, measured on CIFAR-10."""
    return tuple(
        Reference(f"effective_rank.{moment}", float(layer), value, ONE_SEED, condition=label)
        for label, moments in RANKS.items()
        for moment, values in moments.items()
        for layer, value in enumerate(values, start=1)
    )
