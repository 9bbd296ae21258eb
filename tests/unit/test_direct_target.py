"""Direct projections of the target or of the error: where they act, what they need, when they are exact."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.initializers import Normal, he_uniform
from biocredit.circuits.core.losses import LOSSES
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream.pathways.target_propagation import DirectError, DirectRandomTarget
from target_case import SIZES, convolutional, dense, seeded, trials

PATHWAYS = {"target": DirectRandomTarget, "error": DirectError}


@pytest.fixture(params=PATHWAYS.values(), ids=PATHWAYS)
def kind(request):
    return request.param


def test_hidden_changes_are_sums_and_the_output_follows_the_mean(kind):
    summed, mean, gradient = (dense(stream) for stream in (kind(), kind(reduction="mean"), "transposed"))
    tree, batch = seeded(summed), trials(summed)
    a, b, c = (net.cycle(tree, batch).changes for net in (summed, mean, gradient))
    for path in ("layer1", "layer2"):
        np.testing.assert_allclose(a[f"up.{path}.W"], 7 * b[f"up.{path}.W"], rtol=1e-12)
    np.testing.assert_array_equal(a["up.layer3.W"], c["up.layer3.W"])


def test_target_projection_waits_for_no_output():
    """Hidden synapses do not depend on weights further up; those of the error projection do."""
    found = {}
    for name, kind in PATHWAYS.items():
        net = dense(kind())
        tree, batch = seeded(net), trials(net)
        other = tree | {"up.layer2.W": -tree["up.layer2.W"], "up.layer3.W": -2 * tree["up.layer3.W"]}
        found[name] = np.array_equal(*(net.cycle(one, batch).changes["up.layer1.W"] for one in (tree, other)))
    assert found == {"target": True, "error": False}


def test_target_projection_by_its_equation():
    net = dense("direct_random_target")
    tree, batch = seeded(net), trials(net)
    x, hot = np.asarray(batch.inputs["x"]), np.eye(3)[np.asarray(batch.targets["choice"])]
    first = np.tanh(x @ tree["up.layer1.W"].T)
    second = np.tanh(first @ tree["up.layer2.W"].T)
    delta = (hot @ tree["down.layer2.P"]) * (1 - second**2)
    np.testing.assert_allclose(net.cycle(tree, batch).changes["up.layer2.W"], delta.T @ first, rtol=1e-10)


def test_error_projection_is_the_gradient_with_one_hidden_layer_and_transposed_weights():
    net, gradient = (dense(stream, [6, 5, 3]) for stream in (DirectError(reduction="mean"), "transposed"))
    tree, batch = seeded(net), trials(net)
    tree |= {"down.layer1.P": tree["up.layer2.W"]}
    wanted = gradient.cycle(tree, batch).changes
    for name, change in net.cycle(tree, batch).changes.items():
        np.testing.assert_allclose(change, wanted[name], rtol=1e-10, atol=1e-13, err_msg=name)


def test_projections_reach_maps_before_pooling(kind):
    net = convolutional(kind())
    assert net.read()["down.conv1.P"].shape == (3, 4, 4, 3)
    electrode, tree, batch = Electrode(), seeded(net), trials(net)
    changes = net.cycle(tree, batch, electrode).changes
    projected = electrode.readings["down.rate_conv1.rate", "learning"]
    assert projected.shape == (7, 4, 4, 3)
    rate = np.asarray(electrode.readings["up.rate_conv1.rate", "inference"])
    slope = np.where(rate > 0, 1, 1 + rate)  # of elu
    np.testing.assert_allclose(changes["up.conv1.b"], np.sum(projected * slope, (0, 1, 2)), rtol=1e-10)


def test_projections_never_change(kind):
    net = dense(kind())
    outcome = net.learn(net.read(), trials(net), jax.random.key(0))
    assert set(outcome.changes) == {f"up.layer{level}.W" for level in (1, 2, 3)}
    assert not outcome.tree


def test_silenced_projection_stops_its_population_alone(kind):
    net = dense(kind())
    tree, batch = seeded(net), trials(net)
    whole = net.cycle(tree, batch).changes
    cut = net.cycle(tree, batch, lambda name, phase, value: 0 * value if name == "down.layer1.P" else value).changes
    assert not cut["up.layer1.W"].any()
    np.testing.assert_array_equal(cut["up.layer2.W"], whole["up.layer2.W"])


def test_projections_start_as_published():
    drawn = he_uniform(np.random.default_rng(0), (10, 600))
    assert np.abs(drawn).max() <= 0.1
    np.testing.assert_allclose(drawn.std(), 0.1 / np.sqrt(3), rtol=0.02)
    net = dense(DirectRandomTarget(projection=Normal(0.0, 0.05)), SIZES)
    assert np.all(net.read()["down.layer1.P"] == 0.05)


def test_mean_binary_cross_entropy_and_its_derivative():
    output, target = jnp.asarray([[0.3, -2.0], [1.0, 0.0]]), jnp.asarray([[1.0, 0.0], [0.0, 1.0]])

    def loss(output):
        p = 1 / (1 + jnp.exp(-output))
        return -jnp.mean(target * jnp.log(p) + (1 - target) * jnp.log(1 - p))

    found = LOSSES["mean_binary_cross_entropy"](output, target)
    np.testing.assert_allclose(found[0], loss(output), rtol=1e-12)
    np.testing.assert_allclose(found[1], jax.grad(loss)(output), rtol=1e-10)


def test_wrong_settings_are_refused():
    with pytest.raises(CircuitError, match="did you mean 'softmax'"):
        DirectError(prediction="sofmax")
    with pytest.raises(CircuitError, match="got 'total', wanted 'sum' or 'mean'"):
        DirectRandomTarget(reduction="total")


def test_labels_outside_the_classes_are_refused(kind):
    net = dense(kind())
    with pytest.raises(CircuitError, match="wanted classes from 0 to 2"):
        net.cycle(net.read(), Batch({"x": jnp.ones((2, 6))}, {"choice": jnp.asarray([0, 3])}))
