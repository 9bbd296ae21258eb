"""KeRNL and DNI learn their own estimators: each step of that learning against its definition."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.recurrent.rules import STEP_RULES

from tests.unit.online_family_case import Point, forward, function, make_case, run

dni, kernl = STEP_RULES["dni"], STEP_RULES["kernl"]


@pytest.mark.parametrize("leak", ["after", "before"])
def test_kernl_descends_the_squared_error_of_its_prediction_of_the_twin(leak):
    case, steps, rate = make_case(leak), 6, 0.1
    n = case.start.size
    random = np.random.default_rng(3)
    kicks, sensitivity = jnp.asarray(random.standard_normal((steps, n))), jnp.asarray(random.standard_normal((n, n)))
    kernel_leak = jnp.linspace(0.2, 0.6, n)

    def twin_deviation():
        """Deviation after the last step, from two plain simulations; the noise of a step kicks the twin in the next."""
        own = twin = case.point
        for t in range(steps):
            memory = twin.memory + (kicks[t - 1] if t else 0)
            twin = Point(memory, memory if leak == "after" else function(case)(memory))
            own, twin = (forward(case.weights, case, point, case.x[t])[0] for point in (own, twin))
        return twin.memory - own.memory

    def prediction_error(sensitivity, kernel_leak):
        omega = sum((1 - kernel_leak) ** (steps - 1 - t) * kicks[t] for t in range(steps))
        return jnp.sum((sensitivity @ omega - twin_deviation()) ** 2) / 2

    cut = case._replace(x=case.x[:steps], target=case.target[:steps])
    still, learning = kernl(learning_rate=0.0), late_learner(rate, steps)
    start = {"A": sensitivity, "leak": kernel_leak}
    found = run(learning, cut, kicks, start)["memory"]
    before = run(still, cut, kicks, start)["memory"]
    np.testing.assert_array_equal(before["A"][-1], sensitivity)
    by_sensitivity, by_leak = jax.grad(prediction_error, argnums=(0, 1))(sensitivity, kernel_leak)
    np.testing.assert_allclose(found["A"][-1], sensitivity - rate * by_sensitivity, atol=1e-12)
    np.testing.assert_allclose(found["leak"][-1], kernel_leak - rate * by_leak, atol=1e-12)


def late_learner(rate, steps):
    """KeRNL that learns at the last of some steps alone."""
    still, learning = kernl(learning_rate=0.0), kernl(learning_rate=rate)

    def update(state, signals):
        inner = {name: value for name, value in state.items() if name != "step"}
        ways = [rule.update(inner, signals) for rule in (still, learning)]
        last = state["step"] == steps - 1
        memory, changes = jax.tree.map(lambda one, other: jnp.where(last, other, one), *ways)
        return {**memory, "step": state["step"] + 1}, changes

    def init(weights):
        return {**still.init(weights), "step": jnp.zeros((), jnp.int32)}

    return replace(still, update=update, init=init)


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
