"""The driver of the online family and what every one of its rules must declare and keep to."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.recurrent.online_family import FAMILY, begin, drive, moment, rtrl
from biocredit.circuits.recurrent.online_family.local_signals import at_rest

from tests.unit.online_family_case import FROZEN, frozen_run, make_case, noise_for

ALL = sorted(FAMILY)


def learn(rule, case, every, optimizer, weights=None):
    """Run with plasticity from the beginning."""
    course = begin(rule, case.neuron, weights or case.weights, optimizer, case.point)
    return drive(rule, case.neuron, course, (case.x, case.target, noise_for(rule, case)), optimizer, every)


@pytest.mark.parametrize("name", ALL)
def test_declaration_is_complete(name):
    rule = FAMILY[name]()
    assert rule.name == name
    assert all([rule.signals, rule.memory, rule.operations, rule.citation])
    assert rule.exact or rule.exact_when


@pytest.mark.parametrize("name", ALL)
def test_rule_sees_only_the_declared_signals(name):
    case, rule = make_case(), FAMILY[name]()
    seen = set()

    class Watched(dict):
        def __getitem__(self, key):
            seen.add(key)
            return super().__getitem__(key)

    def spy(state, signals):
        return rule.update(state, Watched(signals))

    frozen_run(rule.__class__(**{**rule.__dict__, "update": spy}), case)
    assert seen == set(rule.signals)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(name, dtype):
    case = make_case(dtype=dtype)
    course, changes = learn(FAMILY[name](), case, 2, optax.sgd(1e-2))
    arrays = [*changes.values(), *course.weights.values(), *course.point]
    assert {array.dtype for array in arrays} == {jnp.dtype(dtype)}
    assert all(bool(jnp.isfinite(array).all()) for array in arrays)


@pytest.mark.parametrize("name", ALL)
def test_single_precision_follows_double(name):
    wide, narrow = (frozen_run(FAMILY[name](), make_case(dtype=dtype)) for dtype in (np.float64, np.float32))
    if name != "kernl":  # its kicks are drawn differently in the two precisions
        np.testing.assert_allclose(narrow, wide, atol=2e-4 * float(jnp.abs(wide).max()))


@pytest.mark.parametrize("name", ALL)
def test_no_second_trace_and_a_leading_axis_of_seeds(name):
    rule, optimizer, traces = FAMILY[name](), optax.sgd(1e-2), []
    cases = [make_case(seed=seed) for seed in (0, 1)]
    neuron = cases[0].neuron

    def run(weights, point, *streams):
        traces.append(0)
        course = begin(rule, neuron, weights, optimizer, point)
        return drive(rule, neuron, course, streams, optimizer, 2)

    arrays = [(case.weights, case.point, case.x, case.target, noise_for(rule, case)) for case in cases]
    single = jax.jit(run)
    alone = [single(*some) for some in arrays]
    assert len(traces) == 1
    together = jax.jit(jax.vmap(run))(*stack(arrays))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9), together, stack(alone))


def stack(trees):
    """Stack equal trees along a new leading axis."""
    return jax.tree.map(lambda *arrays: jnp.stack(arrays), *trees)


@pytest.mark.parametrize("name", ALL)
def test_updates_every_k_steps_equal_a_plain_loop(name):
    """The same run written as a Python loop over single steps, with the descent step written out."""
    case, rule, every, rate = make_case(time=7), FAMILY[name](), 3, 0.05
    noise = noise_for(rule, case)
    course, _ = learn(rule, case, every, optax.sgd(rate))
    see = jax.jit(lambda course, *now: moment(rule, case.neuron, course, *now))
    plain = begin(rule, case.neuron, case.weights, FROZEN, case.point)
    pending = {key: 0.0 for key in case.weights}
    for t in range(7):
        now = see(plain, case.x[t], case.target[t], noise[t])
        plain = plain._replace(point=now.point, memory=now.memory)
        pending = {key: pending[key] + now.changes[key] for key in pending}
        if (t + 1) % every == 0:
            plain = plain._replace(weights={key: plain.weights[key] - rate * pending[key] for key in pending})
            pending = {key: 0.0 for key in pending}
    for key, value in plain.weights.items():
        np.testing.assert_allclose(course.weights[key], value, atol=1e-12)
        np.testing.assert_allclose(course.pending[key], pending[key], atol=1e-12)


def test_a_run_in_two_pieces_is_the_whole_run():
    case, rule, optimizer = make_case(), FAMILY["uoro"](), optax.sgd(1e-2, momentum=0.9)
    whole, changes = learn(rule, case, 4, optimizer)
    course, parts = begin(rule, case.neuron, case.weights, optimizer, case.point), []
    for piece in (slice(0, 5), slice(5, None)):
        streams = tuple(stream[piece] for stream in (case.x, case.target, noise_for(rule, case)))
        course, part = drive(rule, case.neuron, course, streams, optimizer, 4)
        parts.append(part["W_rec"])
    np.testing.assert_allclose(jnp.concatenate(parts), changes["W_rec"], atol=1e-13)
    np.testing.assert_allclose(course.weights["W_rec"], whole.weights["W_rec"], atol=1e-13)


def test_frozen_weights_do_not_move_and_feedback_is_never_plastic():
    case, rule = make_case(), rtrl()
    feedback = jnp.ones_like(case.weights["W_out"])
    course, _ = learn(rule, case, 1, FROZEN)
    np.testing.assert_array_equal(course.weights["W_rec"], case.weights["W_rec"])
    course, _ = learn(rule, case, 1, optax.sgd(0.1), {**case.weights, "feedback": feedback})
    np.testing.assert_array_equal(course.weights["feedback"], feedback)
    assert not np.allclose(course.weights["W_out"], case.weights["W_out"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": jnp.zeros((9, 4))}, r"input must be \[time, 2\]"),
        ({"target": jnp.zeros((9, 2))}, r"target must be \[time, 3\]"),
        ({"target": jnp.zeros((8, 3))}, "target has .8,. time steps, the input .9,."),
        ({"point": at_rest(4, jnp.float64)}, "initial state must be"),
    ],
)
def test_bad_streams_get_one_clear_line(change, message):
    with pytest.raises(CircuitError, match=message):
        frozen_run(rtrl(), make_case()._replace(**change), noise=jnp.zeros((9, 0)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FAMILY["future_bptt"](horizon=0), "horizon must be 1"),
        (lambda: FAMILY["efficient_bptt"](horizon=-1), "horizon must be 1"),
        (lambda: FAMILY["dni"](every=0), "renewed every 1 or more"),
        (lambda: FAMILY["kernl"](sigma=0.0), "sigma of the perturbations"),
    ],
)
def test_bad_settings_get_one_clear_line(make, message):
    with pytest.raises(CircuitError, match=message):
        make()


def test_bad_weights_and_schedule_get_one_clear_line():
    case = make_case()
    with pytest.raises(CircuitError, match=r"feedback must be .5, 3. for 5 neurons, got .5, 2."):
        begin(rtrl(), case.neuron, {**case.weights, "feedback": jnp.zeros((5, 2))}, FROZEN)
    with pytest.raises(CircuitError, match="W_in must be"):
        begin(rtrl(), case.neuron, {**case.weights, "W_in": jnp.zeros((2, 4))}, FROZEN)
    with pytest.raises(CircuitError, match="every 1 or more steps, got every=0"):
        learn(rtrl(), case, 0, FROZEN)
