"""Identities between descending streams, and their analytic limits."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.analysis.metrics.alignment import angle, norm_ratio
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.losses import as_target
from biocredit.circuits.dual_stream.ascending.stack import ascend, stages
from biocredit.circuits.dual_stream.ascending.stages import Convolution, Dense
from biocredit.circuits.dual_stream.pathways import OrthogonalProduct, Product, WeightMirror
from biocredit.circuits.dual_stream.schedules import momentum_sgd
from dual_stream_case import batch, dense, residual

BUILDS = pytest.mark.parametrize("build", [dense, residual], ids=["dense", "residual"])


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"):
        yield


def close(found, wanted, names=None):
    for name in names or wanted:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-9, atol=1e-13, err_msg=name)


def forward(changes):
    return {name: value for name, value in changes.items() if name.startswith("up.")}


@BUILDS
def test_transposed_is_the_gradient_of_the_loss(build):
    net = build("transposed")
    tree, one = net.read(), batch(net)

    def loss(weights):
        output = ascend(net.ascending, tree | weights, one.inputs["image"]).output
        return net.loss(output, as_target(one.targets["choice"], output))[0]

    close(net.cycle(tree, one).changes, jax.grad(loss)({name: tree[name] for name in net.plastic}))


@BUILDS
def test_random_feedback_equal_to_the_weights_is_the_gradient(build):
    net, exact = build("random"), build("transposed")
    tree, one = net.read(), batch(net)
    tied = {f"down.{path}.B": tree[f"up.{path}.W"] for path in stages(net.ascending)}
    close(net.cycle(tree | tied, one).changes, exact.cycle(tree, one).changes)


@BUILDS
def test_product_with_identity_is_kolen_pollack(build):
    product, pollack = build(Product(expansion=1)), build("kolen_pollack")
    tree, one = product.read(), batch(product)
    identity = {}
    for path, stage in stages(product.ascending).items():
        B = tree[f"down.{path}.B"]
        identity[f"down.{path}.B"] = jnp.eye(stage.outputs).reshape(B.shape)
    found = product.cycle(tree | identity, one).changes
    same = {f"down.{path}.B": tree[f"down.{path}.R"] for path in stages(product.ascending)}
    wanted = pollack.cycle(pollack.read() | same, one).changes
    close(forward(found), forward(wanted))
    for path in stages(product.ascending):
        np.testing.assert_allclose(found[f"down.{path}.R"], wanted[f"down.{path}.B"], rtol=1e-9, atol=1e-13)


@BUILDS
@pytest.mark.parametrize(
    "stream", [Product(expansion=3), OrthogonalProduct(expansion=2)], ids=["product", "orthogonal"]
)
def test_contraction_learns_the_expanded_change_of_the_weight(build, stream):
    """``change of R = B^T (change of W)``, at every kernel position."""
    net = build(stream)
    tree = net.read()
    changes = net.cycle(tree, batch(net)).changes
    for path in stages(net.ascending):
        B = tree[f"down.{path}.B"].reshape(tree[f"down.{path}.B"].shape[:2])
        expected = jnp.einsum("om,o...->m...", B, changes[f"up.{path}.W"])
        np.testing.assert_allclose(changes[f"down.{path}.R"], expected, rtol=1e-9, atol=1e-13)


@BUILDS
def test_the_order_of_the_products_does_not_matter(build):
    """With a probe on the intermediate population the products are taken as they are written."""
    net = build(Product(expansion=3))
    tree, one = net.read(), batch(net)
    written = net.cycle(tree, one, lambda name, phase, value: value + 0 if "intermediate" in name else value).changes
    close(net.cycle(tree, one).changes, written)


@pytest.mark.parametrize("stream", ["kolen_pollack", Product(expansion=3)], ids=["kolen-pollack", "product"])
def test_mismatch_decays_without_seeing_any_data(stream):
    """``v <- mu v + decay D``, ``D <- D - rate v``, whatever the batches were."""
    net = dense(stream)
    rate, momentum, decay = 0.1, 0.7, 0.2
    optimizer, tree = momentum_sgd(rate, momentum, decay), net.read()
    state = optimizer.init({name: tree[name] for name in net.plastic})

    def mismatch(tree):
        W = tree["up.layer2.W"]
        return (
            tree["down.layer2.B"] - W
            if "down.layer2.R" not in tree
            else tree["down.layer2.R"] - tree["down.layer2.B"].T @ W
        )

    D = mismatch(tree)
    v = jnp.zeros_like(D)
    for step in range(6):
        weights = {name: tree[name] for name in net.plastic}
        updates, state = optimizer.update(net.cycle(tree, batch(net, step)).changes, state, weights)
        tree = tree | optax.apply_updates(weights, updates)
        v = momentum * v + decay * D
        D = D - rate * v
    np.testing.assert_allclose(mismatch(tree), D, rtol=1e-12, atol=1e-14)


@BUILDS
def test_product_with_frozen_contraction_is_feedback_alignment(build):
    product, alignment = build(Product(expansion=4)), build("random")
    tree, one = product.read(), batch(product)
    effective = {f"down.{path}.B": B for path, B in product.effective_feedback(tree).items()}
    close(forward(product.cycle(tree, one).changes), alignment.cycle(alignment.read() | effective, one).changes)


def test_direct_feedback_to_one_hidden_layer_is_feedback_alignment():
    direct, alignment = dense("direct", sizes=(6, 5, 3)), dense("random", sizes=(6, 5, 3))
    tree = alignment.read()
    shared = {"down.layer2.B": tree["down.layer2.B"]}
    one = batch(direct)
    close(direct.cycle(direct.read() | shared, one).changes, alignment.cycle(tree, one).changes)


def test_direct_feedback_reaches_every_layer_from_the_output():
    net = dense("direct")
    tree, one = net.read(), batch(net)
    other = tree | {"down.layer3.B": 2.0 * tree["down.layer3.B"]}
    before, after = net.cycle(tree, one).changes, net.cycle(other, one).changes
    np.testing.assert_allclose(after["up.layer2.W"], 2.0 * before["up.layer2.W"])
    np.testing.assert_array_equal(after["up.layer1.W"], before["up.layer1.W"])


LIMITS = {"usf": (30.0, 1.0), "frsf": (np.degrees(np.arccos(0.75)), 1.0), "brsf": (np.degrees(np.arccos(0.75)), 1.0)}


@pytest.mark.parametrize("name", LIMITS)
def test_sign_concordant_feedback_starts_at_its_analytic_angle(name):
    """Uniform weights: cos = sqrt(3)/2 for one magnitude, 3/4 for an independent uniform one."""
    net = dense(name, sizes=(300, 200))
    tree = net.prepare(net.read(), jax.random.key(1))
    W, B = tree["up.layer1.W"], net.effective_feedback(tree)["layer1"]
    np.testing.assert_array_equal(jnp.sign(W), jnp.sign(B))
    np.testing.assert_allclose([angle(W, B), norm_ratio(B, W)], LIMITS[name], rtol=0.01)


def test_product_path_has_its_analytic_size_and_angle():
    """Fresh: |B R| / |W| = sqrt((n + i) / (rho n + i)); once R = B^T W: angle arccos(1 / sqrt(1 + 1 / rho))."""
    net = dense("product", sizes=(784, 256))
    tree = net.read()
    W, B = tree["up.layer1.W"], tree["down.layer1.B"]
    fresh = net.effective_feedback(tree)["layer1"]
    np.testing.assert_allclose(norm_ratio(fresh, W), np.sqrt((256 + 784) / (2560 + 784)), rtol=0.02)
    np.testing.assert_allclose(angle(W, fresh), 90, atol=1)
    aligned = net.effective_feedback(tree | {"down.layer1.R": B.T @ W})["layer1"]
    np.testing.assert_allclose(angle(W, aligned), np.degrees(np.arccos(1 / np.sqrt(1.1))), rtol=0.01)
    np.testing.assert_allclose(norm_ratio(aligned, W), np.sqrt(1.1), rtol=0.01)


def test_orthogonal_expansion_keeps_every_error():
    net = residual(OrthogonalProduct(expansion=2))
    for path in stages(net.ascending):
        B = net.read()[f"down.{path}.B"]
        B = B.reshape(B.shape[:2])
        np.testing.assert_allclose(B @ B.T, np.eye(len(B)), atol=1e-12)


def test_fresh_magnitudes_depend_on_the_key_alone_and_evaluation_draws_none():
    net = dense("brsf")
    tree = net.read()
    a, b, c = (net.prepare(tree, jax.random.key(k))["down.layer1.M"] for k in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert (a != c).all()
    assert a.min() >= 0
    assert a.max() <= np.sqrt(6 / 11)
    assert net.learn(tree, batch(net), jax.random.key(0)).tree.keys() == {f"down.layer{n}.M" for n in (1, 2, 3)}


@pytest.mark.parametrize(("transfer", "kappa"), [("linear", 1.0), ("relu", 0.5)])
def test_mirrored_weights_settle_at_the_predicted_multiple(transfer, kappa):
    """Fixed point (rate / decay) kappa sigma^2 W, without any look at W."""
    stream = WeightMirror(learning_rate=0.02, decay=0.01, sigma=0.5, batches=600, trials=64)
    net = dense(stream, sizes=(6, 5, 3), activation=transfer)
    tree = net.read() | {"up.layer1.b": jnp.full(5, 3.0)}
    mirrored = net.prepare(tree, jax.random.key(0))["down.layer1.B"]
    expected = 0.02 / 0.01 * kappa * 0.25 * tree["up.layer1.W"]
    assert angle(mirrored, expected) < 6
    np.testing.assert_allclose(norm_ratio(mirrored, expected), 1, atol=0.08)


@pytest.mark.parametrize("stage", [Dense(4, 3), Convolution(2, 3, 3, 2, 1, bias=True)], ids=["dense", "convolution"])
def test_one_mirror_step_is_the_hebbian_product(stage):
    from biocredit.circuits.dual_stream import DualStream

    shape = (4,) if isinstance(stage, Dense) else (5, 4, 2)
    net = DualStream(
        {"only": stage}, shape, WeightMirror(learning_rate=0.3, decay=0.1), loss="half_squared_error", dtype=jnp.float64
    )
    tree = net.read() | {"up.only.b": jnp.ones(3)}
    xi = jnp.asarray(np.random.default_rng(0).normal(size=(1, 7, *shape)))
    found = net.descending.mirror(net.ascending, tree, {"only": xi})["down.only.B"]
    response = stage.forward({"W": tree["up.only.W"], "b": jnp.zeros(3)}, xi[0])
    expected = 0.9 * tree["down.only.B"] + 0.3 / 7 * stage.local_product(response, xi[0])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: dense(Product(expansion=0.5)), "below 1"),
        (lambda: dense(Product(expansion=1.1)), "whole number"),
        (lambda: Product(sparsity=1.0), "sparsity"),
        (lambda: WeightMirror(sigma=0.0), "sigma"),
        (lambda: WeightMirror(learning_rate=-1.0), "negative"),
        (lambda: dense("kolen_polack"), "did you mean 'kolen_pollack'"),
    ],
)
def test_impossible_streams_are_refused_in_one_line(build, message):
    with pytest.raises(CircuitError, match=message):
        build()
