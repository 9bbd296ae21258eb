"""Small dual-stream circuits and batches for the tests."""

import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.ascending.operations import BatchNorm, Flatten, Transfer
from biocredit.circuits.dual_stream.ascending.pooling import MaxPool, Subsample
from biocredit.circuits.dual_stream.ascending.stack import Residual
from biocredit.circuits.dual_stream.ascending.stages import Convolution, Dense

SHAPE = (9, 8, 2)


def dense(stream, sizes=(6, 5, 4, 3), **options):
    return DualStream.mlp(sizes, stream, dtype=jnp.float64, **options)


def residual(stream, **options):
    """Stride remainders, batch normalisation, both kinds of shortcuts, pooling."""
    body = {
        "conv1": Convolution(4, 8, 3, 2, 1),
        "bn1": BatchNorm(),
        "rate1": Transfer(),
        "conv2": Convolution(8, 8, 3, 1, 1),
    }
    nodes = {
        "stem": Convolution(2, 4, 3, 1, 1, bias=True),
        "stem_bn": BatchNorm(),
        "stem_rate": Transfer("elu"),
        "block": Residual(body, {"shortcut": Subsample(2, 4)}),
        "block_rate": Transfer(),
        "same": Residual({"conv3": Convolution(8, 8, (3, 1), 1, (2, 0), (2, 1)), "bn3": BatchNorm()}),
        "pool": MaxPool(),
        "flatten": Flatten(),
        "readout": Dense(32, 3),
    }
    return DualStream(nodes, SHAPE, stream, dtype=jnp.float64, **options)


def batch(net, seed=0, trials=5):
    random = np.random.default_rng(seed)
    x = jnp.asarray(random.normal(size=(trials, *net.input_shape)), net.dtype)
    return Batch({"image": x}, {"choice": jnp.asarray(random.integers(0, 3, trials))})
