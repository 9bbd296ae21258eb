"""Drawing all persistent arrays of a rate network from a seed."""

from dataclasses import dataclass

import numpy as np
from biocredit.circuits.core.initializers import stream
from biocredit.circuits.recurrent import cell_types, wiring
from biocredit.circuits.recurrent.network import Network
from biocredit.circuits.recurrent.signals import in_tree


@dataclass(frozen=True)
class Drawing:
    """What the initial arrays depend on besides the network and the seed.

    Attributes
    ----------
    inputs, outputs
        Number of input channels and of readouts.
    signs, keep
        Sign and exp(-dt/tau) of each cell type.
    threshold, mu, density
        Constants of the network, fraction of recurrent synapses that exist.
    draws
        Distributions of recurrent and readout weights, an entry of :data:`biocredit.circuits.recurrent.wiring.INITIAL`.
    random_feedback, signed_inputs
        Whether the learning signal has its own random weights, whether input synapses have fixed signs.
    """

    inputs: int
    outputs: int
    signs: np.ndarray
    keep: np.ndarray
    threshold: float
    mu: float
    density: float
    draws: tuple[wiring.Draw, wiring.Draw]
    random_feedback: bool
    signed_inputs: bool

    def draw(self, network: Network, seed: int) -> dict[str, np.ndarray]:
        """Return weights, masks, signs, constants and the state of the rule by name."""
        values = self._weights(network, seed) | self._constants(network)
        values["sign_in"] = np.sign(values["W_in"]) * self.signed_inputs
        if self.random_feedback:
            values["feedback"] = self._feedback(values["W_out"], seed)
        if "fixed_type_means" in network.rule.signals:
            values["type_weights"] = self._type_weights(network, values["W_rec"], seed)
        state = network.rule.init({**values, "seed": seed})
        return values | {name: np.asarray(value) for name, value in in_tree(state).items()}

    def _weights(self, network: Network, seed: int) -> dict[str, np.ndarray]:
        size, sign = len(network.type_id), self.signs[list(network.type_id)]
        mask = wiring.random_mask(stream(seed, "mask_rec"), size, self.density)
        draw_recurrent, draw_readout = self.draws
        return {
            "W_in": wiring.input_weights(stream(seed, "W_in"), self.inputs, size, self.signed_inputs),
            "W_rec": draw_recurrent(stream(seed, "W_rec"), sign, mask),
            "b_rec": np.zeros(size),
            "W_out": draw_readout(stream(seed, "W_out"), sign, np.ones((size, self.outputs))),
            "b_out": np.zeros(self.outputs),
            "mask_rec": mask,
        }

    def _constants(self, network: Network) -> dict[str, np.ndarray]:
        """Signs, leak (a scalar, or one per cell where types differ), threshold, mean gain."""
        cells = list(network.type_id)
        keep = self.keep[0] if np.all(self.keep == self.keep[0]) else self.keep[cells]
        constants = {"keep": keep, "threshold": np.float64(self.threshold), "mu": np.float64(self.mu)}
        return constants | {"sign": self.signs[cells]}

    def _feedback(self, w_out: np.ndarray, seed: int) -> np.ndarray:
        """Magnitudes of the readout in another order, with random signs."""
        rng = stream(seed, "feedback")
        return rng.permuted(np.abs(w_out), axis=0) * rng.choice([-1, 1], w_out.shape)

    def _type_weights(self, network: Network, w_rec: np.ndarray, seed: int) -> np.ndarray:
        membership = cell_types.one_hot(np.array(network.type_id), len(self.signs))
        means = np.asarray(cell_types.type_means(w_rec, membership))
        return wiring.fixed_type_weights(stream(seed, "type_weights"), means, self.signs)
