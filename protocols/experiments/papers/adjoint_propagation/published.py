"""Numbers of eLife 2026, 15:e108237 (doi:10.7554/eLife.108237) and of its authors' program, to compare ours with."""

from collections.abc import Mapping

from biocredit.protocols.experiments.experiment import Reference

PREPRINT = "preprint abstract, doi:10.21203/rs.3.rs-6759684/v1"
STORED = "output stored with the authors' program, one run"
STORED_MEAN = "output stored with the authors' program, mean of 5 runs"
RERUN = "authors' program run again, one run"


def curve(series: str, values: Mapping[float, tuple[float, float | None]], source: str) -> tuple[Reference, ...]:
    """Return references along a curve from percentages and their spread by epoch."""
    return tuple(
        Reference(series, at, round(value / 100, 6), source, None if sd is None else round(sd / 100, 6))
        for at, (value, sd) in values.items()
    )


def single(values: Mapping[float, float]) -> dict[float, tuple[float, None]]:
    """Percentages of one run have no spread."""
    return {at: (value, None) for at, value in values.items()}


PREPRINT_MNIST = (Reference("test_accuracy", "best", 0.9747, PREPRINT),)
PREPRINT_FASHION = (Reference("test_accuracy", "best", 0.8912, PREPRINT),)
DEMO_MNIST = curve("test_accuracy", single({1: 79.64, 2: 89.01, 3: 90.93}), RERUN)
DEMO_FASHION = (
    *curve(
        "test_accuracy",
        single(
            {1: 65.90, 2: 76.15, 3: 80.65, 5: 83.23, 10: 85.61, 20: 87.35, 30: 88.04, 50: 88.84, 75: 88.56, 100: 88.66}
        ),
        STORED,
    ),
    Reference("test_accuracy", "best", 0.8904, STORED),
)

PATH_B_FASHION = {
    1: (63.97, 2.22),
    2: (73.39, 0.87),
    3: (78.80, 0.58),
    5: (82.35, 0.17),
    10: (84.74, 0.11),
    20: (86.59, 0.12),
    30: (87.48, 0.16),
    50: (88.18, 0.19),
    75: (88.39, 0.20),
    100: (88.29, 0.37),
}
PATH_B_MNIST = {
    1: (78.46, 1.32),
    2: (87.82, 0.37),
    3: (89.77, 0.16),
    5: (91.45, 0.14),
    10: (93.67, 0.09),
    20: (95.64, 0.17),
    30: (96.59, 0.09),
    50: (97.03, 0.12),
    75: (97.01, 0.11),
    100: (96.89, 0.10),
}
FASHION, MNIST = "test_accuracy.choice_fashion_mnist", "test_accuracy.choice_mnist"
PATH_B = (
    *curve(FASHION, PATH_B_FASHION, STORED_MEAN),
    Reference(FASHION, "best", 0.8875, STORED_MEAN, 0.0020),
    *curve(MNIST, PATH_B_MNIST, STORED_MEAN),
    Reference(MNIST, "best", 0.9717, STORED_MEAN, 0.0009),
)
PATH_C = (
    *curve(FASHION, single({1: 62.90, 2: 72.75}), RERUN),
    *curve(MNIST, single({1: 73.49, 2: 87.15}), RERUN),
)

#: Best, last and first test accuracy (percent) by standard deviation of the noise.
GABOR_ACCURACY = {
    0.0: (100.0, 100.0, 100.0),
    0.2: (100.0, 100.0, 100.0),
    1.0: (100.0, 100.0, 99.8),
    2.0: (99.8, 98.8, 95.2),
    4.0: (89.4, 83.8, 69.6),
}
#: Mean output of "clockwise" by orientation (degrees), one network, by noise.
GABOR_OUTPUT = {
    1.0: {-6: 0.000, -2: 0.041, -1: 0.152, 0: 0.390, 1: 0.762, 2: 0.944, 6: 1.000},
    2.0: {-6: 0.015, -2: 0.187, -1: 0.166, 0: 0.397, 1: 0.576, 2: 0.744, 6: 0.953},
    4.0: {-6: 0.134, -2: 0.397, -1: 0.487, 0: 0.460, 1: 0.644, 2: 0.619, 6: 0.831},
}
GABOR = (
    *(
        Reference("test_accuracy", at, round(value / 100, 6), STORED_MEAN, condition=f"noise={noise}")
        for noise, values in GABOR_ACCURACY.items()
        for at, value in zip(("best", "last", 1), values, strict=True)
    ),
    *(
        Reference(
            "psychometric.mean_output", at, value, "authors' program run again, one network", condition=f"noise={noise}"
        )
        for noise, values in GABOR_OUTPUT.items()
        for at, value in values.items()
    ),
)
