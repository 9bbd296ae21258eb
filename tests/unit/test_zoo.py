"""Every circuit of the zoo learns its task through the public protocol."""

import jax
import numpy as np
import pytest
from biocredit.circuits.core.credit_rule import CreditRule
from biocredit.protocols.training.protocol import label_of

from tests.unit.zoo import CIRCUITS, protocol_of, task_of, trials_of


@pytest.mark.parametrize("name", CIRCUITS)
def test_every_circuit_answers_and_learns(name):
    net = CIRCUITS[name]()
    batch = trials_of(net)
    outcome = net.learn(net.read(), batch, jax.random.key(0))
    assert np.isfinite(outcome.metrics["loss"])
    (answer,) = net.respond(net.read(), batch.inputs).values()
    assert (answer.shape[0], answer.shape[-1]) == (8, 3)


@pytest.mark.parametrize("name", [name for name in CIRCUITS if not name.startswith("dual/")])
def test_every_family_learns_through_its_protocol(name):
    net = CIRCUITS[name]()
    before = net.read()
    run = protocol_of(net).train(1, progress=False)
    assert any(not np.array_equal(run.tree[name][0], before[name]) for name in net.plastic)


@pytest.mark.parametrize("name", CIRCUITS)
def test_a_run_is_named_by_circuit_rule_and_task(name):
    net = CIRCUITS[name]()
    family, rule, task = label_of(net, task_of(net)).split("/")
    assert (family, task) == (type(net).__name__, "points")
    assert rule == net.rule.name
    assert isinstance(net.rule, CreditRule)
