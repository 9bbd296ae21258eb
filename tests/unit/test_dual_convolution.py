"""The two forms of a convolution are one function, with one transpose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.flops import product_operations
from biocredit.circuits.dual_stream.ascending.convolution import as_one, convolve, sum_over_places
from hypothesis import given, settings
from hypothesis import strategies as st

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


@settings(max_examples=15, deadline=None)
@given(kernel=pairs, stride=pairs, dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)), extra=pairs, pad=pairs)
def test_both_forms_are_one_function(kernel, stride, dilation, extra, pad):
    padding = tuple(p - 1 for p in pad)
    field = [d * (k - 1) + 1 + e for d, k, e in zip(dilation, kernel, extra, strict=True)]
    h, K = normal(0, 2, *field, 2), normal(1, 3, 2, *kernel)
    geometry = (stride, padding, dilation)
    ours, xla = sum_over_places(h, K, *geometry), as_one(h, K, *geometry)
    np.testing.assert_allclose(ours, xla, rtol=1e-12, atol=1e-13)
    delta = normal(2, *xla.shape)
    for argument in (0, 1):
        back = [
            jax.vjp(lambda *pair, form=form: form(*pair, *geometry), h, K)[1](delta)[argument]
            for form in (sum_over_places, as_one)
        ]
        np.testing.assert_allclose(*back, rtol=1e-12, atol=1e-12)


def test_both_forms_count_the_same_operations():
    h, K = normal(0, 2, 9, 8, 3), normal(1, 5, 3, 3, 3)
    geometry = ((2, 1), (1, 1), (1, 1))
    counts = {product_operations(lambda h, K, f=form: f(h, K, *geometry), h, K) for form in (sum_over_places, as_one)}
    assert counts == {2 * (2 * 5 * 8) * 5 * 27}


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_the_type_stays(dtype):
    h, K = normal(0, 2, 5, 5, 3).astype(dtype), normal(1, 4, 3, 3, 3).astype(dtype)
    assert convolve(h, K, (1, 1), (1, 1), (1, 1)).dtype == dtype


def test_a_kernel_that_does_not_fit():
    with pytest.raises(CircuitError, match="does not fit"):
        sum_over_places(normal(0, 1, 2, 2, 1), normal(1, 1, 1, 3, 3), (1, 1), (0, 0), (1, 1))
