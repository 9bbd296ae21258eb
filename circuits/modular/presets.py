"""Published configurations of modular networks, as arguments of :class:`biocredit.circuits.modular.ModularRNN`."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from biocredit.circuits.core.activations import Curve
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.initializers import SparseRecurrent, Uniform
from biocredit.circuits.core.sizes import count
from biocredit.circuits.modular.region import Region, layout, pieces
from biocredit.circuits.modular.spiking import FilteredSpikes
from biocredit.circuits.modular.wiring import Mode


def chain(
    inputs: Mapping[str, int],
    readouts: Mapping[str, int],
    *,
    regions: int = 2,
    neurons: int = 1024,
    layout_code: int = 4,
    roles: Mapping[str, int] | None = None,
    activation: str | Curve = "tanh",
    bias: bool = False,
    spiking: FilteredSpikes | None = None,
    connection_rate: float = 0.25,
    spectral_radius: float = 0.25,
    gain_forward: float = 1.0,
    gain_feedback: float | None = None,
    gain_output_feedback: float | None = None,
    gain_bias: float = 1.0,
    **others: Any,
) -> dict[str, Any]:
    """Describe a chain of equal regions, V1 nearest to the input (eLife 2026, 15:e108237).

    Parameters
    ----------
    inputs, readouts
        Sizes by name: inputs, which all enter the lowest region, and one readout.
    regions, neurons
        Number of regions L and of neurons in each.
    layout_code
        Layout n_U of the roles, see :func:`biocredit.circuits.modular.region.layout`.
    roles
        Neurons used in each of RI, SI, RE, SE if fewer than the block has.
    activation, bias, spiking, connection_rate, spectral_radius
        Of every region.
    gain_forward, gain_bias
        Gains of inference weights and of the readout's biases.
    gain_feedback, gain_output_feedback
        Gains of error projections between regions (default: root of the block size, or the spectral radius in the
        layout without constraint) and from the readout (default 1, or the spectral radius).
    **others
        Further arguments of :class:`biocredit.circuits.modular.ModularRNN`.

    Returns
    -------
    dict
        Arguments of :class:`biocredit.circuits.modular.ModularRNN`.
    """
    require(len(inputs) >= 1 and len(readouts) == 1, "a chain has inputs and one readout; wire a graph for more")
    count(regions, "regions")
    divides = layout_code != 0 and count(neurons, "neurons of a region") % abs(layout_code) == 0
    require(divides, f"{neurons} neurons do not divide into the {abs(layout_code)} pieces of layout {layout_code}")
    block = neurons // abs(layout_code)
    size, role = layout(layout_code, block, roles)
    constrained = layout_code != 1
    forward = Uniform(gain_forward)
    between = gain_feedback if gain_feedback is not None else (np.sqrt(block) if constrained else spectral_radius)
    from_readout = (
        gain_output_feedback if gain_output_feedback is not None else (1.0 if constrained else spectral_radius)
    )
    names = [f"V{k + 1}" for k in range(regions)]
    (choice,) = readouts
    initial = {
        "inference": forward,
        "feedback": Uniform(float(between)),
        f"{choice}~>{names[-1]}.RE": Uniform(float(from_readout)),
        "readout_bias": Uniform(gain_bias / np.sqrt(block), fan_in=False),
        "recurrent": SparseRecurrent(connection_rate, spectral_radius),
    }
    upward = [(f"{low}.SI", f"{high}.RI") for low, high in pairwise(names)]
    downward = [(f"{high}.SE", f"{low}.RE") for low, high in pairwise(names)]
    return {
        "regions": {name: Region(size, activation=activation, bias=bias, spiking=spiking, **role) for name in names},
        "inputs": inputs,
        "readouts": readouts,
        "inference": [*((stimulus, f"{names[0]}.RI") for stimulus in inputs), *upward, (f"{names[-1]}.SI", choice)],
        "feedback": [(choice, f"{names[-1]}.RE"), *downward],
        **others,
        "initial": {**initial, **others.get("initial", {})},
    }


#: The multi-task graphs of figure 5: ends of every projection.
REUSE_INFERENCE = {
    "x1": [("x1", "R1.b1"), ("R1.b3", "R2.b1"), ("R2.b3", "o1")],
    "x2": [("x2", "R3.b5"), ("R3.b2", "R4.b1"), ("R4.b3", "o2")],
}
REUSE_FIXED = [("R1.b4", "R3.b1"), ("R4.b2", "o1")]
REUSE_FEEDBACK = [
    ("o1", "R2.b4"),
    ("o1", "R4.b5"),
    ("o2", "R4.b4"),
    ("R4.b6", "R3.b3"),
    ("R3.b4", "R1.b6"),
]


def resource_reuse(
    inputs: Mapping[str, int],
    readouts: Mapping[str, int],
    *,
    path: str = "B",
    neurons: int = 1536,
    bias: bool = False,
    connection_rate: float = 0.25,
    spectral_radius: float = 0.25,
    **others: Any,
) -> dict[str, Any]:
    """Describe the four-region graph in which two tasks share regions (eLife 2026, 15:e108237, figure 5).

    The error for region R1 takes the detour over R4 and R3, which do the other task (path B); path C also sends
    inference activity of the first task through them, over projections that do not learn. The modes ``"task1"`` and
    ``"task2"`` switch on what one task alone uses.

    Parameters
    ----------
    inputs, readouts
        Two of each, in the order task 1, task 2.
    path
        ``"B"`` or ``"C"``.
    neurons
        Neurons of a region, in six equal blocks.
    **others
        Further arguments of :class:`biocredit.circuits.modular.ModularRNN`.
    """
    require(len(inputs) == len(readouts) == 2, "resource reuse needs two inputs and two readouts")
    require(path in ("B", "C"), f"unknown path {path!r}: valid are 'B', 'C'")
    port = dict(zip(("x1", "x2"), inputs, strict=True)) | dict(zip(("o1", "o2"), readouts, strict=True))

    def named(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [(port.get(pre, pre), port.get(post, post)) for pre, post in pairs]

    first, second = named(REUSE_INFERENCE["x1"]), named(REUSE_INFERENCE["x2"])
    feedback = named(REUSE_FEEDBACK)
    region = {"bias": bias, **pieces(6, neurons)}
    return {
        "regions": {f"R{k}": Region(neurons, **region) for k in (1, 2, 3, 4)},
        "inputs": inputs,
        "readouts": readouts,
        "inference": [*first, *second],
        "fixed": named(REUSE_FIXED) if path == "C" else [],
        "feedback": feedback,
        "modes": {
            "task1": _mode(first, [feedback[k] for k in (0, 1, 3, 4)], ("R1", "R2"), port["o1"]),
            "task2": _mode(second, [feedback[k] for k in (2, 3)], ("R3", "R4"), port["o2"]),
        },
        **others,
        "initial": {"recurrent": SparseRecurrent(connection_rate, spectral_radius), **others.get("initial", {})},
    }


def _mode(inference: list, feedback: list, regions: tuple[str, str], readout: str) -> Mode:
    """One task alone: its projections, and as plastic its own weights, regions and readout."""
    forward = [f"{pre}->{post}" for pre, post in inference]
    own = [f"{region}.{leaf}" for region in regions for leaf in ("W_rec", "bias")] + [f"{readout}.bias"]
    errors = [f"{pre}~>{post}" for pre, post in feedback]
    return Mode(frozenset([*forward, *errors]), plastic=frozenset([*forward, *own]))
