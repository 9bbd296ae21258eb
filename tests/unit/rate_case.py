"""Small rate networks and trials for tests."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.recurrent import RateRNN

STEPS, TRIALS = 9, 2


def network(rule: str = "bptt", **settings: Any) -> RateRNN:
    """Nine cells of two types, three inputs, two outputs; regression at every step."""
    defaults = {"tau": 6.0, "mu": 0.4, "loss": "half_squared_error", "answer": "every", "dtype": jnp.float64}
    types = settings.pop("neurons", {"I": 3, "E": 6})
    return RateRNN({"x": 3}, types, {"y": 2}, rule=rule, **{**defaults, **settings})


def trials(seed: int = 0, steps: int = STEPS, trials: int = TRIALS, dtype: Any = np.float64) -> Batch:
    """Random inputs and targets."""
    rng = np.random.default_rng(seed)
    inputs, target = rng.normal(size=(trials, steps, 3)), rng.normal(size=(trials, steps, 2))
    return Batch({"x": jnp.asarray(inputs, dtype)}, {"y": jnp.asarray(target, dtype)})


def autodiff(net: RateRNN, tree: Tree, batch: Batch, probe: Any = None) -> Tree:
    """Gradient of the loss with respect to the plastic weights, existing synapses only."""

    def loss(weights: Tree) -> jax.Array:
        outputs = net.respond(tree | weights, batch.inputs, *([probe] if probe else []))
        return net.metrics(outputs, batch.targets)["loss"]

    found = jax.grad(loss)({name: tree[name] for name in net.plastic})
    return found | {"W_rec": found["W_rec"] * tree["mask_rec"]}


def assert_same(ours: Tree, theirs: Tree, names: tuple[str, ...] = ("W_in", "W_rec", "W_out", "b_out")) -> None:
    """Compare changes to 1e-12 of their largest entry."""
    for name in names:
        scale = np.abs(theirs[name]).max()
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=1e-12 * scale, err_msg=name)
        assert scale > 0, f"{name}: nothing to compare"


def differ(ours: Tree, theirs: Tree, name: str = "W_rec") -> bool:
    """Whether changes differ by more than a thousandth of the largest entry."""
    return bool(np.abs(ours[name] - theirs[name]).max() > 1e-3 * np.abs(theirs[name]).max())
