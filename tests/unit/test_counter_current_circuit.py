"""Counter-current circuits as circuits: recording, compiling, batching over networks, and bad input."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream import PATHWAYS, DualStream
from biocredit.circuits.dual_stream.ascending.operations import BatchNorm, Transfer
from biocredit.circuits.dual_stream.ascending.pooling import MaxPool
from biocredit.circuits.dual_stream.ascending.stack import Residual
from biocredit.circuits.dual_stream.ascending.stages import Convolution, Dense
from biocredit.circuits.dual_stream.pathways.counter_current import CounterCurrent, architectures
from biocredit.circuits.dual_stream.pathways.counter_current.levels import counter_levels, cut_at_stages
from biocredit.circuits.dual_stream.pathways.counter_current.training import TRAININGS, Descent

from tests.unit.counter_current_case import CIRCUITS, autoencoder, dense, pooled, seeded, trials


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"):
        yield


def test_both_names_are_descending_streams_with_a_declaration():
    for name in ("counter_current", "counter_current_printed"):
        net = DualStream.mlp([4, 3, 2], name, activation="elu", bias=False)
        assert net.descending.rule.citation == "arXiv:2409.19841"
        assert isinstance(PATHWAYS[name](), CounterCurrent)
        assert net.descending.rule.transports == "nothing"


@pytest.mark.parametrize("kind", CIRCUITS)
def test_streams_face_each_other_level_by_level(kind):
    net = CIRCUITS[kind]()
    sizes = {name.rpartition(".")[0]: variable.shape[1:] for name, variable in net._activity.items()}
    ends = ["input", *(list(part)[-1] for part in cut_at_stages(net.ascending))]
    for name in ends[:-1]:
        assert sizes[f"up.{name}"] == sizes[f"down.{name}"]
    assert sizes[f"up.{ends[-1]}"] == sizes["down.target"]


def test_the_descending_partner_of_each_stage_and_its_transfer():
    nodes, shape = architectures.pooling([2, 4, 5], 3)
    from biocredit.circuits.dual_stream.ascending.geometry import input_shapes

    levels = counter_levels(nodes, input_shapes(nodes, shape), "after")
    assert [list(level.down) for level in levels] == [
        ["pool1_undone", "conv1", "input"],
        ["flatten_undone", "pool2_undone", "conv2", "conv2_norm", "pool1"],
        ["readout", "readout_norm", "flatten"],
    ]
    assert levels[1].down["pool1"] == Transfer("elu")
    assert levels[0].down["input"] == Transfer("linear")
    assert (levels[1].down["conv2"].inputs, levels[1].down["conv2"].outputs) == (5, 4)


def test_published_sizes():
    """Weights of both networks, as the paper's program has them (section 3 of the specification)."""
    nodes, _ = architectures.pooling()
    assert sum(np.prod(stage.kernel_shape(stage.outputs)) for stage in weighted(nodes)) == 2_220_416
    nodes, shape = architectures.autoencoder()
    assert sum(np.prod(stage.kernel_shape(stage.outputs)) for stage in weighted(nodes)) == 43_064_064
    assert sum(stage.outputs for stage in weighted(nodes)) == 4_867
    assert shape == (96, 96, 3)


def weighted(nodes):
    return [node for node in nodes.values() if isinstance(node, Dense | Convolution)]


def test_published_starts():
    tree = dense("counter_current").read()
    for name, weight in tree.items():
        assert float(jnp.abs(weight).max()) <= 1 / np.sqrt(weight.shape[1])
        assert float(jnp.abs(weight).max()) > 0.6 / np.sqrt(weight.shape[1]), name
    tree = CIRCUITS["autoencoder"]().read()
    for zero in ("up.decoder1.W", "down.encoder1.W", "up.encoder1.b", "up.decoder1.b"):
        assert not np.any(tree[zero])
    rows = tree["up.encoder1.W"].reshape(4, -1)
    np.testing.assert_allclose(rows @ rows.T, np.eye(4), atol=1e-12)
    kernel = jnp.swapaxes(tree["up.decoder2.W"], 0, 1).reshape(5, -1)
    np.testing.assert_allclose(kernel @ kernel.T, 1e-6 * np.eye(5), atol=1e-15)
    assert 0 < float(jnp.abs(tree["down.decoder1.b"]).max()) <= 1 / np.sqrt(2 * 9)


@pytest.mark.parametrize("kind", ["dense", "pooling"])
def test_recordings_have_a_row_for_every_trial(kind):
    """Prototypes are one row a class to a probe; a trial is shown the row of its class."""
    net = CIRCUITS[kind]()
    tree, batch = seeded(net), trials(net)

    def observe(tree):
        electrode = Electrode()
        net.learn(tree, batch, jax.random.key(0), electrode)
        return {name: one for (name, _), one in electrode.readings.items()}, net.trial(tree, batch, jax.random.key(0))

    readings, course = jax.jit(observe)(tree)
    for name, value in readings.items():
        if name in course:
            rows = value[batch.targets["choice"]] if name.startswith("down.") else value
            np.testing.assert_array_equal(course[name][-1], rows.reshape(7, -1))


