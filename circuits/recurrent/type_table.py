"""Cell types as a user gives them: how many cells, of which sign, how fast."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from biocredit.circuits.core.errors import nearest, require
from biocredit.circuits.core.sizes import count, fits
from biocredit.circuits.recurrent.wiring import paper_counts

#: Sign of the cells of a type, by the first letter of its name.
SIGNS = {"E": 1, "I": -1}
#: Time constant in ms of a type that is given none.
TAU = 100.0


@dataclass(frozen=True)
class TypeTable:
    """Counts, signs (1, -1, or 0 for unconstrained) and time constants in ms, by the name of the type."""

    counts: dict[str, int]
    signs: dict[str, int]
    tau: dict[str, float]

    @classmethod
    def given(
        cls,
        neurons: int | Mapping[str, int],
        signs: Mapping[str, int] | None,
        tau: float | Mapping[str, float],
    ) -> "TypeTable":
        """Complete what a user gave.

        Raises
        ------
        CircuitError
            For a sign or time constant of a type that is not there, an empty type, or a time constant that is not
            positive.
        """
        if isinstance(neurons, Mapping):
            counts = {name: count(size, f"cells of type {name}") for name, size in neurons.items()}
        else:
            counts = paper_counts(count(neurons, "neurons", least=6))
        fits((sum(counts.values()),) * 2, "recurrent weights")
        signs, taus = signs or {}, tau if isinstance(tau, Mapping) else dict.fromkeys(counts, tau)
        for what, values in (("signs", signs), ("tau", taus)):
            for name in values:
                require(name in counts, f"unknown cell type {name!r} in {what}: {nearest(name, counts)}")
        for name, value in taus.items():
            require(value > 0, f"tau of {name} must be positive (ms), got {value}")
        require(bool(counts), "a network needs at least one cell type, got none")
        return cls(
            counts,
            {name: signs.get(name, SIGNS.get(name[:1], 0)) for name in counts},
            {name: taus.get(name, TAU) for name in counts},
        )

    def of_cells(self) -> tuple[int, ...]:
        """Type number of each cell; cells are numbered type by type."""
        return tuple(np.repeat(np.arange(len(self.counts)), list(self.counts.values())).tolist())

    def sign_of_cells(self) -> np.ndarray:
        """Sign of each cell."""
        return np.array(list(self.signs.values()), float)[list(self.of_cells())]

    def per_cell(self, values: np.ndarray) -> np.ndarray:
        """Values of types as one per cell, or as a scalar where all types agree."""
        values = np.asarray(values, float)
        return values[0] if np.all(values == values[0]) else values[list(self.of_cells())]

    def keep(self, dt: float) -> np.ndarray:
        """Return exp(-dt/tau), a scalar or one per cell."""
        return self.per_cell(np.exp(-dt / np.array(list(self.tau.values()), float)))
