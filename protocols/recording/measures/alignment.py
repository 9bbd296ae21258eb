"""What is measured of the credit that reaches the weights: how well it fits the gradient and the forward weights.

Metrics are those of :mod:`biocredit.analysis.metrics`; which layers have feedback beside forward weights is from the
feedback-alignment family (arXiv 2405.20594).
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.analysis.metrics.alignment import angle, norm_ratio
from biocredit.analysis.metrics.reciprocity import reciprocal_correlation
from biocredit.analysis.metrics.spectra import gram_eigenvalues, ks_distance
from biocredit.circuits.core.circuit import Batch, Circuit, Outcome
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.described import described
from biocredit.circuits.core.errors import nearest
from biocredit.protocols.recording.measures.gradient_angles import angle_or_nan
from biocredit.protocols.recording.measures.measure import Measure
from biocredit.protocols.recording.view import RunView
from biocredit.protocols.tasks.task import Task


@described
def alignment(every: int = 1) -> Measure:
    """Angle (degrees) and norm ratio of every layer's effective feedback and its forward weight.

    For product feedback the effective feedback is the whole path ``B R``. Works on every circuit that declares such
    pairs (``forward_weights`` and ``effective_feedback``); feedback that skips layers (DFA) has none.
    """

    def of(run: RunView) -> dict[str, np.ndarray]:
        pairs = list(facing(run))
        names = pairs[0]
        angles = {f"angle.{name}": np.array([angle(*one[name]) for one in pairs]) for name in names}
        return angles | {
            f"norm_ratio.{name}": np.array([norm_ratio(*reversed(one[name])) for one in pairs]) for name in names
        }

    return Measure(of, {}, "feedback beside forward weights", every, _no_pairs)


def _no_pairs(net: Circuit) -> str:
    none = f"{type(net).__name__} has no feedback weights that lie beside forward weights"
    return "" if net.effective_feedback(net.read()) else none


def facing(run: RunView) -> Iterator[dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Forward weight and effective feedback by layer, for every seed."""
    net = run.circuit
    both = jax.jit(lambda tree: (net.forward_weights(tree), net.effective_feedback(tree)))
    for tree in run.networks():
        forward, feedback = both(tree)
        yield {
            name: (np.asarray(forward[name], np.float64), np.asarray(feedback[name], np.float64)) for name in feedback
        }


@described
def reciprocity(every: int = 1) -> Measure:
    """Correlation of the two synapses between the same two cells, by layer.

    Only where there are such pairs: not with an intermediate population, not with direct feedback.
    """

    def of(run: RunView) -> dict[str, np.ndarray]:
        single = run.circuit.reciprocal()
        pairs = [{name: pair for name, pair in one.items() if name in single} for one in facing(run)]
        return {
            f"reciprocal_correlation.{name}": np.array(
                [reciprocal_correlation(one[name][0], np.swapaxes(one[name][1], 0, 1)) for one in pairs]
            )
            for name in pairs[0]
        }

    def why_not(net: Circuit) -> str:
        none = f"{type(net).__name__} has no two synapses between the same two cells, one forward, one feedback"
        return _no_pairs(net) or ("" if net.reciprocal() else none)

    return Measure(of, {}, "synapses in both directions between the same cells", every, why_not)