def test_the_streams_run_at_the_same_time():
    net = dense("counter_current")
    course = net.trial(seeded(net), trials(net), jax.random.key(0))
    first = {name: int(np.argmax(np.any(np.asarray(one), axis=(1, 2)))) for name, one in course.items()}
    assert first["up.input.rate"] == first["down.target.rate"] == 0
    assert first["up.layer3.potential"] == 5
    assert first["down.input.rate"] == 6
    assert first["up.rate1.error"] > first["down.input.rate"]
    assert net.stretch("learning").start == 1 + first["down.input.rate"]


def test_update_leaves_every_signal_in_its_variable():
    net = dense("counter_current")
    batch = trials(net)
    output = net.update(batch.inputs["x"], batch.targets["choice"])
    course = net.trial(net.read(), batch, jax.random.key(0))
    np.testing.assert_array_equal(output, course["up.layer3.potential"][-1])
    for name, variable in net._activity.items():
        np.testing.assert_array_equal(variable.value.reshape(7, -1), course[name][-1])


def test_activities_do_not_depend_on_how_the_target_is_shown():
    """Without batch normalisation a prototype's row is the row of every trial of its class (section 3.1)."""
    shown, each = dense(CounterCurrent()), dense(CounterCurrent(pairing="same_class"))
    tree, batch = seeded(shown), trials(shown)
    one, other = (net.trial(tree, batch, jax.random.key(0)) for net in (shown, each))
    for name in ("down.input.rate", "down.rate1.rate", "down.rate2.rate"):
        np.testing.assert_allclose(one[name], other[name], rtol=1e-12)


def test_one_trace_serves_all_batches():
    net = dense("counter_current")
    count = []

    @jax.jit
    def learn(tree, batch):
        count.append(1)
        return net.learn(tree, batch, jax.random.key(0))

    for seed in range(3):
        learn(seeded(net, seed), trials(net, seed=seed))
    assert len(count) == 1


