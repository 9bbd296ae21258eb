"""Every circuit computes all of its matrix products as precisely as it is told."""

import jax
import jax.numpy as jnp
import pytest
from biocredit.circuits import (
    DualStream,
    EquilibriumPropagation,
    ModularRNN,
    PhaselessRate,
    PredictiveCoding,
    RateRNN,
)
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.energy_based import FixedPointIteration
from biocredit.protocols import tasks

SIZES = (64, 12, 10)
BUILD = {
    "modular": lambda **own: ModularRNN.chain(tasks.digits(), regions=1, neurons=20, **own),
    "equilibrium": lambda **own: EquilibriumPropagation.chain(
        tasks.digits(), (12,), dynamics=FixedPointIteration(), **own
    ),
    "predictive": lambda **own: PredictiveCoding.chain(tasks.digits(), (12,), **own),
    "dual": lambda **own: DualStream.mlp(SIZES, descending="random", **own),
    "phaseless": lambda **own: PhaselessRate(SIZES, steps=4, readout="label", **own),
    "rate": lambda **own: RateRNN({"image": 64}, 12, {"label": 10}, tau=10.0, **own),
}
#: JAX's words for it in a program.
WORDS = {"float32": "HIGHEST", "tensorfloat32": "HIGH", "bfloat16": "DEFAULT"}


def program(kind: str, precision: str) -> str:
    """Write down the program of one update."""
    net = BUILD[kind](matmul_precision=precision)
    images = jnp.zeros((3, 7, 64) if kind == "rate" else (3, 64), jnp.float32)
    batch = Batch({"image": images}, {"label": jnp.zeros(3, jnp.int32)})
    return jax.jit(lambda tree: net.learn(tree, batch, jax.random.key(0))[:2]).lower(net.read()).as_text()


@pytest.mark.parametrize("precision", ["float32", "tensorfloat32"])
@pytest.mark.parametrize("kind", BUILD)
def test_all_products_of_an_update_have_the_precision_that_was_asked_for(kind, precision):
    products = [line for line in program(kind, precision).splitlines() if "stablehlo.dot_general" in line]
    assert products
    assert all(f"precision = [{WORDS[precision]}, {WORDS[precision]}]" in line for line in products)


@pytest.mark.parametrize("kind", BUILD)
def test_an_unknown_precision_is_refused_by_name(kind):
    with pytest.raises(CircuitError, match="unknown matmul_precision 'floaty32'.*float32"):
        BUILD[kind](matmul_precision="floaty32")
