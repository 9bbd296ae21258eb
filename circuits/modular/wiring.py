"""The wiring graph of a modular network: who sends what to whom, and in which mode.

Inference projections and error projections form two acyclic graphs over the same regions; cycles of their union
are the point of Adjoint Propagation (eLife 2026, 15:e108237, figure 5).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from biocredit.circuits.core.errors import CircuitError, nearest, require
from biocredit.circuits.modular.region import Block, Region


@dataclass(frozen=True)
class Projection:
    """A bundle of synapses between two ends; an end is an input, a readout, or ``"region.block"``.

    Parameters
    ----------
    pre, post
        Ends.
    error
        Whether it carries error (fixed weights) or inference.
    plastic
        Whether its weights learn.
    """

    pre: str
    post: str
    error: bool = False
    plastic: bool = True

    @property
    def name(self) -> str:
        """Name of the weights: ``"V1.SI->V2.RI"`` for inference, ``"V2.SE~>V1.RE"`` for error."""
        return f"{self.pre}{'~>' if self.error else '->'}{self.post}"


@dataclass(frozen=True)
class Mode:
    """What is switched on while the circuit does one of its tasks.

    Parameters
    ----------
    projections
        Names of the active projections; a projection that is off contributes nothing.
    plastic
        Names of the weights that change; the plastic ones among the active projections by default.
    """

    projections: frozenset[str]
    plastic: frozenset[str] | None = None


@dataclass(frozen=True)
class Wiring:
    """Regions, inputs, readouts and the projections between them, checked.

    Parameters
    ----------
    regions
        Regions by name.
    inputs, readouts
        Number of channels of each.
    projections
        All projections by name.

    Raises
    ------
    CircuitError
        For an unknown end, a repeated projection, or a cycle among the inference or the error projections.
    """

    regions: Mapping[str, Region]
    inputs: Mapping[str, int]
    readouts: Mapping[str, int]
    projections: Mapping[str, Projection]
    modes: Mapping[str, Mode] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for projection in self.projections.values():
            self._check_end(projection.pre, self.readouts if projection.error else self.inputs, projection.name)
            self._check_end(projection.post, {} if projection.error else self.readouts, projection.name)
        for mode in (None, *self.modes):
            self.order(mode, error=False)
            self.order(mode, error=True)
        known = set(self.projections)
        for name, mode in self.modes.items():
            unknown = sorted(mode.projections - known)
            require(not unknown, f"mode {name!r} names {unknown[:1]}: {nearest(unknown[0] if unknown else '', known)}")

    def _check_end(self, end: str, ports: Mapping[str, int], name: str) -> None:
        ends = [f"{r}.{b}" for r, region in self.regions.items() for b in region.blocks]
        require(end in ports or end in ends, f"projection {name}: unknown end {end!r}: {nearest(end, [*ports, *ends])}")

    def size(self, end: str) -> int:
        """Return the number of neurons (or channels) of an end."""
        return self.inputs.get(end) or self.readouts.get(end) or len(self.block(end))

    def block(self, end: str) -> Block:
        """Return the neurons of the end ``"region.block"``."""
        region, _, block = end.partition(".")
        return self.regions[region].blocks[block]

    def active(self, mode: str | None, *, error: bool) -> list[Projection]:
        """List the inference (or error) projections that are on in a mode; ``None`` has all on."""
        on = self.projections if mode is None else self.mode(mode).projections
        return [p for name, p in self.projections.items() if name in on and p.error == error]

    def mode(self, name: str) -> Mode:
        """Return a mode by name."""
        if name not in self.modes:
            raise CircuitError(f"unknown mode {name!r}: {nearest(name, self.modes)}")
        return self.modes[name]

    def onto(self, region: str, mode: str | None, *, error: bool) -> list[Projection]:
        """List the active projections that end in a region."""
        return [p for p in self.active(mode, error=error) if owner(p.post) == region]

    def order(self, mode: str | None, *, error: bool) -> tuple[str, ...]:
        """Return the regions in the order in which they run.

        Inference visits every region; learning visits those that an active error projection reaches.
        """
        reached = {owner(p.post) for p in self.active(mode, error=True)} if error else set(self.regions)
        graph = {region: set() for region in self.regions if region in reached}
        for p in self.active(mode, error=error):
            if owner(p.post) in graph and owner(p.pre) in graph:
                graph[owner(p.post)].add(owner(p.pre))
        try:
            return tuple(TopologicalSorter(graph).static_order())
        except CycleError as cycle:
            kind = "error" if error else "inference"
            raise CircuitError(f"the {kind} projections form a cycle: {' -> '.join(cycle.args[1])}") from None


def owner(end: str) -> str:
    """Return the region (or the input or readout itself) of an end."""
    return end.partition(".")[0]


def projections(
    inference: Iterable[tuple[str, str]], feedback: Iterable[tuple[str, str]], fixed: Iterable[tuple[str, str]] = ()
) -> dict[str, Projection]:
    """Collect projections by name; those in ``fixed`` carry inference but do not learn.

    Raises
    ------
    CircuitError
        If a projection is given twice.
    """
    found = [Projection(*pair) for pair in inference]
    found += [Projection(*pair, plastic=False) for pair in fixed]
    found += [Projection(*pair, error=True, plastic=False) for pair in feedback]
    names = [projection.name for projection in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    require(not twice, f"projection given twice: {', '.join(twice)}")
    return dict(zip(names, found, strict=True))
