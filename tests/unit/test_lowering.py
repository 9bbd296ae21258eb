"""Learning as protocols compile it lowers for GPUs: circuits in time too, and changes while a trial runs."""

import jax
import jax.numpy as jnp
import pytest
from biocredit.circuits import SpikingRNN
from biocredit.protocols import Online

from tests.unit.zoo import CIRCUITS, PORTS, TRIALS, Points, protocol_of

#: Static streams are lowered in test_static_matrix.
NAMES = [name for name in CIRCUITS if not name.startswith("dual/")]


def lowered(run):
    """The program of a stretch of learning, as it is handed to the compiler of a GPU."""
    networks = run.networks
    index = jnp.zeros((1, 2, run.batch_size), jnp.int32)
    state = {**run.state, "optimizer": run.state["optimizer"][0]}
    learn = jax.jit(networks.over_seeds(networks.steps[0].many))
    return jax.export.export(learn, platforms=["cuda"])(state, networks.arrays, index).mlir_module()


@pytest.mark.parametrize("name", NAMES)
def test_every_circuit_lowers_for_gpus(name):
    assert "stablehlo.while" in lowered(protocol_of(CIRCUITS[name](), parallel="vmap"))


@pytest.mark.parametrize("stretch", [2, 3])
def test_changes_while_a_trial_runs_lower_for_gpus(stretch):
    run = protocol_of(CIRCUITS["rate/modprop_wab"](), update_every=stretch, parallel="vmap")
    assert "stablehlo.while" in lowered(run)


def test_spiking_cells_lower_for_gpus():
    net = SpikingRNN.for_task(PORTS, 9, answer="every")
    assert "stablehlo.while" in lowered(Online(net, Points(6), batch_size=TRIALS // 2, parallel="vmap"))
