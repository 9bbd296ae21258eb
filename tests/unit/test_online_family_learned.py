"""KeRNL and DNI learn their own estimators: each step of that learning against its definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.recurrent.online_family import (
    Point,
    begin,
    dni,
    drive,
    kernl,
    start,
)

from tests.unit.online_family_case import FROZEN, forward, make_case


@pytest.mark.parametrize("leak", ["after", "before"])
def test_kernl_descends_the_squared_error_of_its_prediction_of_the_twin(leak):
    case, steps, rate = make_case(leak), 6, 0.1
    n = case.point.rate.size
    random = np.random.default_rng(3)
    kicks, sensitivity = jnp.asarray(random.standard_normal((steps, n))), jnp.asarray(random.standard_normal((n, n)))
    kernel_leak = jnp.linspace(0.2, 0.6, n)

    def twin_deviation():
        """Deviation after the last step, from two plain simulations; the noise of a step kicks the twin in the next."""
        own = twin = case.point
        for t in range(steps):
            memory = twin.memory + (kicks[t - 1] if t else 0)
            twin = Point(memory, memory if leak == "after" else case.neuron.transfer(memory), twin.gain)
            own, twin = (forward(case.weights, case, point, case.x[t])[0] for point in (own, twin))
        return twin.memory - own.memory

    def prediction_error(sensitivity, kernel_leak):
        omega = sum((1 - kernel_leak) ** (steps - 1 - t) * kicks[t] for t in range(steps))
        return jnp.sum((sensitivity @ omega - twin_deviation()) ** 2) / 2

    still, learning = kernl(learning_rate=0.0), kernl(learning_rate=rate)
    memory = {**start(still, case.weights, case.neuron.keep), "A": sensitivity, "leak": kernel_leak}
    course = begin(still, case.neuron, case.weights, FROZEN, case.point, memory)
    streams = case.x[:steps], case.target[:steps], kicks
    course, _ = drive(still, case.neuron, course, tuple(stream[:-1] for stream in streams), FROZEN)
    course, _ = drive(learning, case.neuron, course, tuple(stream[-1:] for stream in streams), FROZEN)
    by_sensitivity, by_leak = jax.grad(prediction_error, argnums=(0, 1))(sensitivity, kernel_leak)
    np.testing.assert_allclose(course.memory["A"], sensitivity - rate * by_sensitivity, atol=1e-12)
    np.testing.assert_allclose(course.memory["leak"], kernel_leak - rate * by_leak, atol=1e-12)


def still_signals(credit: jax.Array) -> dict[str, jax.Array]:
    """A neuron population at rest: Jacobian one half, the same credit at every step."""
    n = credit.size
    zero = jnp.zeros(n)
    return {
        "previous": zero,
        "state": zero,
        "jacobian": jnp.eye(n) / 2,
        "gain": jnp.ones(n),
        "regressor": jnp.ones(2),
        "credit": credit,
        "target": jnp.zeros(1),
    }


def test_dni_converges_to_the_discounted_future_credit():
    """With J = 1/2 and credit q at every step the credit of now and later is q (1 + 1/2 + 1/4 + ...) = 2 q."""
    credit = jnp.asarray([1.0, -2.0, 0.5])
    rule, signals = dni(learning_rate=0.3, every=2), still_signals(credit)
    state = rule.init({"incoming": jnp.zeros((3, 2)), "readout": jnp.zeros((1, 3))})
    for _ in range(150):
        state, changes = rule.update(state, signals)
    np.testing.assert_allclose(changes["incoming"], jnp.outer(2 * credit, jnp.ones(2)), rtol=1e-6)
    assert float(state["loss"]) < 1e-10


def test_dni_renews_its_slow_copy_only_at_every_kth_step():
    rule, signals = dni(learning_rate=0.3, every=3), still_signals(jnp.ones(3))
    state = rule.init({"incoming": jnp.zeros((3, 2)), "readout": jnp.zeros((1, 3))})
    for step in range(1, 7):
        old, (state, _) = state, rule.update(state, signals)
        renewed = step % 3 == 0
        np.testing.assert_array_equal(state["frozen"], state["A"] if renewed else old["frozen"])
