"""Numbers of arXiv 2409.19841, and of its authors' program run again, to compare ours with."""

from collections.abc import Mapping

from biocredit.protocols.experiments.experiment import Reference

PAPER = "arXiv 2409.19841, mean of 5 seeds"
COUNTED = "arXiv 2409.19841, table 2, by its counting rule"
RERUN = "authors' program run again, one run"

#: Table 1 in percent, with the spread over seeds, by data set and rule.
TABLE_1 = {
    "mnist": {
        "BP": (98.19, 0.10),
        "FA": (96.96, 0.05),
        "DFA": (97.27, 0.06),
        "DRL": (93.05, 0.24),
        "L-DRL": (93.29, 0.21),
        "FW-DTP": (97.20, 0.16),
        "DRTP": (92.16, 0.18),
        "CCL": (98.13, 0.10),
    },
    "fashion_mnist": {
        "BP": (89.58, 0.25),
        "FA": (87.38, 0.12),
        "DFA": (87.35, 0.99),
        "DRL": (83.40, 0.18),
        "L-DRL": (83.60, 0.20),
        "FW-DTP": (87.78, 0.47),
        "DRTP": (82.03, 0.56),
        "CCL": (88.58, 0.29),
    },
    "cifar10": {
        "BP": (50.03, 0.31),
        "FA": (45.76, 0.38),
        "DFA": (42.86, 1.94),
        "DRL": (42.09, 0.27),
        "L-DRL": (42.19, 0.30),
        "FW-DTP": (45.91, 0.60),
        "DRTP": (33.85, 0.43),
        "CCL": (52.73, 0.59),
    },
    "cifar100": {
        "BP": (22.55, 0.19),
        "FA": (22.13, 0.41),
        "DFA": (19.87, 1.50),
        "DRL": (19.94, 0.28),
        "L-DRL": (19.96, 0.27),
        "FW-DTP": (21.09, 0.31),
        "DRTP": (15.53, 0.33),
        "CCL": (21.76, 0.22),
    },
}

#: Test accuracy in percent after so many epochs, by data set and rule.
CURVES = {
    ("mnist", "CCL"): {1: 86.27, 2: 89.83, 3: 91.76, 5: 93.27, 10: 95.07, 20: 96.33, 50: 97.32, 100: 97.92},
    ("mnist", "BP"): {1: 91.60, 2: 92.42, 3: 97.23, 5: 97.67, 10: 97.49, 20: 98.31, 50: 98.45},
    ("fashion_mnist", "CCL"): {1: 76.29, 2: 79.46, 3: 80.91, 5: 82.50},
    ("fashion_mnist", "BP"): {1: 78.68, 2: 82.33, 3: 81.21, 5: 85.45},
}

#: Table 3 in percent.
TABLE_3 = {
    "cifar10": {"BP": (87.12, 1.76), "CCL": (82.94, 0.53)},
    "cifar100": {"BP": (51.92, 0.48), "CCL": (56.29, 0.25)},
}

#: Table 2 in operations for one sample, at 32 samples a batch.
TABLE_2 = {"mnist": {"BP": 2.39e6, "CCL": 2.55e6}, "cifar10": {"BP": 25.23e6, "CCL": 27.89e6}}

#: Accuracy in percent after 5 epochs by learning rates of the ascending and of the descending stream (figure 7).
GRID = {
    (0.5, 0.0): 90.75,
    (0.5, 0.5): 91.47,
    (0.5, 1.0): 91.34,
    (0.5, 2.0): 91.35,
    (1.0, 0.0): 92.88,
    (1.0, 0.5): 93.42,
    (1.0, 1.0): 93.27,
    (1.0, 2.0): 92.84,
    (2.0, 0.0): 49.69,
    (2.0, 0.5): 93.97,
    (2.0, 1.0): 94.16,
    (2.0, 2.0): 93.84,
}


def accuracies(table: Mapping[str, tuple[float, float]]) -> tuple[Reference, ...]:
    """Return references for the last test accuracy of every rule."""
    return tuple(
        Reference("test_accuracy", "last", round(mean / 100, 6), PAPER, round(sd / 100, 6), rule)
        for rule, (mean, sd) in table.items()
    )


def curves(data_set: str) -> tuple[Reference, ...]:
    """Return references along the learning curves of the authors' program."""
    return tuple(
        Reference("test_accuracy", epoch, round(value / 100, 6), RERUN, condition=rule)
        for (name, rule), values in CURVES.items()
        if name == data_set
        for epoch, value in values.items()
    )


def counts(data_set: str) -> tuple[Reference, ...]:
    """Return references for the operations that are counted in our programs at 32 samples a batch."""
    return tuple(
        Reference("operations.counted", 32, value, COUNTED, condition=rule) for rule, value in TABLE_2[data_set].items()
    )


def grid() -> tuple[Reference, ...]:
    """Return references of figure 7, after 5 epochs."""
    return tuple(
        Reference("test_accuracy", 5, round(value / 100, 6), RERUN, condition=f"up {up:g}, down {down:g}")
        for (up, down), value in GRID.items()
    )
