"""The four kinds of synapses of the motif."""

from typing import NamedTuple, Self

from biocredit.circuits.core.errors import require

KINDS = ("W", "Wbar", "V", "Vbar")
"""Within the ascending stream, within the descending one, descending to ascending, ascending to descending."""


class PerKind(NamedTuple):
    """One number for each kind of synapses.

    Attributes
    ----------
    W
        Projection within the ascending stream, biases included.
    Wbar
        Within the descending stream.
    V
        From descending to ascending cells of one level.
    Vbar
        From ascending to descending cells of one level.
    """

    W: float
    Wbar: float
    V: float
    Vbar: float

    @classmethod
    def same(cls, value: float) -> Self:
        """Give all kinds one value.

        Examples
        --------
        >>> PerKind.same(0.1)
        PerKind(W=0.1, Wbar=0.1, V=0.1, Vbar=0.1)
        """
        return cls(value, value, value, value)

    def scaled(self, factor: float) -> Self:
        """Multiply all of them: the paper fixes the ratios of the rates once, and tunes a common factor."""
        return type(self)(*(factor * value for value in self))

    def check(self, what: str) -> None:
        """Refuse negative numbers."""
        require(min(self) >= 0, f"{what} cannot be negative, got {self._asdict()}")


def kind_of(name: str) -> str:
    """Kind of a weight array by its full name; a bias is the synapse of a cell that always fires.

    Examples
    --------
    >>> kind_of("up.layer1.b")
    'W'
    """
    leaf = name.rpartition(".")[2]
    return "W" if leaf == "b" else leaf
