"""How well the directions of several rules agree, at the weights that one of them has reached."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.analysis.metrics.alignment import angle
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.described import described
from biocredit.circuits.core.errors import nearest
from biocredit.protocols.recording.measures.measure import Measure
from biocredit.protocols.recording.view import RunView


@described
def gradient_angles(
    circuits: Mapping[str, Circuit], weights: tuple[str, ...] = ("W_rec", "W_in"), every: int = 1
) -> Measure:
    """Measure the signed angle between the directions of other rules and of the rule that learns.

    All rules see the same weights and the same batch of test trials (arXiv 2206.01338, figure 8). The angle is in
    degrees, ``"angle.<weights>.<rule>"``, NaN where a direction is zero.

    Parameters
    ----------
    circuits
        The same circuit with other rules, by name of the rule. Arrays that only the other rule needs, such as fixed
        type weights, are the initial ones of that circuit.
    weights
        Names of the weights.
    every
        Epochs from one measurement to the next.
    """

    def of(run: RunView) -> dict[str, np.ndarray]:
        batch = run.task.draw(run.task.arrays, jnp.arange(run.batch_size) % run.task.n_test, _key(run), test=True)
        rules = {"": run.circuit, **circuits}
        found = {rule: _directions(circuit, run.tree, batch, weights) for rule, circuit in rules.items()}
        return {
            f"angle.{name}.{rule}": np.array([angle_or_nan(*pair) for pair in zip(exact, other[name], strict=True)])
            for name, exact in found.pop("").items()
            for rule, other in found.items()
        }

    def why_not(net: Circuit) -> str:
        unknown = [name for name in weights if name not in net.plastic]
        return (
            f"{type(net).__name__} has no weights {unknown[0]!r}: {nearest(unknown[0], net.plastic)}" if unknown else ""
        )

    return Measure(of, {}, "signed angle to the direction of the rule that learns, in degrees", every, why_not)


def _key(run: RunView) -> jax.Array:
    return jax.random.fold_in(jax.random.key(run.seeds[0]), run.epoch)


@jax.jit(static_argnums=(0, 3))
def _directions(circuit: Circuit, trees: Tree, batch: tuple, weights: tuple[str, ...]) -> Tree:
    """Direction of each seed's weights, ``[seed, ...]`` by name."""
    own = {name: jnp.asarray(value) for name, value in circuit.read().items()}

    def one(tree: Tree) -> Tree:
        changes = circuit.learn(own | tree, batch).changes
        return {name: changes[name] for name in weights}

    return jax.lax.map(one, trees)


def angle_or_nan(a: np.ndarray, b: np.ndarray) -> float:
    """Angle in degrees, NaN with a direction that is zero."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return angle(a, b) if a.any() and b.any() else float("nan")
