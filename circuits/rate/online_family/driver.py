"""The one driver of the online family: a scan over time with plasticity every step, every k steps or never."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from circuits.errors import require
from circuits.rate.online_family.online_rule import OnlineRule
from circuits.rate.online_family.substrate import Substrate
from circuits.rule import Tree


class Moment(NamedTuple):
    """What one time step brought.

    state [n], output [K], error [K] (d loss / d output), credit [n] (d loss / d state as the feedback weights tell
    it), changes (gradient estimate keyed like the plastic weights) and memory (the rule's state after the step).
    """

    state: jax.Array
    output: jax.Array
    error: jax.Array
    credit: jax.Array
    changes: Tree
    memory: Tree


class Course(NamedTuple):
    """What a run carries from step to step, and what the next run of the same network starts from."""

    weights: Tree
    optimizer: Any
    state: jax.Array
    memory: Tree
    pending: Tree
    step: jax.Array


def difference(output: jax.Array, target: jax.Array) -> jax.Array:
    """Error of the loss 0.5 ||output - target||^2."""
    return output - target


def moment(
    rule: OnlineRule,
    substrate: Substrate,
    course: Course,
    x: Float[Array, " n_in"],
    target: Float[Array, " K"],
    noise: jax.Array,
    error_of: Callable[[jax.Array, jax.Array], jax.Array] = difference,
) -> Moment:
    """Advance the network by one step and let the rule see it; no weight changes yet.

    The readout ``output = readout rate + bias`` learns by its exact gradient under every rule.
    """
    weights, previous = course.weights, course.state
    state, jacobian, gain, regressor = substrate.move(weights["incoming"], previous, x)
    rate, slope = substrate.emit(state)
    output = weights["readout"] @ rate + weights["bias"]
    error = error_of(output, target)
    credit = slope * (error @ weights.get("feedback", weights["readout"]))
    signals = {
        "previous": previous,
        "state": state,
        "jacobian": jacobian,
        "gain": gain,
        "regressor": regressor,
        "credit": credit,
        "target": target,
        "decay": jnp.broadcast_to(substrate.decay, state.shape),
        "advance": lambda other: substrate.move(weights["incoming"], other, x).state,
        "noise": noise,
    }
    memory, changes = rule.update(course.memory, signals)
    changes = {**changes, "readout": jnp.outer(error, rate), "bias": error}
    return Moment(state, output, error, credit, changes, memory)


def begin(
    rule: OnlineRule,
    weights: Tree,
    optimizer: optax.GradientTransformation,
    state: Float[Array, " n"] | None = None,
    memory: Tree | None = None,
) -> Course:
    """Start of a run.

    Parameters
    ----------
    weights
        ``incoming`` [n, m], ``readout`` [K, n], ``bias`` [K], all plastic; and, for random feedback, the fixed
        ``feedback`` [K, n] that takes the place of the readout in the credit.
    optimizer
        Makes the step; ``optax.set_to_zero()`` keeps the weights frozen.
    state
        Initial state; zero if not given.
    memory
        Initial state of the rule; ``rule.init(weights)`` if not given.

    Raises
    ------
    CircuitError
        If the shapes of the weights or of the state do not fit together.
    """
    neurons, outputs = weights["incoming"].shape[0], weights["readout"].shape[0]
    wanted = {"readout": (outputs, neurons), "feedback": (outputs, neurons), "bias": (outputs,)}
    for name in wanted.keys() & weights.keys():
        got = weights[name].shape
        require(got == wanted[name], f"{name} weights must be {wanted[name]} for {neurons} neurons, got {got}")
    state = jnp.zeros_like(weights["incoming"][:, 0]) if state is None else state
    require(state.shape == (neurons,), f"the initial state must be ({neurons},), got {state.shape}")
    plastic = plastic_of(weights)
    memory = rule.init(weights) if memory is None else memory
    idle = jax.tree.map(jnp.zeros_like, plastic)
    return Course(weights, optimizer.init(plastic), state, memory, idle, jnp.zeros((), jnp.int32))


def plastic_of(weights: Tree) -> Tree:
    """Weights without the fixed feedback."""
    return {name: value for name, value in weights.items() if name != "feedback"}


def settle(course: Course, optimizer: optax.GradientTransformation) -> Course:
    """Hand the pending sum of changes to the optimiser; states and traces go on as they are."""
    plastic = plastic_of(course.weights)
    step, optimizer_state = optimizer.update(course.pending, course.optimizer, plastic)
    weights = {**course.weights, **optax.apply_updates(plastic, step)}
    idle = jax.tree.map(jnp.zeros_like, course.pending)
    return course._replace(weights=weights, optimizer=optimizer_state, pending=idle)


def drive(
    rule: OnlineRule,
    substrate: Substrate,
    course: Course,
    x: Float[Array, "time n_in"],
    target: Float[Array, "time K"],
    noise: Float[Array, "time ..."],
    optimizer: optax.GradientTransformation,
    every: int = 1,
    keep: Callable[[Moment], Any] = lambda moment: moment.changes,
    error_of: Callable[[jax.Array, jax.Array], jax.Array] = difference,
) -> tuple[Course, Any]:
    """Run a network through time while it learns.

    Parameters
    ----------
    rule, substrate
        How credit is assigned, and in which network.
    course
        From :func:`begin`, or from an earlier call to go on from there.
    noise
        Explicit noise of the rule, one slice a step; ``rule.draw(key, time, n, dtype)`` makes it.
    optimizer
        The same as given to :func:`begin`.
    every
        The changes are summed over this many steps (counted from ``begin``) and then handed to the optimiser.
    keep
        What of every :class:`Moment` is returned, stacked over time.

    Returns
    -------
    Where the run has arrived, and what was kept with a leading time axis.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, optax
    >>> from circuits.rate.online_family import begin, drive, state_after_nonlinearity, uoro
    >>> rule, frozen = uoro(), optax.set_to_zero()
    >>> weights = {"incoming": jnp.ones((3, 5)) / 9, "readout": jnp.ones((1, 3)), "bias": jnp.zeros(1)}
    >>> noise = rule.draw(jax.random.key(0), 20, 3, jnp.float32)
    >>> x, target = jnp.ones((20, 1)), jnp.zeros((20, 1))
    >>> course = begin(rule, weights, frozen)
    >>> course, changes = drive(rule, state_after_nonlinearity(0.2, jnp.tanh), course, x, target, noise, frozen)
    >>> changes["incoming"].shape
    (20, 3, 5)
    """
    check_streams(course.weights, x, target, noise, every)

    def step(course: Course, stream: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[Course, Any]:
        now = moment(rule, substrate, course, *stream, error_of)
        pending = jax.tree.map(jnp.add, course.pending, now.changes)
        course = course._replace(state=now.state, memory=now.memory, pending=pending, step=course.step + 1)
        due = course.step % every == 0
        return jax.lax.cond(due, lambda c: settle(c, optimizer), lambda c: c, course), keep(now)

    return jax.lax.scan(step, course, (x, target, noise))


def check_streams(weights: Tree, x: jax.Array, target: jax.Array, noise: jax.Array, every: int) -> None:
    """Refuse streams that fit neither each other nor the weights."""
    (neurons, regressors), outputs = weights["incoming"].shape, weights["readout"].shape[0]
    require(every >= 1, f"weights change every 1 or more steps, got every={every}")
    for name, got in {"target": target, "noise": noise}.items():
        require(got.shape[:1] == x.shape[:1], f"{name} has {got.shape[:1]} time steps, the input {x.shape[:1]}")
    fits = x.ndim == 2 and regressors - neurons - x.shape[1] in (0, 1)
    wanted = f"[time, {regressors - neurons - 1}] (with a bias) or [time, {regressors - neurons}]"
    require(fits, f"the input must be {wanted} for incoming weights {weights['incoming'].shape}, got {x.shape}")
    require(target.shape[1:] == (outputs,), f"the target must be [time, {outputs}], got {target.shape}")
