"""Short-term modulation: the descending currents, added to the ascending cells while the same sample is still there.

The paper argues for it in section 2.3 (arXiv 2412.20018) without a formula; both forms are reconstructions. It uses
the target through the error, so it is no trick of inference. It lowers the loss of the sample once the circuit has
assembled itself, and does nothing useful before.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import jax
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import choose, require
from biocredit.circuits.core.probes import Probe, chain, untouched
from biocredit.circuits.dual_stream.ascending.stack import Ascent, Nodes, ascend
from biocredit.circuits.dual_stream.pathways.self_assembling.levels import levels

MODES = {"activation": lambda level: f"up.{level.rate}.rate", "membrane": lambda level: f"up.{level.stage}.potential"}
"""Where the current enters: after or before the transfer function."""


@dataclass(frozen=True)
class Modulation:
    """How the third phase runs.

    Parameters
    ----------
    strength
        Factor of the current.
    mode
        ``"activation"``: added to the rate; ``"membrane"``: to the potential.
    """

    strength: float | jax.Array = 1.0
    mode: str = "activation"

    def __post_init__(self):
        choose(self.mode, MODES, "mode of modulation")


def modulate(
    nodes: Nodes, tree: Tree, x: jax.Array, currents: Mapping[str, jax.Array], how: Modulation, probe: Probe = untouched
) -> Ascent:
    """Run the ascending stream once more with currents onto its cells; the output is not modulated itself.

    Parameters
    ----------
    nodes, tree
        The ascending stream and all arrays by full name.
    x
        The sample of the inference phase.
    currents
        Descending currents onto the ascending cells by signal name, ``"up.<level>.current"``, ``[trial, unit]``.
    how
        Strength and place.
    probe
        Sees every ascending signal again, in the phase ``"modulation"``, after the current has been added.
    """
    known = levels(nodes)
    wanted = {f"up.{level.rate}.current" for level in known}
    require(wanted == set(currents), f"currents: got {sorted(currents)}, wanted {sorted(wanted)}")
    entering = {MODES[how.mode](level): currents[f"up.{level.rate}.current"] for level in known}

    def inject(name: str, phase: str, value: jax.Array) -> jax.Array:
        return value + how.strength * entering[name] if name in entering else value

    return ascend(nodes, tree, x, probe=chain(inject, probe), phase="modulation")
