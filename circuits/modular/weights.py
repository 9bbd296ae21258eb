"""Weights of a wiring: which arrays there are, how they are drawn, and how they learn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from biocredit.circuits.core.initializers import Constant, Normal, SparseRecurrent, stream
from biocredit.circuits.modular.wiring import Wiring


@dataclass(frozen=True)
class Plasticity:
    """How one kind of synapses learns: factor on the optimiser's step, decay per update (not times the rate)."""

    factor: float = 1.0
    decay: float = 0.0


#: Kinds of weights that can be plastic, with what a new circuit does.
PLASTIC_KINDS: Mapping[str, Plasticity | None] = {
    "inference": Plasticity(),
    "recurrent": None,
    "bias": None,
    "readout_bias": None,
}
#: Initial distribution by kind of weights, if none is given (the multi-task graphs of the paper).
INITIAL = {
    "inference": Normal(0.1),
    "feedback": Normal(0.5),
    "recurrent": SparseRecurrent(),
    "bias": Constant(0.0),
    "readout_bias": Constant(0.0),
}

Ends = tuple[str, str, str]
"""Kind, presynaptic end (nothing for a bias) and postsynaptic end of a weight array."""


def arrays(wiring: Wiring) -> dict[str, Ends]:
    """List every weight array by name."""
    found = {}
    for name, region in wiring.regions.items():
        found[f"{name}.W_rec"] = ("recurrent", name, name)
        if region.bias:
            found[f"{name}.bias"] = ("bias", "", name)
    for name, projection in wiring.projections.items():
        found[name] = ("feedback" if projection.error else "inference", projection.pre, projection.post)
    for name in wiring.readouts:
        found[f"{name}.bias"] = ("readout_bias", "", name)
    return found


def shape(wiring: Wiring, ends: Ends) -> tuple[int, ...]:
    """Return the shape of a weight array: ``[pre, post]``, or ``[post]`` for a bias."""
    kind, pre, post = ends
    if kind == "recurrent":
        return (wiring.regions[post].size,) * 2
    if kind in ("bias", "readout_bias"):
        return (wiring.regions[post].size if kind == "bias" else wiring.readouts[post],)
    return (wiring.size(pre), wiring.size(post))


def draw(wiring: Wiring, distributions: Mapping[str, Callable], seed: int) -> dict[str, np.ndarray]:
    """Draw all weights, and the masks of existing recurrent synapses.

    Parameters
    ----------
    distributions
        By name of the array, or else by kind.
    """
    values = {}
    for name, ends in arrays(wiring).items():
        kind, _, post = ends
        distribution = distributions.get(name, distributions[kind])
        values[name] = distribution(stream(seed, name), shape(wiring, ends))
        if kind == "recurrent":
            values[f"{post}.mask"] = (values[name] != 0).astype(np.int8)
    return values
