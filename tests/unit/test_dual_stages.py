"""Stages and operations of dual streams: adjoints and derivatives are exact for every geometry."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.core.activations import ACTIVATIONS, activation
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.dual_stream.ascending.geometry import initial, input_shapes, output_shape
from biocredit.circuits.dual_stream.ascending.operations import BatchNorm, Flatten, Transfer, Unflatten
from biocredit.circuits.dual_stream.ascending.pooling import (
    AveragePool,
    GlobalAveragePool,
    MaxPool,
    Subsample,
    Upsample,
)
from biocredit.circuits.dual_stream.ascending.stack import Residual, ascend, descend
from biocredit.circuits.dual_stream.ascending.stages import Convolution, Dense, bias_product
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"):
        yield


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=25, deadline=None)
@given(kernel=pairs, stride=pairs, dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)), extra=pairs, pad=pairs)
def test_convolution_three_products_are_one_number(kernel, stride, dilation, extra, pad):
    """``<conv(h, K), d> = <h, adjoint(K, d)> = <K, local product(d, h)>``, remainders of the stride included."""
    padding = tuple(p - 1 for p in pad)
    stage = Convolution(2, 3, kernel, stride, padding, dilation)
    field = [d * (k - 1) + 1 + e for d, k, e in zip(dilation, kernel, extra, strict=True)]
    h, K = normal(0, 2, *field, 2), normal(1, 3, 2, *kernel)
    z = stage.forward({"W": K}, h)
    delta = normal(2, *z.shape)
    back, product = stage.adjoint(K, delta, h.shape), stage.local_product(delta, h)
    assert back.shape == h.shape
    assert product.shape == K.shape
    np.testing.assert_allclose(jnp.vdot(h, back), jnp.vdot(z, delta), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(jnp.vdot(K, product), jnp.vdot(z, delta), rtol=1e-10, atol=1e-10)


def test_convolution_forward_is_the_sum_it_says():
    stage = Convolution(2, 3, (2, 3), stride=(2, 1), padding=(1, 2), dilation=(1, 2), bias=True)
    h, K, b = normal(0, 1, 5, 6, 2), normal(1, 3, 2, 2, 3), normal(2, 3)
    z = stage.forward({"W": K, "b": b}, h)
    padded = np.pad(np.asarray(h), ((0, 0), (1, 1), (2, 2), (0, 0)))
    i, j, o = 2, 3, 1
    taps = [(a, c, k) for a in range(2) for c in range(3) for k in range(2)]
    expected = b[o] + sum(K[o, k, a, c] * padded[0, 2 * i + a, j + 2 * c, k] for a, c, k in taps)
    np.testing.assert_allclose(z[0, i, j, o], expected, rtol=1e-12)


def test_rows_that_no_window_reaches_receive_nothing():
    stage = Convolution(1, 1, 2, stride=2)
    back = stage.adjoint(jnp.ones((1, 1, 2, 2)), jnp.ones((1, 2, 2, 1)), (1, 5, 5, 1))
    np.testing.assert_array_equal(back[0, 4], 0)
    np.testing.assert_array_equal(back[0, :, 4], 0)
    np.testing.assert_array_equal(back[0, :4, :4], 1)


def test_dense_products_are_one_number():
    stage, h, K, delta = Dense(4, 3), normal(0, 5, 4), normal(1, 3, 4), normal(2, 5, 3)
    z = stage.forward({"W": K, "b": jnp.zeros(3)}, h)
    np.testing.assert_allclose(jnp.vdot(h, stage.adjoint(K, delta, h.shape)), jnp.vdot(z, delta))
    np.testing.assert_allclose(jnp.vdot(K, stage.local_product(delta, h)), jnp.vdot(z, delta))
    np.testing.assert_allclose(bias_product(delta), delta.sum(0))


OPERATIONS = {
    "batch norm": (BatchNorm(), (5, 4, 3)),
    "batch norm of units": (BatchNorm(), (7,)),
    "batch norm without scale": (BatchNorm(affine=False), (5, 4, 3)),
    "flatten": (Flatten(), (3, 4, 2)),
    "unflatten": (Unflatten((3, 4, 2)), (24,)),
    "max pool": (MaxPool(), (6, 7, 2)),
    "max pool, overlapping": (MaxPool(3, 2, 1), (7, 8, 2)),
    "average pool": (AveragePool(3, 2, 1), (7, 8, 2)),
    "global average": (GlobalAveragePool(), (4, 5, 3)),
    "upsample": (Upsample(3), (2, 3, 2)),
    "subsample": (Subsample(2, 4), (5, 6, 2)),
    **{f"transfer {name}": (Transfer(name), (6,)) for name in sorted(set(ACTIVATIONS) - {"sign"})},
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_transposes_its_jacobian(name):
    """Against finite differences along a random direction, for the input and for the parameters."""
    operation, shape = OPERATIONS[name]
    drawn = operation.initial(np.random.default_rng(0), shape)
    parameters = {k: jnp.asarray(v) + 0.1 * normal(9, *v.shape) for k, v in drawn.items()}
    h, step = normal(1, 3, *shape), 1e-6
    output, memory, _ = operation.forward(parameters, h, True)
    error = normal(2, *output.shape)
    below, changes = operation.transposed(memory, error)

    def loss(parameters, h):
        return jnp.vdot(operation.forward(parameters, h, True)[0], error)

    along = normal(3, *h.shape)
    slope = (loss(parameters, h + step * along) - loss(parameters, h - step * along)) / (2 * step)
    np.testing.assert_allclose(jnp.vdot(below, along), slope, rtol=1e-7, atol=1e-8)
    assert set(changes) == set(operation.plastic)
    for k, change in changes.items():
        along = normal(4, *change.shape)
        ends = [loss(parameters | {k: parameters[k] + s * step * along}, h) for s in (1, -1)]
        np.testing.assert_allclose(jnp.vdot(change, along), (ends[0] - ends[1]) / (2 * step), rtol=1e-7, atol=1e-8)


def test_pools_agree_with_reduce_window():
    h = normal(0, 2, 7, 8, 3)
    dims = {
        "window_dimensions": (1, 3, 3, 1),
        "window_strides": (1, 2, 2, 1),
        "padding": [(0, 0), (1, 1), (1, 1), (0, 0)],
    }
    np.testing.assert_array_equal(MaxPool(3, 2, 1)(h), lax.reduce_window(h, -jnp.inf, lax.max, **dims))
    np.testing.assert_allclose(AveragePool(3, 2, 1)(h), lax.reduce_window(h, 0.0, lax.add, **dims) / 9, atol=1e-14)


def test_max_pool_sends_the_error_of_a_tie_to_the_first():
    _, memory, _ = MaxPool().forward({}, jnp.zeros((1, 2, 2, 1)), True)
    back, _ = MaxPool().transposed(memory, jnp.ones((1, 1, 1, 1)))
    np.testing.assert_array_equal(back[0, ..., 0], [[1, 0], [0, 0]])


def test_slope_at_a_corner_is_the_smaller_one():
    for name in ("relu", "hard_sigmoid"):
        assert activation(name).slope(jnp.zeros(1))[0] == 0
        assert activation(name).closed_slope(jnp.zeros(1))[0] == 1


def test_running_statistics_are_unbiased_and_used_outside_training():
    norm, h = BatchNorm(momentum=1.0), normal(0, 50, 3)
    parameters = {k: jnp.asarray(v) for k, v in norm.initial(np.random.default_rng(0), (3,)).items()}
    _, _, running = norm.forward(parameters, h, True)
    np.testing.assert_allclose(running["running_var"], np.var(np.asarray(h), axis=0, ddof=1), rtol=1e-12)
    output, _, none = norm.forward(parameters | running, h, False)
    expected = (h - np.mean(h, 0, keepdims=True)) / np.sqrt(np.var(np.asarray(h), axis=0, ddof=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(output, expected, rtol=1e-12)
    assert not none


def test_unflatten_undoes_flatten_and_flatten_puts_channels_first():
    h = normal(0, 2, 3, 4, 5)
    np.testing.assert_array_equal(Unflatten((3, 4, 5))(Flatten()(h)), h)
    np.testing.assert_array_equal(Flatten()(h)[0, :12].reshape(3, 4), h[0, :, :, 0])


STACK = {
    "conv": Convolution(3, 4, 3, (2, 3), (1, 2), (2, 1), bias=True),
    "bn": BatchNorm(),
    "rate": Transfer("elu"),
    "block": Residual(
        {"conv1": Convolution(4, 8, 3, 2, 1), "bn1": BatchNorm(), "rate1": Transfer("tanh")},
        {"shortcut": Subsample(2, 4)},
    ),
    "same": Residual({"conv2": Convolution(8, 8, 3, 1, 1)}),
    "pool": MaxPool(3, 1, 1),
    "up": Upsample(2),
    "mean": AveragePool(),
    "flatten": Flatten(),
    "readout": Dense(72, 5),
}


def test_stack_with_its_own_weights_is_the_gradient():
    shape = (11, 13, 3)
    tree = {k: jnp.asarray(v) for k, v in initial(STACK, input_shapes(STACK, shape), np.random.default_rng(0)).items()}
    x, error = normal(1, 4, *shape), normal(2, 4, 5)

    def own(path, stage, delta, h):
        changes = {f"up.{path}.{k}": v for k, v in stage.changes(delta, h).items()}
        return stage.adjoint(tree[f"up.{path}.W"], delta, h.shape), changes

    ascent = ascend(STACK, tree, x)
    below, changes = descend(STACK, ascent.memory, error, own)
    gradient = jax.grad(lambda tree, x: jnp.vdot(ascend(STACK, tree, x).output, error), argnums=(0, 1))(tree, x)
    np.testing.assert_allclose(below, gradient[1], rtol=1e-9, atol=1e-12)
    assert set(changes) == {name for name in tree if "running" not in name}
    for name, change in changes.items():
        np.testing.assert_allclose(change, gradient[0][name], rtol=1e-9, atol=1e-11, err_msg=name)


def test_shapes_are_followed_through_blocks():
    assert input_shapes(STACK, (11, 13, 3))["block.shortcut"] == (5, 5, 4)
    assert output_shape(STACK, (11, 13, 3)) == (5,)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: input_shapes({"a": Dense(3, 2), "b": Dense(4, 2)}, (3,)), "b: got 2 inputs or channels, wanted 4"),
        (lambda: input_shapes({"r": Residual({"a": Dense(3, 2)})}, (3,)), "they cannot be added"),
        (lambda: Residual({"a": Dense(3, 3)}, {"a": Dense(3, 3)}), "share the names"),
        (lambda: Convolution(3, 4, kernel=0), "at least 1"),
        (lambda: Convolution(3, 4, padding=-1), "negative"),
        (lambda: MaxPool(5)(jnp.zeros((1, 3, 3, 1))), "does not fit"),
        (lambda: Transfer("rleu"), "did you mean 'relu'"),
        (lambda: BatchNorm(affine=False).forward({}, jnp.zeros((1, 3)), True), "several values a channel"),
        (lambda: Subsample(2, 3), "even number"),
    ],
)
def test_bad_geometry_is_refused_in_one_line(build, message):
    with pytest.raises(CircuitError, match=message):
        build()
