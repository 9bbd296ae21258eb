"""Drawing all persistent arrays of a temporal circuit from a seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.initializers import stream
from biocredit.circuits.recurrent import cell_types, wiring
from biocredit.circuits.recurrent.credit.signals import in_tree
from biocredit.circuits.recurrent.network import Network
from biocredit.circuits.recurrent.type_table import TypeTable


@dataclass(frozen=True)
class Drawing:
    """What the initial arrays depend on besides the network and the seed.

    Attributes
    ----------
    types
        Cell types.
    constants
        Constants by name in the tree.
    density, density_in, density_out
        Fractions of recurrent, input and readout synapses that exist.
    draws
        Distributions of recurrent and readout weights, an entry of :data:`biocredit.circuits.recurrent.wiring.INITIAL`.
    feedback
        ``"symmetric"``, ``"random"`` or ``"adaptive"`` weights of the learning signal.
    signed_inputs
        Whether input synapses have fixed signs.
    scale, input_scale
        Factor of the drawn input and recurrent weights; of the input weights besides.
    """

    types: TypeTable
    constants: Mapping[str, Any]
    density: float
    draws: tuple[wiring.Draw, wiring.Draw]
    feedback: str
    signed_inputs: bool
    density_in: float = 1.0
    density_out: float = 1.0
    scale: float = 1.0
    input_scale: float = 1.0

    def draw(self, network: Network, seed: int) -> dict[str, np.ndarray]:
        """Return weights, masks, signs, constants and the state of the rule by name."""
        values = self._weights(network, seed) | {k: np.asarray(v, np.float64) for k, v in self.constants.items()}
        values["sign_in"] = np.sign(network.inputs.join(values)) * self.signed_inputs
        if self.feedback != "symmetric":
            values["feedback"] = self._feedback(network.readouts.join(values), seed)
        if "fixed_type_means" in network.rule.needs:
            values["type_weights"] = self._type_weights(network, values["W_rec"], seed)
        joined = {"W_in": network.inputs.join(values), "W_out": network.readouts.join(values)}
        state = network.rule.init({**values, **joined, "seed": seed, "neuron": network.neuron(as_arrays(values))})
        return values | {name: np.asarray(value) for name, value in in_tree(state).items()}

    def _weights(self, network: Network, seed: int) -> dict[str, np.ndarray]:
        size, sign = len(network.type_id), self.types.sign_of_cells()
        mask = wiring.random_mask(stream(seed, "mask_rec"), size, self.density)
        draw_recurrent, draw_readout = self.draws
        found = {"W_rec": self.scale * draw_recurrent(stream(seed, "W_rec"), sign, mask), "mask_rec": mask}
        for port, name in network.inputs.entries:
            drawn = wiring.input_weights(stream(seed, name), network.inputs.sizes[port], size, self.signed_inputs)
            found |= masked(name, self.scale * self.input_scale * drawn, self.density_in, seed)
        for port, name in network.readouts.entries:
            drawn = draw_readout(stream(seed, name), sign, np.ones((size, network.readouts.sizes[port])))
            found |= masked(name, drawn, self.density_out, seed)
        biases = {
            name: np.zeros(k) for name, k in zip(network.readouts.biases, network.readouts.sizes.values(), strict=True)
        }
        return found | biases | {"b_rec": np.zeros(size), "sign": sign}

    def _feedback(self, w_out: np.ndarray, seed: int) -> np.ndarray:
        """Magnitudes of the readout in another order, with random signs."""
        rng = stream(seed, "feedback")
        return rng.permuted(np.abs(w_out), axis=0) * rng.choice([-1, 1], w_out.shape)

    def _type_weights(self, network: Network, w_rec: np.ndarray, seed: int) -> np.ndarray:
        signs = np.array(list(self.types.signs.values()), float)
        membership = cell_types.one_hot(np.array(network.type_id), len(signs))
        means = np.asarray(cell_types.type_means(w_rec, membership))
        return wiring.fixed_type_weights(stream(seed, "type_weights"), means, signs)


def masked(name: str, drawn: np.ndarray, density: float, seed: int) -> dict[str, np.ndarray]:
    """Weights of which a fraction exists, and the mask where it is not all of them."""
    if density == 1.0:
        return {name: drawn}
    mask = wiring.sparse(stream(seed, f"mask_{name}"), drawn.shape, density)
    return {name: drawn * mask, f"mask_{name}": mask}


def as_arrays(values: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays that JAX computes with."""
    return {name: jnp.asarray(value) for name, value in values.items()}
