"""Numbers that this program gave itself, at full size unless it says otherwise, to compare later runs with."""

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.experiments.experiment import Reference

SOURCE = "this program, version 0.1.0, float32 on 2 CPU cores"


@dataclass(frozen=True)
class Ours:
    """One measured series.

    Parameters
    ----------
    experiment, condition, series
        What was run and what was scored.
    networks
        Number of networks (seeds).
    values
        Value, or mean and standard deviation over networks, by epoch, ``"best"`` or ``"last"``.
    """

    experiment: str
    condition: str
    series: str
    networks: int
    values: Mapping[str | float, float | tuple[float, float]]

    def references(self) -> tuple[Reference, ...]:
        """Return the numbers as references."""
        source = f"{SOURCE}, {'one network' if self.networks == 1 else f'{self.networks} networks'}"
        pairs = ((at, value if isinstance(value, tuple) else (value, None)) for at, value in self.values.items())
        return tuple(Reference(self.series, at, mean, source, sd, self.condition) for at, (mean, sd) in pairs)


def ours(experiment: str) -> tuple[Reference, ...]:
    """Return what this program gave in an experiment."""
    return tuple(one for entry in TABLE if entry.experiment == experiment for one in entry.references())


FASHION, MNIST = "test_accuracy.choice_fashion_mnist", "test_accuracy.choice_mnist"
TABLE = (
    Ours(
        "adjoint-propagation/fig2a",
        "AP",
        "test_accuracy",
        3,
        {1: (0.8201, 0.0057), 2: (0.8915, 0.0022), 3: (0.9077, 0.0007)},
    ),
    Ours(
        "adjoint-propagation/fig2b",
        "AP",
        "test_accuracy",
        3,
        {1: (0.6414, 0.0071), 2: (0.7622, 0.0059), 3: (0.8066, 0.0016)},
    ),
    Ours(
        "adjoint-propagation/fig2b",
        "AP",
        "test_accuracy",
        1,
        {5: 0.8339, 10: 0.8560, 20: 0.8715, 30: 0.8786, 50: 0.8857, 75: 0.8853, 100: 0.8849, "best": 0.8897},
    ),
    Ours("adjoint-propagation/fig5-pathB-ongoing", "AP", FASHION, 1, {1: 0.6386, 2: 0.7324, 3: 0.7876}),
    Ours("adjoint-propagation/fig5-pathB-ongoing", "AP", MNIST, 1, {1: 0.7690, 2: 0.8766, 3: 0.8988}),
    *(
        Ours("adjoint-propagation/appendix2", f"noise={noise}", "test_accuracy", 5, {"best": best})
        for noise, best in {0.0: 1.0, 0.2: 1.0, 1.0: 1.0, 2.0: 1.0, 4.0: 0.904}.items()
    ),
)