@pytest.mark.parametrize("kind", ["dense", "stride, normalised"])
def test_several_networks_at_once(kind):
    net = CIRCUITS[kind]()
    batch, key = trials(net), jax.random.key(0)
    trees = [seeded(net, seed) for seed in range(3)]
    learn = jax.jit(lambda tree: net.learn(tree, batch, key))
    together = jax.jit(jax.vmap(learn))(jax.tree.map(lambda *one: jnp.stack(one), *trees))
    for number, tree in enumerate(trees):
        alone = learn(tree)
        for mine, its in zip(jax.tree.leaves(alone), jax.tree.leaves(together), strict=True):
            np.testing.assert_allclose(mine, its[number], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_everything_stays_in_the_circuits_type(dtype):
    net = DualStream(*architectures.strided([2, 4, 5], 3, normalised="after"), "counter_current", dtype=dtype)
    outcome = jax.jit(lambda tree: net.learn(tree, trials(net), jax.random.key(0)))(net.read())
    assert {one.dtype for one in jax.tree.leaves(outcome)} == {jnp.dtype(dtype)}
    optimizer = TRAININGS["cifar10_pooling"].optimizer(10)
    weights = {name: net.read()[name] for name in net.plastic}
    steps, _ = jax.jit(optimizer.update)(outcome.changes, optimizer.init(weights), weights)
    assert {one.dtype for one in jax.tree.leaves(steps)} == {jnp.dtype(dtype)}


def test_running_statistics_are_used_outside_learning():
    net = CIRCUITS["stride, normalised"]()
    batch = trials(net)
    outcome = net.learn(net.read(), batch, jax.random.key(0))
    assert any(name.startswith("down.") for name in outcome.tree)
    before = net.respond(net.read(), batch.inputs)["choice"]
    after = net.respond(net.read() | outcome.tree, batch.inputs)["choice"]
    assert not np.allclose(before, after)


def test_effective_feedback_is_the_adjoint_reading_of_the_descending_weight():
    """In a convolution of stride 1, the descending kernel acts as the transpose of the kernel that is returned."""
    net = pooled("counter_current")
    tree = seeded(net)
    kernel = net.effective_feedback(tree)["conv2"]
    stage, partner = net.ascending["conv2"], Convolution(5, 4, padding=1)
    delta = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 4, 5)))
    through = partner.forward({"W": tree["down.conv2.W"]}, delta)
    np.testing.assert_allclose(stage.adjoint(kernel, delta, (2, 4, 4, 4)), through, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(net.effective_feedback(tree)["readout"], tree["down.readout.W"].T)


def test_it_learns_to_tell_clouds_apart():
    net = dense("counter_current")
    centres = 2 * jax.random.normal(jax.random.key(1), (3, 6))
    optimizer = TRAININGS["dense"].optimizer(10)

    @jax.jit
    def step(carry, key):
        tree, state = carry
        labels = jax.random.randint(key, (32,), 0, 3)
        batch = Batch({"x": centres[labels] + 0.3 * jax.random.normal(key, (32, 6))}, {"choice": labels})
        outcome = net.learn(tree, batch, key)
        weights = {name: tree[name] for name in net.plastic}
        steps, state = optimizer.update(outcome.changes, state, weights)
        return (tree | optax.apply_updates(weights, steps), state), outcome.metrics["accuracy"]

    start = (net.read(), optimizer.init({name: net.read()[name] for name in net.plastic}))
    _, accuracy = jax.lax.scan(step, start, jax.random.split(jax.random.key(0), 150))
    assert float(accuracy[:3].mean()) < 0.8
    assert float(accuracy[-20:].mean()) > 0.97


LABELS = jnp.array([0, 1, 2])
BAD = {
    "labels above": (jnp.ones((3, 6)), jnp.array([0, 1, 3]), "classes from 0 to 2"),
    "labels below": (jnp.ones((3, 6)), jnp.array([0, -1, 2]), "classes from 0 to 2"),
    "labels not whole": (jnp.ones((3, 6)), jnp.array([0.0, 1.0, 2.0]), "integer labels"),
    "too few labels": (jnp.ones((3, 6)), LABELS[:2], "target: got"),
    "empty batch": (jnp.ones((0, 6)), LABELS[:0], "input .input.: got"),
    "wrong width": (jnp.ones((3, 5)), LABELS, "input .input.: got"),
    "not finite": (jnp.full((3, 6), jnp.nan), LABELS, "finite"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_batches(kind):
    x, labels, message = BAD[kind]
    net = dense("counter_current")
    with pytest.raises(CircuitError, match=message):
        net.learn(net.read(), Batch({"x": x}, {"choice": labels}), jax.random.key(0))


MISFITS = {
    "residual": ({"block": Residual({"layer1": Dense(4, 4)})}, (4,), "no shortcuts"),
    "odd side": ({"conv": Convolution(1, 2, 3, 2, 1), "rate": Transfer("elu")}, (5, 5, 1), "comes down"),
    "pooled odd side": ({"conv": Convolution(1, 2, padding=1), "pool": MaxPool()}, (5, 5, 1), "comes down"),
    "nothing to learn": ({"rate": Transfer("elu")}, (4,), "a stage at least"),
}


@pytest.mark.parametrize("kind", MISFITS)
def test_streams_that_do_not_fit(kind):
    nodes, shape, message = MISFITS[kind]
    with pytest.raises(CircuitError, match=message):
        DualStream(nodes, shape, "counter_current")


def test_bad_settings():
    for settings in ({"pairing": "labels"}, {"normalised": "between"}, {"flooding": -0.1}):
        with pytest.raises(CircuitError):
            CounterCurrent(**settings)
    with pytest.raises(CircuitError, match="halved"):
        architectures.autoencoder([4, 5], 10)
    with pytest.raises(CircuitError, match="momentum"):
        Descent(0.1, momentum=1.0)
    with pytest.raises(CircuitError, match="negative"):
        TRAININGS["dense"].__class__(Descent(-1.0), Descent(1.0)).optimizer(10)


def test_normalisation_of_a_single_value_is_refused():
    """One class gives the descending stream one row: it has no variance."""
    nodes = {"layer1": Dense(3, 2), "rate1": Transfer("elu"), "layer2": Dense(2, 1)}
    with pytest.raises(CircuitError, match="several values"):
        net = DualStream(nodes, (3,), CounterCurrent(normalised="after"))
        net.learn(net.read(), Batch({"x": jnp.ones((4, 3))}, {"y": jnp.zeros(4, int)}), jax.random.key(0))


def test_parts_of_a_stack():
    nodes = {"norm1": BatchNorm(), "layer1": Dense(3, 3), "rate1": Transfer(), "norm2": BatchNorm()}
    cut = cut_at_stages(nodes | {"layer2": Dense(3, 2)})
    assert [list(part) for part in cut] == [["norm1", "layer1", "rate1"], ["norm2", "layer2"]]


def test_an_autoencoder_scores_images_without_an_accuracy():
    net = autoencoder("transposed")
    batch = SimpleNamespace(**trials(net)._asdict())
    scores = net.metrics(net.respond(net.read(), batch.inputs), batch.targets)
    assert set(scores) == {"loss", "r2", "mean_squared_error"}
    output = net.respond(net.read(), batch.inputs)["choice"]
    np.testing.assert_allclose(scores["loss"], np.mean((np.asarray(output) - batch.targets["choice"]) ** 2))
