"""Scores: what tells how good a readout is, by the kind of its target.

Accuracy is a score of classes, exact and mean accuracy and the area under the curve are scores of labels, explained
variance and mean squared error are scores of values; see :mod:`biocredit.circuits.core.losses` for the kinds.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from biocredit.circuits.core.losses import Loss, as_target, kind_of_target
from jaxtyping import Array, Float, Num

SCORES = {
    "loss": "",
    "accuracy": "fraction",
    "exact_accuracy": "fraction",
    "label_accuracy": "fraction",
    "auc": "fraction",
    "r2": "fraction of the variance",
    "mean_squared_error": "",
}
"""Scores by name, with their units; the unit of the loss is :attr:`Loss.unit`."""


def score(
    loss: Loss, outputs: Mapping[str, jax.Array], targets: Mapping[str, jax.Array]
) -> dict[str, Float[Array, ""]]:
    """Score readouts: the loss, summed over readouts, and what tells how good each one is.

    Parameters
    ----------
    loss
        Decides what kinds of target there are.
    outputs
        ``[trial, unit]`` by name (or images ``[trial, row, column, channel]``).
    targets
        By the same names, as a task gives them or shaped like the outputs.

    Returns
    -------
    dict
        ``"loss"``; for classes ``"accuracy"``; for labels ``"exact_accuracy"`` (all labels of a trial right),
        ``"label_accuracy"`` and ``"auc"`` (means over labels); for values ``"r2"`` and ``"mean_squared_error"``.
        Names end in ``".<readout>"`` where there are several.
    """
    found: dict[str, jax.Array] = {}
    losses = []
    for name, output in outputs.items():
        kind, target = kind_of_target(loss, targets[name], output), as_target(targets[name], output, loss)
        own = {"loss": loss(output, target)[0], **OF_KIND[kind](loss, output, target)}
        losses.append(own["loss"])
        found |= own if len(outputs) == 1 else {f"{key}.{name}": value for key, value in own.items()}
    return {"loss": sum(losses)} | found


def accuracy(output: Num[Array, "... unit"], target: Num[Array, "... unit"]) -> Float[Array, ""]:
    """Fraction of trials whose largest output is the largest target."""
    return (output.argmax(-1) == target.argmax(-1)).mean(dtype=output.dtype)


def area_under_curve(output: Float[Array, "trial label"], target: Float[Array, "trial label"]) -> Float[Array, ""]:
    """Probability that a trial with a label gets a larger output than one without it, mean over labels.

    Labels that all trials have, or none, do not count; without any other the area is 1/2. Ties count half (the
    statistic of Mann and Whitney).

    Examples
    --------
    >>> float(area_under_curve(jnp.array([[0.1], [0.4], [0.4], [0.9]]), jnp.array([[0.0], [0.0], [1.0], [1.0]])))
    0.875
    """

    def of_label(values: jax.Array, present: jax.Array) -> tuple[jax.Array, jax.Array]:
        ordered = jnp.sort(values)
        below, upto = (jnp.searchsorted(ordered, values, side=side) for side in ("left", "right"))
        rank = (below + upto + 1).astype(values.dtype) / 2
        positive = present.sum()
        pairs = positive * (len(present) - positive)
        larger = jnp.sum(rank * present) - positive * (positive + 1) / 2
        return larger / jnp.where(pairs > 0, pairs, 1), pairs > 0

    areas, counts = jax.vmap(of_label, in_axes=1)(output, (target > 0.5).astype(output.dtype))
    return jnp.where(counts.any(), jnp.sum(areas, where=counts) / jnp.maximum(counts.sum(), 1), 0.5)


def _of_classes(loss: Loss, output: jax.Array, target: jax.Array) -> dict[str, jax.Array]:
    return {"accuracy": accuracy(output, target)}


def _of_labels(loss: Loss, output: jax.Array, target: jax.Array) -> dict[str, jax.Array]:
    right = (loss.predict(output) > 0.5) == (target > 0.5)
    exact, each = right.all(-1).mean(dtype=output.dtype), right.mean(dtype=output.dtype)
    return {"exact_accuracy": exact, "label_accuracy": each, "auc": area_under_curve(output, target)}


def _of_values(loss: Loss, output: jax.Array, target: jax.Array) -> dict[str, jax.Array]:
    """Mean squared error, and one minus the squared error over that of the mean target of every output."""
    missed, around = (loss.predict(output) - target) ** 2, (target - target.mean(0, keepdims=True)) ** 2
    total = around.sum()
    explained = 1 - missed.sum() / jnp.where(total > 0, total, 1)
    return {"r2": jnp.where(total > 0, explained, 0), "mean_squared_error": missed.mean()}


OF_KIND = {"classes": _of_classes, "probabilities": _of_classes, "labels": _of_labels, "values": _of_values}
"""What is scored besides the loss, by kind of target."""
