"""Descending streams, one short file each; a row in ``PATHWAYS`` makes one available everywhere."""

from biocredit.circuits.core.errors import choose, require
from biocredit.circuits.dual_stream.pathways.counter_current import CounterCurrent, PrintedCounterCurrent
from biocredit.circuits.dual_stream.pathways.direct import Direct
from biocredit.circuits.dual_stream.pathways.kolen_pollack import KolenPollack
from biocredit.circuits.dual_stream.pathways.pathway import Credit, DescendingPathway, Goal
from biocredit.circuits.dual_stream.pathways.product import OrthogonalProduct, Product
from biocredit.circuits.dual_stream.pathways.random import Random
from biocredit.circuits.dual_stream.pathways.self_assembling.pathway import SelfAssembling, TiedSelfAssembling
from biocredit.circuits.dual_stream.pathways.sign_concordant import BatchRandomSign, FixedRandomSign, UniformSign
from biocredit.circuits.dual_stream.pathways.stagewise import Signals, Stagewise
from biocredit.circuits.dual_stream.pathways.target_propagation import (
    DifferenceReconstruction,
    DifferenceReconstructionMeulemans,
    DifferenceTarget,
    DifferenceTargetMeulemans,
    DirectError,
    DirectRandomTarget,
    FixedDifferenceTarget,
    LocalDifferenceReconstruction,
    LocalDifferenceReconstructionErnoult,
)
from biocredit.circuits.dual_stream.pathways.transposed import Transposed
from biocredit.circuits.dual_stream.pathways.weight_mirror import WeightMirror

PATHWAYS: dict[str, type[DescendingPathway]] = {
    "transposed": Transposed,
    "random": Random,
    "direct": Direct,
    "usf": UniformSign,
    "brsf": BatchRandomSign,
    "frsf": FixedRandomSign,
    "kolen_pollack": KolenPollack,
    "weight_mirror": WeightMirror,
    "product": Product,
    "product_orthogonal": OrthogonalProduct,
    "counter_current": CounterCurrent,
    "counter_current_printed": PrintedCounterCurrent,
    "self_assembling": SelfAssembling,
    "self_assembling_tied": TiedSelfAssembling,
    "difference_target": DifferenceTarget,
    "difference_target_meulemans": DifferenceTargetMeulemans,
    "difference_reconstruction": DifferenceReconstruction,
    "difference_reconstruction_meulemans": DifferenceReconstructionMeulemans,
    "local_difference_reconstruction": LocalDifferenceReconstruction,
    "local_difference_reconstruction_ernoult": LocalDifferenceReconstructionErnoult,
    "fixed_difference_target": FixedDifferenceTarget,
    "direct_random_target": DirectRandomTarget,
    "direct_error": DirectError,
}


CIRCUITS = {"phaseless_rate": "PhaselessRate", "phaseless_microcircuit": "PhaselessMicrocircuit"}
"""Proposals whose two streams are one dynamical system, which is a circuit of its own."""


def pathway_named(which: str | DescendingPathway) -> DescendingPathway:
    """Return a descending stream: one by name with its default settings, or the given one.

    Raises
    ------
    CircuitError
        If there is no such stream; it says which circuit to take where the proposal is one of its own.

    Examples
    --------
    >>> pathway_named("product").expansion
    10
    """
    own = CIRCUITS.get(which) if isinstance(which, str) else None
    require(own is None, f"{which!r} is no stream beside another one, but a circuit: circuits.{own}(sizes)")
    return which if isinstance(which, DescendingPathway) else choose(which, PATHWAYS, "descending stream")()


__all__ = [
    "PATHWAYS",
    "BatchRandomSign",
    "CounterCurrent",
    "Credit",
    "DescendingPathway",
    "Direct",
    "FixedRandomSign",
    "Goal",
    "KolenPollack",
    "OrthogonalProduct",
    "PrintedCounterCurrent",
    "Product",
    "Random",
    "SelfAssembling",
    "Signals",
    "Stagewise",
    "TiedSelfAssembling",
    "Transposed",
    "UniformSign",
    "WeightMirror",
    "pathway_named",
]