@described
def angle_to_gradient(trials: int = 500, every: int = 1) -> Measure:
    """Angle (degrees) of the change that the rule wants and the gradient of the loss, by weight array, on test trials.

    Works on every circuit whose response can be differentiated: the gradient is that of
    ``metrics(respond(...))["loss"]``, by automatic differentiation. Biases and feedback are left out, and only synapses
    that exist count; the angle is NaN where a change or a gradient is zero. Layers of a stack go by their own name
    (``up.layer1.W`` is ``layer1``).

    Parameters
    ----------
    trials
        Test trials.
    every
        Epochs from one measurement to the next.
    """

    @cache  # one program for all measurements of a run
    def program(net: Circuit, task: Task, settings: tuple[tuple[str, Any], ...]) -> Callable[[Tree, Any], Any]:
        index, given = jnp.arange(min(trials, task.n_test), dtype=jnp.int32), dict(settings)

        def changes(tree: Tree, arrays: Any) -> tuple[Tree, Tree]:
            batch = task.draw(arrays, index, jax.random.key(0), test=True)
            wanted = wanted_changes(net, tree, net.learn(tree, batch, jax.random.key(1), **given))
            loss = loss_of(net, tree, batch, given)
            names = [name for name in dependencies(loss, {name: tree[name] for name in wanted}) if _counts(net, name)]
            gradient = jax.grad(loss)({name: tree[name] for name in names})
            return {name: wanted[name] for name in names}, {
                name: existing(net, tree, name) * gradient[name] for name in names
            }

        return jax.jit(changes)

    def of(run: RunView) -> dict[str, np.ndarray]:
        both = program(run.circuit, run.task, tuple(run.settings[0].items()))
        found = [jax.device_get(both(tree, run.task.arrays)) for tree in run.networks()]
        return {
            f"angle_to_gradient.{name.removeprefix('up.').removesuffix('.W')}": np.array(
                [angle_or_nan(ours[name], true[name]) for ours, true in found]
            )
            for name in found[0][0]
        }

    def why_not(net: Circuit) -> str:
        names = [name for name in net.plastic if _counts(net, name)]
        return "" if names else f"{type(net).__name__} has no plastic weights"

    return Measure(of, {}, "change of weights beside the gradient of the loss", every, why_not)


def wanted_changes(net: Circuit, tree: Tree, outcome: Outcome) -> Tree:
    """Return what a rule asks to subtract from the weights, or has subtracted itself while time ran."""
    itself = {name: tree[name] - outcome.tree[name] for name in net.plastic if name in outcome.tree}
    return {**itself, **outcome.changes}


def existing(net: Circuit, tree: Tree, name: str) -> jax.Array | float:
    """Where the synapses of a weight array exist."""
    mask = net.synapses[name].mask if name in net.synapses else None
    return 1.0 if mask is None else tree[mask].astype(tree[name].dtype)


def loss_of(net: Circuit, tree: Tree, batch: Batch, settings: Mapping[str, Any]) -> Callable[[Tree], jax.Array]:
    """The loss of a circuit's response as a function of some of its weights."""

    def loss(weights: Tree) -> jax.Array:
        return net.metrics(net.respond(tree | weights, batch.inputs, **settings), batch.targets)["loss"]

    return loss


def dependencies(function: Callable[[Tree], jax.Array], tree: Tree) -> list[str]:
    """Names of the arrays that a function of a flat tree uses at all."""
    program = jax.make_jaxpr(function)(tree).jaxpr
    used = {id(variable) for equation in program.eqns for variable in equation.invars}
    return [name for name, variable in zip(sorted(tree), program.invars, strict=True) if id(variable) in used]


def _counts(net: Circuit, name: str) -> bool:
    return name not in net.synapses or not net.synapses[name].kind.endswith(("bias", "feedback"))


@described
def expansion_spectrum(layer: str) -> Measure:
    """Eigenvalues of ``B B^T`` of a layer's fixed expansion, ascending."""

    def of(run: RunView) -> dict[str, np.ndarray]:
        return {"eigenvalue": np.array([gram_eigenvalues(_expansion(tree, layer).T) for tree in run.networks()])}

    return Measure(of, {"rank": None}, "spectrum of the expansion", why_not=_no_expansion(layer))


@described
def limit_of_path(layer: str) -> Measure:
    """Angle and norm ratio of ``B B^T W``, to which the path tends, and W; moments of the eigenvalues of ``B B^T``."""

    def of(run: RunView) -> dict[str, np.ndarray]:
        found = [
            _limit(_expansion(tree, layer), np.asarray(tree[f"up.{layer}.W"], np.float64)) for tree in run.networks()
        ]
        return {name: np.array([[one[name]] for one in found]) for name in found[0]}

    return Measure(of, {"layer": np.array([1.0])}, "limit of the path", why_not=_no_expansion(layer))


def _no_expansion(layer: str) -> Callable[[Circuit], str]:
    def why_not(net: Circuit) -> str:
        expanded = [name[5:-2] for name in net.read() if name.startswith("down.") and name.endswith(".B")]
        expanded = [name for name in expanded if f"down.{name}.R" in net.read()]
        if layer in expanded:
            return ""
        return f"{type(net).__name__} has no expansion of {layer!r}: {nearest(layer, expanded) if expanded else 'none'}"

    return why_not


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
