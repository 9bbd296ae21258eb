"""Losses at the top of a circuit: what target each takes, its unit, its error, and the scores that go with it.

Three kinds of target there are. *Classes*: a trial belongs to one of several, given as an integer label. *Labels*: each
output is right or wrong for itself, given as a row of 0 and 1. *Values*: any numbers, shaped like the output. Accuracy
is a score of classes, :math:`R^2` one of values. (``soft_cross_entropy`` also takes *probabilities* of classes: numbers
that add up to 1 in each trial. It has a name of its own, so that no other numbers are taken for probabilities unseen.)

A loss of one's own is a function ``f(output, target) -> [trial]``; JAX finds its error.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits.core.errors import CircuitError, choose, require
from jaxtyping import Array, Float, Shaped

Compare = Callable[[jax.Array, jax.Array], jax.Array]

KINDS = {
    "classes": "integer labels, one a trial",
    "labels": "a row of 0 and 1 a trial, one for each output",
    "probabilities": "a row of probabilities of the classes a trial",
    "values": "numbers shaped like the output",
}
"""Kinds of target, and what a target of each looks like."""


@dataclass(frozen=True)
class Loss:
    """A loss of outputs ``[..., unit]`` against targets of the same shape.

    Calling it, ``loss(output, target)``, gives the mean over trials (the leading axis) and its derivative with respect
    to the output.

    Parameters
    ----------
    name
        Name by which a user chooses it.
    value
        Loss of each trial (or step), a sum over the last axis: ``[...]``.
    error
        Derivative of ``value`` with respect to the output.
    takes
        Kinds of target, see :data:`KINDS`.
    unit
        Unit of the loss; empty for a number without unit or with that of the target.
    predict
        What the output says of the target: probabilities, or the output itself.
    class_weights
        Factor on a trial's loss for each class; none by default.
    """

    name: str
    value: Compare
    error: Compare
    takes: tuple[str, ...] = ("classes", "labels", "values")
    unit: str = ""
    predict: Callable[[jax.Array], jax.Array] = lambda output: output
    class_weights: tuple[float, ...] | None = None

    def __call__(
        self, output: Float[Array, "trial *unit"], target: Float[Array, "trial *unit"]
    ) -> tuple[Float[Array, ""], Float[Array, "trial *unit"]]:
        """Mean over trials, and its derivative with respect to the output."""
        flat, wanted = output.reshape(len(output), -1), target.reshape(len(target), -1)
        error = self.of_trials(self.error, flat, wanted) / len(output)
        return self.of_trials(self.value, flat, wanted).mean(), error.reshape(output.shape)

    def of_trials(self, part: Compare, output: jax.Array, target: jax.Array) -> jax.Array:
        """Loss (``self.value``) or error (``self.error``) of each trial, times the weight of its class."""
        found = part(output, target)
        if self.class_weights is None:
            return found
        given, units = len(self.class_weights), target.shape[-1]
        require(given == units, f"class_weights: got {given} for a readout of {units} classes")
        weight = target @ jnp.asarray(self.class_weights, target.dtype)
        return found * (weight[..., None] if found.ndim == target.ndim else weight)


def _cross_entropy(output: jax.Array, target: jax.Array) -> jax.Array:
    return optax.softmax_cross_entropy(output, target)


def _binary(output: jax.Array, target: jax.Array) -> jax.Array:
    return optax.sigmoid_binary_cross_entropy(output, target).sum(-1)


def _squared(output: jax.Array, target: jax.Array) -> jax.Array:
    return ((output - target) ** 2).sum(-1)


def _mean(compare: Compare) -> Compare:
    return lambda output, target: compare(output, target) / output.shape[-1]


def _times(factor: float, compare: Compare) -> Compare:
    return lambda output, target: factor * compare(output, target)


def _distance(output: jax.Array, target: jax.Array) -> jax.Array:
    return output - target


def _softmax_error(output: jax.Array, target: jax.Array) -> jax.Array:
    return jax.nn.softmax(output) - target


def _sigmoid_error(output: jax.Array, target: jax.Array) -> jax.Array:
    return jax.nn.sigmoid(output) - target


_CLASSES = {"takes": ("classes",), "unit": "nat", "predict": jax.nn.softmax}
_LABELS = {"takes": ("labels", "classes"), "unit": "nat", "predict": jax.nn.sigmoid}
_VALUES = {"takes": ("values", "classes")}

LOSSES: dict[str, Loss] = {
    one.name: one
    for one in (
        Loss("cross_entropy", _cross_entropy, _softmax_error, **_CLASSES),
        Loss(
            "soft_cross_entropy", _cross_entropy, _softmax_error, **{**_CLASSES, "takes": ("probabilities", "classes")}
        ),
        Loss("binary_cross_entropy", _binary, _sigmoid_error, **_LABELS),
        Loss("mean_binary_cross_entropy", _mean(_binary), _mean(_sigmoid_error), **_LABELS),
        Loss("half_squared_error", _times(0.5, _squared), _distance, **_VALUES),
        Loss("squared_error", _squared, _times(2, _distance), **_VALUES),
        Loss("mean_squared_error", _mean(_squared), _mean(_times(2, _distance)), **_VALUES),
    )
}
"""Softmax and sigmoid cross-entropies of logits, squared distances. Sums over outputs; ``mean_`` is a mean over them.
The published programs differ in the factor 1/2, so each has its name."""

RENAMED = {"squared": "half_squared_error", "mean_squared": "mean_squared_error", "summed_square": "squared_error"}
"""Names of the first edition."""


def loss_named(which: str | Loss | Compare, class_weights: Sequence[float] | None = None) -> Loss:
    """Return a loss by name, or make one of a function of one's own.

    Parameters
    ----------
    which
        A name in :data:`LOSSES`, or ``f(output, target) -> [trial]`` (a sum over the last axis) that JAX can
        differentiate; its target is shaped like the output, one-hot for classes.
    class_weights
        Factor on a trial's loss for each class; the loss is then the mean over trials of weight times loss.

    Raises
    ------
    CircuitError
        If there is none of that name; if a function returns anything but one number a trial.

    Examples
    --------
    >>> loss, error = loss_named("half_squared_error")(jnp.ones((1, 2)), jnp.zeros((1, 2)))
    >>> float(loss), error.tolist()
    (1.0, [[1.0, 1.0]])
    """
    if not isinstance(which, Loss):
        which = _own(which) if callable(which) else choose(_known(which), LOSSES, "loss")
    if class_weights is None:
        return which
    weights = tuple(map(float, class_weights))
    require(min(weights, default=0) >= 0 and sum(weights) > 0, f"class_weights cannot be negative, got {weights}")
    require("classes" in which.takes, f"class_weights need classes, which the loss {which.name!r} does not take")
    return replace(which, class_weights=weights, takes=("classes",))


def _known(name: str) -> str:
    if name in RENAMED:
        raise CircuitError(f"the loss {name!r} is now called {RENAMED[name]!r}")
    return name


@cache
def _own(function: Compare) -> Loss:
    name = getattr(function, "__name__", type(function).__name__)
    example = jax.ShapeDtypeStruct((2, 3), jnp.float32)
    found = getattr(jax.eval_shape(function, example, example), "shape", None)
    require(found == (2,), f"loss {name}: of outputs (2, 3) it made {found}, wanted one number a trial, (2,)")
    return Loss(name, function, jax.grad(lambda output, target: function(output, target).sum()))


# -- targets ---------------------------------------------------------------------------------------------------


def kind_of_target(loss: Loss, target: Shaped[Array, "..."], output: Shaped[Array, "... unit"]) -> str:
    """Say what kind of target this is for an output of this shape: a key of :data:`KINDS`.

    Raises
    ------
    CircuitError
        If the loss takes no target of this shape and type.
    """
    whole = jnp.issubdtype(target.dtype, jnp.integer) or jnp.issubdtype(target.dtype, jnp.bool_)
    trials, units = output.shape[:-1], output.shape[-1]
    one_each = target.shape in (trials, (*trials, 1))
    possible: tuple[str, ...] = ()
    if target.shape == output.shape:
        possible = ("labels", "values") if whole else ("values", "labels", "probabilities")
    if one_each and whole and units > 1:
        possible = ("classes",)
    elif one_each and units == 1:
        possible = ("labels", "values", "classes") if whole else ("values", "labels")
    fitting = [kind for kind in loss.takes if kind in possible]
    wanted = "; or ".join(KINDS[kind] for kind in loss.takes)
    other = [name for name, one in LOSSES.items() if set(one.takes) & set(possible)]
    wanted += f" (for such targets take loss={other[-1]!r})" if other and possible else ""
    got = f"target: got {target.dtype} of shape {target.shape} for an output of shape {output.shape}"
    require(bool(fitting), f"{got}; the loss {loss.name!r} wants {wanted}")
    return min(fitting, key=possible.index)


def as_target(
    target: Shaped[Array, "trial ..."], output: Float[Array, "trial *unit"], loss: str | Loss = "half_squared_error"
) -> Float[Array, "trial *unit"]:
    """Targets in the form of the output: integer labels of classes become one-hot rows.

    Labels of shape ``(trial, 1)`` are labels, too. Where values are known (not while JAX traces) they are checked.

    Raises
    ------
    CircuitError
        If the loss does not take such targets.

    Examples
    --------
    >>> as_target(jnp.array([1]), jnp.zeros((1, 2)))
    Array([[0., 1.]], dtype=float32)
    """
    loss = loss_named(loss)
    kind = kind_of_target(loss, target, output)
    check_values(kind, target, output.shape[-1])
    if kind == "classes":
        return jax.nn.one_hot(target.reshape(output.shape[:-1]), output.shape[-1], dtype=output.dtype)
    return jnp.asarray(target, output.dtype).reshape(output.shape)


def blank_target(loss: Loss, output: Float[Array, "trial *unit"]) -> Shaped[Array, "trial ..."]:
    """A target of zeros, of the first kind that the loss takes, for an output of this shape."""
    kind = loss.takes[0] if output.ndim == 2 else "values"
    shape = output.shape[:1] if kind == "classes" else output.shape
    return jnp.zeros(shape, jnp.int32 if kind in ("classes", "labels") else output.dtype)


def check_values(kind: str, target: Shaped[Array, "..."], units: int) -> None:
    """Refuse values that the kind of target excludes, where they are known: not while JAX traces."""
    if isinstance(target, jax.core.Tracer) or not target.size:
        return
    known = np.asarray(target)
    require(bool(np.isfinite(known).all()), "target: not all values are finite")
    low, high = known.min(), known.max()
    if kind == "classes":
        require(0 <= low <= high < units, f"labels: got {low} to {high}, wanted classes from 0 to {units - 1}")
    elif kind == "probabilities":
        rows = low >= 0 and np.allclose(known.sum(-1), 1, atol=1e-3)
        require(bool(rows), f"target: rows from {low:.3g} to {high:.3g}, wanted {KINDS[kind]}: none negative, sum 1")
    elif kind == "labels":
        require(0 <= low <= high <= 1, f"target: got values from {low:.3g} to {high:.3g}, wanted {KINDS['labels']}")


def suited(task: Any, readouts: Iterable[str], classes: str = "cross_entropy") -> str:
    """Name of the loss for what a task asks of these readouts: ``task.kind(readout)``, a key of :data:`KINDS`.

    Parameters
    ----------
    classes
        The loss where classes are asked for, or where the task does not say.
    """
    kinds = {task.kind(name) if hasattr(task, "kind") else "classes" for name in readouts}
    require(len(kinds) == 1, f"one circuit has one loss, the readouts {list(readouts)} ask for {sorted(kinds)}")
    return {"classes": classes, "labels": "binary_cross_entropy", "values": "mean_squared_error"}[kinds.pop()]
