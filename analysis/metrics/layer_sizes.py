"""Sums over the weight matrices of a layered network, as operation counts need them."""

from dataclasses import dataclass

__all__ = ["LayerSizes"]


@dataclass(frozen=True)
class LayerSizes:
    """Units n_0 .. n_L of a layered network.

    Parameters
    ----------
    sizes : tuple of int
        Input and every layer: at least two positive numbers.

    Examples
    --------
    >>> net = LayerSizes((4, 3, 2))
    >>> net.product(1), net.products, net.upper_products
    (12, 18, 6)
    """

    sizes: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse what is no network."""
        sizes = tuple(int(size) for size in self.sizes)
        if len(sizes) < 2 or min(sizes) < 1 or sizes != tuple(self.sizes):
            raise ValueError(f"sizes: wanted at least two positive whole numbers, got {tuple(self.sizes)}")
        object.__setattr__(self, "sizes", sizes)

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self.sizes) - 1

    @property
    def layers(self) -> range:
        """1 .. L."""
        return range(1, self.depth + 1)

    @property
    def upper_layers(self) -> range:
        """2 .. L: the layers whose error is sent down."""
        return range(2, self.depth + 1)

    def product(self, layer: int) -> int:
        """Entries of the weight matrix into a layer, ``p_l = n_(l-1) n_l``."""
        return self.sizes[layer - 1] * self.sizes[layer]

    def identity(self, layer: int) -> int:
        """Entries of the identity on the input of a layer, ``q_l = n_(l-1)^2``."""
        return self.sizes[layer - 1] ** 2

    def product_sum(self, first: int = 1, last: int | None = None) -> int:
        """Sum of `product` over layers `first` to `last` (the top layer if left out)."""
        return sum(self.product(layer) for layer in self._span(first, last))

    def identity_sum(self, first: int = 1, last: int | None = None) -> int:
        """Sum of `identity` over layers `first` to `last` (the top layer if left out)."""
        return sum(self.identity(layer) for layer in self._span(first, last))

    @property
    def products(self) -> int:
        """P, over all layers."""
        return self.product_sum()

    @property
    def upper_products(self) -> int:
        """P', over all layers but the first."""
        return self.product_sum(2)

    def _span(self, first: int, last: int | None) -> range:
        return range(first, (self.depth if last is None else last) + 1)
