"""Numbers of arXiv 2405.20594, of the authors' layers run on MNIST, and of BioTorch, to compare ours with."""

from collections.abc import Mapping, Sequence

from biocredit.protocols.experiments.experiment import Reference

TEXT = "paper, text"
LAYERS = "the authors' layers, one run in float32, seed 0"
BIOTORCH = "BioTorch (arXiv 2108.13446), ResNet-20, SGD"
DRAWN = "independent draws of B and W (100 draws; 20 for expansions above 30)"

#: Test accuracy in per cent after these epochs.
EPOCHS = (1, 2, 3, 5)
ACCURACY: Mapping[str, Sequence[float]] = {
    "BP": (96.56, 97.03, 97.79, 97.79),
    "FA": (89.91, 94.71, 92.80, 96.41),
    "DFA": (91.83, 94.68, 94.56, 94.68),
    "SF": (96.19, 97.07, 97.47, 97.82),
    "brSF": (95.20, 96.59, 97.26, 97.87),
    "frSF": (95.73, 97.05, 97.57, 97.90),
    "KP": (92.99, 96.62, 97.38, 97.85),
    "PFA": (91.95, 96.85, 97.61),
}

#: Angles in degrees of the three layers after so many epochs.
ANGLES: Mapping[str, Mapping[int, Sequence[float]]] = {
    "FA": {0: (90.1, 90.0, 90.4), 10: (90.0, 85.2, 64.5)},
    "SF": {0: (30.0, 30.0, 30.0), 10: (31.2, 30.6, 29.0)},
    "brSF": {0: (41.4, 41.4, 41.4), 5: (42.0, 41.8, 41.2)},
    "KP": {1: (34.5, 33.0, 6.7), 2: (20.4, 22.1, 4.3), 8: (11.7, 14.6, 3.0)},
    "PFA": {0: (90.0, 90.0, 88.6), 1: (32.0, 30.9, 20.4), 2: (23.2, 24.3, 19.8), 3: (21.6, 23.1, 19.7)},
}

#: Norm ratios of the three layers after so many epochs.
NORM_RATIOS: Mapping[str, Mapping[int, Sequence[float]]] = {
    "FA": {10: (0.951, 0.792, 0.235)},
    "SF": {10: (1.056, 1.047, 0.554)},
    "brSF": {5: (1.021, 1.011, 0.609)},
    "KP": {8: (0.993, 1.004, 1.024)},
    "PFA": {0: (0.469, 0.427, 0.918), 3: (1.014, 1.003, 1.058)},
}

#: Eigenvalue mean and SD of B B^T, angle in degrees of B B^T W and W, its SD, norm ratio; by expansion.
LIMITS: Mapping[float, Sequence[float]] = {
    1.0: (0.9994, 0.999, 45.01, 0.37, 1.4127),
    1.58: (0.9980, 0.794, 38.53, 0.32, 1.2742),
    2.51: (0.9993, 0.630, 32.23, 0.26, 1.1818),
    3.98: (1.0008, 0.501, 26.59, 0.22, 1.1186),
    6.3: (1.0000, 0.398, 21.67, 0.22, 1.0766),
    10.0: (1.0003, 0.316, 17.53, 0.18, 1.0487),
    15.84: (0.9998, 0.251, 14.09, 0.13, 1.0308),
    25.11: (1.0000, 0.199, 11.27, 0.12, 1.0199),
    39.81: (1.0001, 0.158, 8.99, 0.11, 1.0121),
    63.09: (0.9998, 0.126, 7.18, 0.08, 1.0075),
    100.0: (0.9999, 0.099, 5.65, 0.04, 1.0051),
}

IMAGENET = {"BP": 69.69, "PFA-o": 69.30, "PFA": 68.46, "SF": 64.63}
CIFAR_ERROR = {"BP": 8.63, "FA": 32.16, "DFA": 45.94, "SF": 10.05}

#: Appendix B: the reciprocal synapses of cortex.
CORTEX = 0.2


def accuracies() -> tuple[Reference, ...]:
    """Return test accuracies on MNIST."""
    return tuple(
        Reference("test_accuracy", epoch, value / 100, LAYERS, condition=rule)
        for rule, values in ACCURACY.items()
        for epoch, value in zip(EPOCHS, values, strict=False)
    )


def alignments() -> tuple[Reference, ...]:
    """Return angles and norm ratios on MNIST."""
    measured = [
        Reference(f"{series}.layer{layer}", epoch, value, LAYERS, condition=rule)
        for series, table in (("angle", ANGLES), ("norm_ratio", NORM_RATIOS))
        for rule, epochs in table.items()
        for epoch, values in epochs.items()
        for layer, value in enumerate(values, start=1)
    ]
    said = [
        Reference(f"angle.layer{layer}", "last", value, TEXT, condition=rule)
        for rule, value in (("PFA", 18.0), ("PFA-o", 0.0), ("SF", 30.0))
        for layer in (1, 2, 3)
    ]
    return (*measured, *said)


def limits() -> tuple[Reference, ...]:
    """Return angles, norm ratios and eigenvalues by expansion."""
    names = ("limit.eigenvalue_mean", "limit.eigenvalue_sd", "limit.angle", "limit.norm_ratio")
    return tuple(
        Reference(name, 1.0, value, DRAWN, sd if name == "limit.angle" else None, f"expansion {expansion}")
        for expansion, (mean, spread, angle, sd, ratio) in LIMITS.items()
        for name, value in zip(names, (mean, spread, angle, ratio), strict=True)
    )


def top(values: Mapping[str, float], source: str) -> tuple[Reference, ...]:
    """Return final test accuracies, from percentages by condition."""
    return tuple(Reference("test_accuracy", "last", v / 100, source, condition=label) for label, v in values.items())
