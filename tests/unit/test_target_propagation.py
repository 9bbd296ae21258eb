"""Target propagation: feedback losses against automatic differentiation, fixed points, identities, locality."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.probes import Electrode, untouched
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.ascending.normalisation import Standardise
from biocredit.circuits.dual_stream.ascending.stack import ascend
from biocredit.circuits.dual_stream.pathways import PATHWAYS, Goal
from biocredit.circuits.dual_stream.pathways.target_propagation import Noise, architectures, feedback_losses
from biocredit.circuits.dual_stream.pathways.target_propagation.learned import LearnedFeedback
from biocredit.circuits.dual_stream.pathways.target_propagation.pathway import TargetPropagation
from biocredit.circuits.dual_stream.pathways.target_propagation.reconstruction import scene
from biocredit.circuits.dual_stream.pathways.target_propagation.training import MEULEMANS, ernoult
from target_case import SIZES, Written, convolutional, dense, dense_noise, seeded, trials, written_losses

FAMILY = [name for name, kind in PATHWAYS.items() if issubclass(kind, TargetPropagation)]
OWN = [name for name in FAMILY if issubclass(PATHWAYS[name], LearnedFeedback)]
RULES = ["denoising", "reconstruct_clean", "reconstruct_noisy", "local_difference", "local_difference_both"]
KEY = jax.random.key(0)


def seen_by(net, tree, batch):
    levels = net.descending.levels(net.ascending)
    ascent = ascend(net.ascending, tree, batch.inputs["x"])
    return levels, scene(levels, net.ascending, tree, ascent, untouched, "feedback")


def goal(net, tree, batch, error=None):
    output = net.respond(tree, batch.inputs)["choice"]
    return Goal(jnp.zeros_like(output) if error is None else error, jnp.zeros_like(output), jnp.zeros(()))


# -- feedback losses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("standardised", ["nowhere", "hidden"])
@pytest.mark.parametrize("rule", RULES)
def test_feedback_loss_and_its_change_are_those_of_the_equations(rule, standardised):
    net = dense("difference_target", standardised=standardised)
    tree, batch, noise = seeded(net), trials(net), dense_noise(SIZES)
    levels, seen = seen_by(net, tree, batch)
    written = Written(tree, SIZES, standardised == "hidden")
    h = written.rates(batch.inputs["x"])
    Q = {level: tree[f"down.layer{level}.Q"] for level in (2, 3)}
    for number, level in enumerate(levels, start=2):
        found = getattr(feedback_losses, rule)(level, seen, tree, noise[level.path])
        own = functools.partial(written_losses, rule, written, number, h=h, noise=noise[level.path])
        loss, gradient = jax.value_and_grad(own)(Q)
        np.testing.assert_allclose(found.loss, loss, rtol=1e-10)
        np.testing.assert_allclose(found.changes[f"down.{level.path}.Q"], gradient[number], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("rule", ["denoising", "local_difference_both", "reconstruct_noisy"])
def test_changes_of_convolutional_feedback_are_finite_differences_of_the_loss(rule):
    net = convolutional("local_difference_reconstruction_ernoult", activation="elu")
    tree, batch = seeded(net, scale=0.3), trials(net, 3)
    levels, seen = seen_by(net, tree, batch)
    for level in levels:
        random = np.random.default_rng(3)
        ends = (seen.rates[level.below], seen.rates[level.above])
        noise = Noise(*(jnp.asarray(0.1 * random.normal(size=h.shape)) for h in ends))

        def loss(own, level=level, noise=noise):
            return getattr(feedback_losses, rule)(level, seen, tree | own, noise)

        own = {f"down.{level.path}.{name}": tree[f"down.{level.path}.{name}"] for name in level.names}
        direction = {name: jnp.asarray(random.normal(size=value.shape)) for name, value in own.items()}
        ahead, behind = (
            loss({name: own[name] + side * 1e-6 * direction[name] for name in own}).loss for side in (1, -1)
        )
        slope = sum(jnp.vdot(loss(own).changes[name], direction[name]) for name in own)
        np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, rtol=1e-6, atol=1e-8)


# -- what feedback learns -------------------------------------------------------------------------------------


def linear(stream, sizes):
    return dense(stream, sizes, activation="linear")


@pytest.mark.parametrize(
    "name", ["local_difference_reconstruction", "local_difference_reconstruction_ernoult"], ids=["shibuya", "ernoult"]
)
def test_local_reconstruction_of_linear_layers_converges_to_the_transpose(name):
    stream = PATHWAYS[name](noise=1.0, iterations=150, optimizer=optax.sgd(0.1))
    net = linear(stream, [3, 4, 3, 2])
    tree, batch = seeded(net), trials(net, 400)
    learned = jax.jit(net.rehearse)(tree, batch.inputs, KEY).tree
    for path in ("layer2", "layer3"):
        W, before, after = tree[f"up.{path}.W"], tree[f"down.{path}.Q"], learned[f"down.{path}.Q"]
        assert jnp.linalg.norm(after - W) < 0.1 * jnp.linalg.norm(W)
        assert jnp.linalg.norm(before - W) > jnp.linalg.norm(W) / 2


def test_denoising_of_linear_layers_converges_to_the_inverse():
    stream = PATHWAYS["difference_target"](noise=1.0, iterations=300, optimizer=optax.sgd(0.1))
    net = linear(stream, [3, 3, 3])
    tree, batch = seeded(net), trials(net, 200)
    tree |= {"up.layer2.W": jnp.asarray([[1.0, 0.3, 0.0], [0.0, 0.8, 0.2], [0.1, 0.0, 1.2]])}
    learned = jax.jit(net.rehearse)(tree, batch.inputs, KEY).tree["down.layer2.Q"]
    np.testing.assert_allclose(tree["up.layer2.W"].T @ learned, np.eye(3), atol=0.02)


def test_fixed_feedback_never_changes():
    net = dense("fixed_difference_target")
    tree = net.read()
    outcome = net.learn(tree, trials(net), KEY)
    assert not outcome.tree
    assert set(outcome.changes) == {f"up.layer{level}.W" for level in (1, 2, 3)}
    assert not [name for name in net.plastic if name.startswith("down")]


@pytest.mark.parametrize("name", OWN)
def test_state_of_the_own_optimiser_outlives_a_trial(name):
    """Two calls of one iteration each are one call of two iterations, momentum included."""
    stream = PATHWAYS[name](noise=1.0, optimizer=optax.sgd(0.1, momentum=0.9))
    net = dense(stream)
    tree, batch = seeded(net), trials(net)
    first, second = (dense_noise(SIZES, seed=seed) for seed in (5, 6))
    once = jax.tree.map(lambda a, b: jnp.stack([a, b]), first, second)
    together = stream.learn_feedback(net.ascending, tree, batch.inputs["x"], once).tree
    for noise in (first, second):
        one = jax.tree.map(lambda z: z[None], noise)
        tree = tree | stream.learn_feedback(net.ascending, tree, batch.inputs["x"], one).tree
    for key, value in together.items():
        np.testing.assert_allclose(tree[key], value, rtol=1e-12, atol=1e-14, err_msg=key)


@pytest.mark.parametrize("name", [name for name in FAMILY if name != "fixed_difference_target"])
def test_noise_comes_from_the_key_alone(name):
    net = dense(name)
    tree, batch = seeded(net), trials(net)

    def learned(key):
        found = net.rehearse(tree, batch.inputs, key)
        return found.tree | found.changes

    one, again, other = (learned(jax.random.key(number)) for number in (0, 0, 1))
    assert "down.layer2.Q" in one
    np.testing.assert_array_equal(one["down.layer2.Q"], again["down.layer2.Q"])
    assert not np.array_equal(one["down.layer2.Q"], other["down.layer2.Q"])


def exchanged_above(net, tree):
    """Other weights above the level of ``layer2``, in both streams."""
    return tree | {name: 2 * value for name, value in tree.items() if ".layer3." in name}


@pytest.mark.parametrize("rule", RULES)
def test_feedback_sees_weights_of_its_own_level_alone_unless_it_reconstructs_from_the_top(rule):
    net = dense("difference_target")
    tree, batch, noise = seeded(net), trials(net), dense_noise(SIZES)
    found = []
    for one in (tree, exchanged_above(net, tree)):
        levels, seen = seen_by(net, one, batch)
        found.append(getattr(feedback_losses, rule)(levels[0], seen, one, noise["layer2"]).changes["down.layer2.Q"])
    assert np.array_equal(*found) == (not rule.startswith("reconstruct"))


# -- targets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("standardised", ["nowhere", "everywhere"])
@pytest.mark.parametrize("name", FAMILY)
def test_targets_equal_activity_where_the_output_is_right(name, standardised):
    """The difference correction: whatever the feedback weights are."""
    net = dense(name, standardised=standardised)
    tree, batch = seeded(net), trials(net)
    _, seen = seen_by(net, tree, batch)
    for population, target in net.descending.targets(seen, tree, goal(net, tree, batch)).items():
        np.testing.assert_allclose(target, seen.rates[population], atol=1e-11)


@pytest.mark.parametrize(
    ("name", "build", "factor"),
    [
        ("fixed_difference_target", lambda stream: linear(stream, SIZES), 2),
        ("local_difference_reconstruction_ernoult", lambda stream: linear(stream, SIZES), 1),
        ("local_difference_reconstruction_ernoult", lambda stream: convolutional(stream, activation="linear"), 1),
    ],
    ids=["fixed", "mirrored", "mirrored, pooling"],
)
def test_transposed_feedback_of_linear_cells_gives_the_gradient(name, build, factor):
    """Max-pooling included: an unpooled target difference is the transposed Jacobian."""
    net, gradient = build(PATHWAYS[name](stepsize=0.3)), build("transposed")
    tree, batch = seeded(net), trials(net)
    tree |= {f"down.{path}.Q": tree[f"up.{path}.W"] for path in net.effective_feedback(tree)}
    wanted = gradient.cycle(tree, batch).changes
    for key, change in net.cycle(tree, batch).changes.items():
        np.testing.assert_allclose(change, 0.3 * factor * wanted[key], rtol=1e-9, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("standardised", ["nowhere", "hidden"])
def test_forward_changes_descend_the_distance_to_the_target(standardised):
    net = dense("fixed_difference_target", standardised=standardised)
    tree, batch, electrode = seeded(net), trials(net), Electrode()
    changes = net.cycle(tree, batch, electrode).changes
    signals = {name: value for (name, _), value in electrode.readings.items()}
    population = "norm2" if standardised == "hidden" else "rate2"
    below = signals["up.norm1.rate" if standardised == "hidden" else "up.rate1.rate"]

    def distance(W):
        written = Written(tree | {"up.layer2.W": W}, SIZES, standardised == "hidden")
        return jnp.sum((written.f(2, below) - signals[f"down.{population}.rate"]) ** 2) / len(below)

    gradient = jax.grad(distance)(tree["up.layer2.W"])
    np.testing.assert_allclose(changes["up.layer2.W"], gradient, rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize("name", FAMILY)
def test_stopped_target_leaves_lower_levels_alone(name):
    """A population learns from its own target: without a difference there, nothing below changes."""
    net = dense(name)
    tree, batch = seeded(net), trials(net)

    def cut(signal, phase, value):
        return 0 * value if signal == "down.layer3.Q" else value

    changes = net.cycle(tree, batch, cut).changes
    assert jnp.abs(changes["up.layer3.W"]).max() > 0
    assert jnp.abs(changes["up.layer1.W"]).max() < 1e-15


# -- circuits -------------------------------------------------------------------------------------------------


def test_convolutional_circuit_learns_without_tracing_again():
    net = convolutional(PATHWAYS["local_difference_reconstruction_ernoult"](iterations=(2, 1), noise=(0.4, 0.1)))
    traces = []

    @jax.jit
    def learn(tree, batch, key):
        traces.append(1)
        return net.learn(tree, batch, key)

    tree = net.read()
    for seed in range(2):
        outcome = learn(tree, trials(net, seed=seed), jax.random.key(seed))
        tree = tree | outcome.tree
    assert len(traces) == 1
    assert set(outcome.changes) == set(net.plastic)
    assert {value.dtype for value in outcome.changes.values()} == {jnp.dtype("float64")}
    assert not np.array_equal(tree["down.conv2.Q"], net.read()["down.conv2.Q"])


def test_single_precision_stays_single_in_every_state():
    nodes = architectures.pooling([2, 3, 4], side=4, classes=3)
    net = DualStream(*nodes, "local_difference_reconstruction_ernoult")
    outcome = net.learn(net.read(), trials(net, 3), KEY)
    found = {name: value.dtype for name, value in (outcome.tree | outcome.changes).items()}
    assert {name: kind for name, kind in found.items() if kind == jnp.float64} == {}


def test_trial_shows_targets_of_feedback_that_has_learned():
    net = dense(PATHWAYS["difference_target"](noise=0.5, optimizer=optax.sgd(0.5)))
    tree, batch = seeded(net), trials(net)
    course = net.trial(tree, batch, KEY)
    learned = tree | net.rehearse(tree, batch.inputs, KEY).tree
    electrode = Electrode()
    net.cycle(learned, batch, electrode)
    np.testing.assert_allclose(course["down.rate1.rate"][-1], electrode.readings["down.rate1.rate", "learning"])


@pytest.mark.parametrize("name", FAMILY)
def test_wrong_settings_are_refused(name):
    kind = PATHWAYS[name]
    with pytest.raises(CircuitError, match="must be positive, got 0"):
        kind(stepsize=0)
    if name in OWN:
        with pytest.raises(CircuitError, match="1 or more steps in a trial, got 0"):
            kind(iterations=0)
        with pytest.raises(CircuitError, match="got 3 values for 2 levels"):
            dense(kind(optimizer=(optax.sgd(1.0),) * 3))
    if name != "fixed_difference_target":
        with pytest.raises(CircuitError, match="cannot be negative, got -1"):
            kind(noise=-1.0)


def test_the_loss_that_is_divided_by_the_noise_needs_noise():
    with pytest.raises(CircuitError, match="wanted noise above 0, got 0"):
        PATHWAYS["difference_reconstruction_meulemans"](noise=0.0)


# -- standardisation ------------------------------------------------------------------------------------------


def test_standardisation_and_its_derivative():
    random = np.random.default_rng(0)
    h, error = (jnp.asarray(random.normal(size=(5, 3))) for _ in range(2))
    output, memory, _ = Standardise().forward({}, h, True)
    plain = np.asarray(h)
    np.testing.assert_allclose(output, (plain - plain.mean(0)) / plain.std(0, ddof=1), rtol=1e-10)
    written = Written({f"up.layer{n}.W": h for n in (1, 2, 3)}, SIZES, True)
    wanted = jax.grad(lambda h: jnp.sum(error * written.norm(h)))(h)
    np.testing.assert_allclose(Standardise().transposed(memory, error)[0], wanted, rtol=1e-9, atol=1e-12)


def test_a_constant_unit_is_silent_and_passes_no_error():
    h = jnp.asarray([[1.0, 2.0], [1.0, 3.0], [1.0, 5.0]])
    output, memory, _ = Standardise().forward({}, h, True)
    error = Standardise().transposed(memory, h)[0]
    assert not output[:, 0].any()
    assert not error[:, 0].any()
    assert jnp.isfinite(error).all()


def test_one_trial_cannot_be_standardised():
    net = dense("fixed_difference_target", standardised="hidden")
    with pytest.raises(CircuitError, match="needs several values a unit"):
        net.respond(net.read(), {"x": jnp.ones((1, 6))})


# -- published settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MEULEMANS)
def test_published_optimisers_move_both_streams(name):
    settings = MEULEMANS[name]
    net = DualStream(*architectures.dense_with_biases(SIZES), settings.stream, dtype=jnp.float64)
    tree, optimizer = net.read(), settings.optimizer()
    weights = {name: tree[name] for name in net.plastic}
    changes = net.learn(tree, trials(net), KEY).changes
    updates, _ = optimizer.update(changes, optimizer.init(weights), weights)
    for name, update in updates.items():
        assert update.any(), name
    first = jnp.abs(updates["up.layer3.W"]).max()  # Adam's first step has the size of its rate
    assert 0.5 < first * settings.stream.stepsize / settings.up.learning_rate <= 1


def test_published_convolutional_feedback_has_settings_for_every_level():
    levels = ernoult().levels(architectures.pooling()[0])
    assert len(levels) == len(ernoult().iterations) == len(ernoult().noise) == len(ernoult().optimizer) == 5
