"""What is measured in streams that carry errors: how well feedback fits the forward weights.

For the feedback-alignment family (arXiv 2405.20594). Metrics are those of :mod:`analysis`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.analysis.metrics.alignment import angle, norm_ratio
from biocredit.analysis.metrics.reciprocity import reciprocal_correlation
from biocredit.analysis.metrics.spectra import gram_eigenvalues, ks_distance
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.ascending.stack import stages
from biocredit.protocols.recording.measures.measure import Measure

if TYPE_CHECKING:
    from biocredit.protocols.training.protocol import Protocol


def alignment(every: int = 1) -> Measure:
    """Angle (degrees) and norm ratio of every layer's effective feedback and its forward weight.

    For product feedback the effective feedback is the whole path ``B R``. Streams without feedback from layer to layer
    (DFA) have none.
    """

    def of(run: "Protocol") -> dict[str, np.ndarray]:
        pairs = list(facing(run))
        names = pairs[0]
        angles = {f"angle.{name}": np.array([angle(*one[name]) for one in pairs]) for name in names}
        return angles | {
            f"norm_ratio.{name}": np.array([norm_ratio(*reversed(one[name])) for one in pairs]) for name in names
        }

    return Measure(of, {}, "feedback beside forward weights", every)


def facing(run: "Protocol") -> Iterator[dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Forward weight and effective feedback by layer, for every seed."""
    net = run.circuit
    both = jax.jit(lambda tree: (net.forward_weights(tree), net.effective_feedback(tree)))
    for tree in trees(run):
        forward, feedback = both(tree)
        yield {
            name: (np.asarray(forward[name], np.float64), np.asarray(feedback[name], np.float64)) for name in feedback
        }


def trees(run: "Protocol") -> Iterator[dict[str, Any]]:
    """All arrays of the circuit, for every seed."""
    for seed in range(len(run.seeds)):
        yield {name: value[seed] for name, value in run.tree.items()}


def reciprocity(every: int = 1) -> Measure:
    """Correlation of the two synapses between the same two cells, by layer.

    Only where there are such pairs: not with an intermediate population, not with direct feedback.
    """

    def of(run: "Protocol") -> dict[str, np.ndarray]:
        single = run.circuit.reciprocal()
        pairs = [{name: pair for name, pair in one.items() if name in single} for one in facing(run)]
        return {
            f"reciprocal_correlation.{name}": np.array(
                [reciprocal_correlation(one[name][0], np.swapaxes(one[name][1], 0, 1)) for one in pairs]
            )
            for name in pairs[0]
        }

    return Measure(of, {}, "synapses in both directions between the same cells", every)


def angle_to_gradient(trials: int = 500, every: int = 1) -> Measure:
    """Angle (degrees) of the change that the rule wants and the gradient of the loss, by layer, on test trials."""

    def of(run: "Protocol") -> dict[str, np.ndarray]:
        net, task = run.circuit, run.task
        exact = DualStream(net.ascending, net.input_shape, "transposed", dtype=net.dtype)
        names = [f"up.{name}.W" for name in stages(net.ascending)]
        index = jnp.arange(min(trials, task.n_test), dtype=jnp.int32)

        @jax.jit
        def changes(tree: Any, arrays: Any) -> tuple[Any, Any]:
            batch = task.draw(arrays, index, jax.random.key(0), test=True)
            ascending = {name: value for name, value in tree.items() if name.startswith("up.")}
            return net.cycle(tree, batch).changes, exact.cycle(ascending, batch).changes

        found = [changes(tree, task.arrays) for tree in trees(run)]
        return {
            f"angle_to_gradient.{name.split('.')[1]}": np.array([angle(ours[name], true[name]) for ours, true in found])
            for name in names
        }

    return Measure(of, {}, "change of forward weights beside the gradient", every)


def expansion_spectrum(layer: str) -> Measure:
    """Eigenvalues of ``B B^T`` of a layer's fixed expansion, ascending."""

    def of(run: "Protocol") -> dict[str, np.ndarray]:
        return {"eigenvalue": np.array([gram_eigenvalues(_expansion(tree, layer).T) for tree in trees(run)])}

    return Measure(of, {"rank": None}, "spectrum of the expansion")


def limit_of_path(layer: str) -> Measure:
    """Angle and norm ratio of ``B B^T W``, to which the path tends, and W; moments of the eigenvalues of ``B B^T``."""

    def of(run: "Protocol") -> dict[str, np.ndarray]:
        found = [_limit(_expansion(tree, layer), np.asarray(tree[f"up.{layer}.W"], np.float64)) for tree in trees(run)]
        return {name: np.array([[one[name]] for one in found]) for name in found[0]}

    return Measure(of, {"layer": np.array([1.0])}, "limit of the path")


def _limit(expansion: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    values, image = gram_eigenvalues(expansion.T), expansion @ (expansion.T @ weights)
    return {
        "limit.angle": angle(weights, image),
        "limit.norm_ratio": norm_ratio(image, weights),
        "limit.eigenvalue_mean": values.mean(),
        "limit.eigenvalue_sd": values.std(),
        "limit.marchenko_pastur_distance": ks_distance(values, expansion.shape[0] / expansion.shape[1]),
    }


def _expansion(tree: Any, layer: str) -> np.ndarray:
    kernel = np.asarray(tree[f"down.{layer}.B"], np.float64)
    return kernel.reshape(kernel.shape[:2])
