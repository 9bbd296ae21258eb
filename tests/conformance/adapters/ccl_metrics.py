"""Metrics of counter-current learning: CKA between two streams, weight alignment, kernel spectra, operation counts."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.analysis.metrics import alignment, kernels, operations, similarity
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.pathways.counter_current import CounterCurrent, architectures

from tests.conformance.dual_streams import Arrays
from tests.conformance.harness import Check

#: Kernels are padded to this size by definition (specification, section 8.4).
PADDED = 16


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Compute the activities from the weights, then every metric."""
    yield from activities(case)
    depth = range(int(case["n_layers"]) + 1)
    rows = {f"b{level}": case[f"b{level}_rows"] for level in reversed(depth)}
    columns = {f"a{level}": case[f"a{level}"] for level in depth}
    yield Check("cka_matrix", similarity.cka_matrix(rows, columns))
    pairs = [(case[f"U{level}"], case[f"V{level}"]) for level in depth[1:]]
    yield Check("weight_cosine", [alignment.weight_cosine(*pair) for pair in pairs])
    for kind, flip in {"plain": False, "flipped": True}.items():
        cosine = alignment.weight_cosine(case["conv_U1"], case["conv_V1"], flip)
        yield Check(f"conv_weight_cosine_{kind}", cosine)
    stack = case["kernels"]
    share = kernels.high_frequency_fraction(stack, fft_size=PADDED)
    yield Check("kernel_high_frequency_fraction", share)
    yield Check("kernel_mean_radial_frequency", kernels.spectral_centroid(stack, PADDED))
    yield from operation_counts(case)


def activities(case: Arrays) -> Iterator[Check]:
    """Both streams' activities, one row for each sample."""
    circuit = DualStream(*architectures.dense(case["dims"].tolist()), CounterCurrent(), dtype=jnp.float64)
    depth = int(case["n_layers"])
    for level in range(1, depth + 1):
        circuit.write({f"up.layer{level}.W": case[f"U{level}"], f"down.layer{level}.W": case[f"V{level}"]})
    batch = Batch({"x": jnp.asarray(case["x"])}, {"choice": jnp.asarray(case["y"])})
    signals = circuit.trial(circuit.read(), batch, jax.random.key(0))
    inner = [f"rate{level}.rate" for level in range(1, depth)]
    for level, place in enumerate(["input.rate", *inner, f"layer{depth}.potential"]):
        facing = "target.rate" if level == depth else place
        yield Check(f"a{level}", np.asarray(signals[f"up.{place}"][-1]))
        yield Check(f"b{level}_rows", np.asarray(signals[f"down.{facing}"][-1]))


def operation_counts(case: Arrays) -> Iterator[Check]:
    """Operations of one sample; one prototype a class."""
    for key in (key for key in case if key.startswith("flops_dims_")):
        number, sizes = key.rpartition("_")[2], case[key].tolist()
        settings = {"prototypes": sizes[-1], "batch_size": int(case[f"flops_batch_{number}"])}
        yield Check(f"flops_bp_per_sample_{number}", operations.operations("bp", sizes))
        count = operations.operations("ccl_released", sizes, **settings)
        yield Check(f"flops_ccl_per_sample_{number}", count)
