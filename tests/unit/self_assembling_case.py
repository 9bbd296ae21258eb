"""Small self-assembling circuits for the tests."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits.core.initializers import Gaussian
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.pathways.self_assembling import KINDS, SelfAssembling
from dual_stream_case import batch

LARGE = {kind: Gaussian(0.5, "one") for kind in KINDS[1:]}
DECAY = 0.02


def circuit(**options):
    sizes = options.pop("sizes", (6, 5, 4, 3))
    settings = {"initializers": LARGE} | options
    widths = None if settings.get("transfer") == "upstream_jacobian" else (7, 8)
    stream = SelfAssembling(**{"widths": widths} | settings)
    return DualStream.mlp(sizes, stream, bias=False, dtype=jnp.float64, initializer=Gaussian())


def learned(net, training, steps, tree=None, seeds=1, trials=5):
    """Weights after some updates, on batches that change."""
    optimizer, tree = training.optimizer(), net.read() if tree is None else tree
    state = optimizer.init({name: tree[name] for name in net.cycle(tree, batch(net)).changes})

    @jax.jit
    def step(tree, state, one):
        outcome = net.learn(tree, one, jax.random.key(0))
        weights = {name: tree[name] for name in outcome.changes}
        updates, state = optimizer.update(outcome.changes, state, weights)
        return tree | outcome.tree | optax.apply_updates(weights, updates), state

    batches = [batch(net, seed, trials) for seed in range(seeds)]
    for number in range(steps):
        tree, state = step(tree, state, batches[number % seeds])
    return tree


def close(found, wanted, **options):
    np.testing.assert_allclose(found, wanted, **{"rtol": 1e-9, "atol": 1e-12} | options)
