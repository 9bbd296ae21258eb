"""The one driver of the online family: a scan over time with plasticity every step, every k steps or never."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.recurrent.dynamics import Neuron
from biocredit.circuits.recurrent.online_family.local_signals import (
    INCOMING,
    Point,
    advance,
    at_rest,
    local_signals,
    point_at,
    split,
    start,
)
from biocredit.circuits.recurrent.online_family.online_rule import OnlineRule
from biocredit.circuits.recurrent.readout import LOSSES, Loss, learning_signal, readout
from jaxtyping import Array, Float

#: Weights that learn.
PLASTIC = (*INCOMING, "W_out", "b_out")


class Moment(NamedTuple):
    """What one time step brought.

    point (state of the network), output [K], signals (what the rule saw), changes (gradient estimate, keyed and
    shaped like the plastic weights) and memory (the rule's state after the step).
    """

    point: Point
    output: jax.Array
    signals: dict[str, Any]
    changes: Tree
    memory: Tree


class Course(NamedTuple):
    """What a run carries from step to step, and what a later run goes on from.

    weights, state of the optimiser, point, memory (state of the rule), pending (changes summed since the last
    update) and step (number of steps taken).
    """

    weights: Tree
    optimizer: Any
    point: Point
    memory: Tree
    pending: Tree
    step: jax.Array


def moment(
    rule: OnlineRule,
    neuron: Neuron,
    course: Course,
    x: Float[Array, " n_in"],
    target: Float[Array, " K"],
    noise: jax.Array,
    loss: Loss = LOSSES["squared_error"],
) -> Moment:
    """Advance the network by one step and let the rule see it; no weight changes yet."""
    weights = course.weights
    now = advance(neuron, weights, course.point, x)
    output = readout(now.rate, weights["W_out"], weights["b_out"])
    error = loss.error(output, target)
    teaching = learning_signal(error, weights.get("feedback", weights["W_out"]))
    credit = neuron.leak.state_credit(teaching, now.gain)
    signals = local_signals(neuron, weights["W_rec"], course.point, now, x, credit)
    twin = {"advance": lambda memory: advance(neuron, weights, point_at(neuron, memory), x).memory}
    memory, changes = rule.update(course.memory, {**signals, **twin, "target": target, "noise": noise})
    changes = {**split(changes["incoming"]), "W_out": jnp.outer(now.rate, error), "b_out": error}
    return Moment(now, output, signals, changes, memory)


def begin(
    rule: OnlineRule,
    neuron: Neuron,
    weights: Tree,
    optimizer: optax.GradientTransformation,
    point: Point | None = None,
    memory: Tree | None = None,
) -> Course:
    """Start of a run.

    Parameters
    ----------
    rule, neuron
        How credit is assigned, and the neuron model of the network.
    weights
        ``W_rec`` [n, n], ``W_in`` [n_in, n], ``b_rec`` [n], ``W_out`` [n, K], ``b_out`` [K], all [pre, post] and
        plastic; for random feedback also the fixed ``feedback`` [n, K] that replaces ``W_out`` in the credit.
    optimizer
        Makes the step; ``optax.set_to_zero()`` keeps the weights frozen.
    point
        State of the network to start from; at rest if not given.
    memory
        State of the rule to start from; made by its ``init`` if not given.

    Raises
    ------
    CircuitError
        If a shape does not fit the recurrent weights.
    """
    check_weights(weights)
    neurons, dtype = weights["W_rec"].shape[0], weights["W_rec"].dtype
    point = at_rest(neurons, dtype) if point is None else point
    require(point.memory.shape == (neurons,), f"the initial state must be ({neurons},), got {point.memory.shape}")
    memory = start(rule, weights, neuron.keep) if memory is None else memory
    plastic = plastic_of(weights)
    idle = jax.tree.map(jnp.zeros_like, plastic)
    return Course(weights, optimizer.init(plastic), point, memory, idle, jnp.zeros((), jnp.int32))


def plastic_of(weights: Tree) -> Tree:
    """Weights without the fixed feedback."""
    return {name: weights[name] for name in PLASTIC}


def settle(course: Course, optimizer: optax.GradientTransformation) -> Course:
    """Hand the pending sum of changes to the optimiser; states and traces go on as they are."""
    plastic = plastic_of(course.weights)
    step, optimizer_state = optimizer.update(course.pending, course.optimizer, plastic)
    weights = {**course.weights, **optax.apply_updates(plastic, step)}
    idle = jax.tree.map(jnp.zeros_like, course.pending)
    return course._replace(weights=weights, optimizer=optimizer_state, pending=idle)


def drive(
    rule: OnlineRule,
    neuron: Neuron,
    course: Course,
    streams: tuple[Float[Array, "time n_in"], Float[Array, "time K"], Float[Array, "time ..."]],
    optimizer: optax.GradientTransformation,
    every: int = 1,
    keep: Callable[[Moment], Any] = lambda moment: moment.changes,
    loss: Loss = LOSSES["squared_error"],
) -> tuple[Course, Any]:
    """Run a network through time while it learns.

    Parameters
    ----------
    rule, neuron
        How credit is assigned, and the neuron model of the network.
    course
        From :func:`begin`, or from an earlier call to go on from there.
    streams
        Input, target, and the rule's noise, which ``rule.draw(key, time, n, dtype)`` makes.
    optimizer
        The same as given to :func:`begin`.
    every
        The changes are summed over this many steps (counted from ``begin``) and then handed to the optimiser.
    keep
        What of every :class:`Moment` is returned, stacked over time.
    loss
        Entry of ``LOSSES``.

    Returns
    -------
    Where the run has arrived, and what was kept with a leading time axis.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, optax
    >>> from biocredit.circuits.recurrent.dynamics import Neuron
    >>> from biocredit.circuits.recurrent.leak import LeakAfter
    >>> from biocredit.circuits.recurrent.online_family import begin, drive, uoro
    >>> rule, frozen = uoro(), optax.set_to_zero()
    >>> neuron = Neuron(jnp.float32(0.8), jnp.float32(0.0), jnp.tanh, LeakAfter)
    >>> shapes = {"W_rec": (3, 3), "W_in": (1, 3), "b_rec": (3,), "W_out": (3, 1), "b_out": (1,)}
    >>> weights = {name: jnp.full(shape, jnp.float32(0.2)) for name, shape in shapes.items()}
    >>> stream = jnp.ones((20, 1), jnp.float32)
    >>> streams = stream, 0 * stream, rule.draw(jax.random.key(0), 20, 3, jnp.float32)
    >>> course, changes = drive(rule, neuron, begin(rule, neuron, weights, frozen), streams, frozen)
    >>> changes["W_rec"].shape
    (20, 3, 3)
    """
    check_streams(course.weights, *streams, every)

    def step(course: Course, stream: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[Course, Any]:
        now = moment(rule, neuron, course, *stream, loss)
        pending = jax.tree.map(jnp.add, course.pending, now.changes)
        course = course._replace(point=now.point, memory=now.memory, pending=pending, step=course.step + 1)
        due = course.step % every == 0
        return jax.lax.cond(due, lambda c: settle(c, optimizer), lambda c: c, course), keep(now)

    return jax.lax.scan(step, course, streams)


def check_weights(weights: Tree) -> None:
    """Refuse weights that do not fit each other."""
    neurons, outputs, inputs = weights["W_rec"].shape[0], weights["W_out"].shape[-1], weights["W_in"].shape[0]
    wanted = {"W_rec": (neurons, neurons), "W_in": (inputs, neurons), "b_rec": (neurons,)}
    wanted |= {"W_out": (neurons, outputs), "b_out": (outputs,), "feedback": (neurons, outputs)}
    for name in wanted.keys() & weights.keys():
        got = weights[name].shape
        require(got == wanted[name], f"{name} must be {wanted[name]} for {neurons} neurons, got {got}")


def check_streams(weights: Tree, x: jax.Array, target: jax.Array, noise: jax.Array, every: int) -> None:
    """Refuse streams that fit neither each other nor the weights."""
    inputs, outputs = weights["W_in"].shape[0], weights["W_out"].shape[1]
    require(every >= 1, f"weights change every 1 or more steps, got every={every}")
    require(x.ndim == 2 and x.shape[1] == inputs, f"the input must be [time, {inputs}], got {x.shape}")
    require(target.shape[1:] == (outputs,), f"the target must be [time, {outputs}], got {target.shape}")
    for name, got in {"target": target, "noise": noise}.items():
        require(got.shape[:1] == x.shape[:1], f"{name} has {got.shape[:1]} time steps, the input {x.shape[:1]}")
