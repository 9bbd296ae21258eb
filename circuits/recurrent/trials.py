"""Batches of trials as a rate network wants them: time first, a target and a weight for every step."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import require
from biocredit.circuits.recurrent.readout import last_step


def only(arrays: Mapping[str, jax.Array], what: str) -> jax.Array:
    """Return the one array of a mapping (a mask called ``"when"`` does not count)."""
    names = [name for name in arrays if name != "when"]
    require(len(names) == 1, f"a rate network has one {what}, got {names}")
    return arrays[names[0]]


def stimulus(inputs: Mapping[str, jax.Array], channels: int, dtype: jnp.dtype) -> jax.Array:
    """Return the input as ``[time, trial, channel]``; finite numbers are demanded where values are known.

    Raises
    ------
    CircuitError
        For a wrong shape or values that are not finite.
    """
    value = only(inputs, "input")
    wanted = f"wanted [trial, time, {channels}]"
    require(value.ndim == 3 and value.shape[-1] == channels, f"input: got shape {value.shape}, {wanted}")
    require(value.shape[1] > 0, f"input: got no time steps, {wanted}")
    _finite(value, "input")
    return jnp.asarray(value, dtype).swapaxes(0, 1)


def goal(
    batch: Batch, outputs: int, classes: bool, last: bool, steps: int, dtype: jnp.dtype
) -> tuple[jax.Array, jax.Array]:
    """Return targets and weights of every step, ``[time, trial, ...]``.

    Parameters
    ----------
    batch
        Targets are class numbers ``[trial]`` or ``[trial, time]``, or values ``[trial, time, output]``; an optional
        ``targets["when"]`` ``[trial, time]`` says where the readout counts.
    outputs, classes, last
        Number of outputs, whether targets are class numbers, whether only the last step counts.
    steps, dtype
        Number of time steps, floating-point type.

    Raises
    ------
    CircuitError
        For a wrong shape, a class number out of range, values that are not finite.
    """
    target = jnp.asarray(only(batch.targets, "readout"))
    if classes:
        target = _labels(target, outputs, steps)
    else:
        wanted = f"wanted [trial, {steps}, {outputs}]"
        require(target.shape[1:] == (steps, outputs), f"target: got shape {target.shape}, {wanted}")
        _finite(target, "target")
        target = target.astype(dtype).swapaxes(0, 1)
    trials = target.shape[1]
    when = last_step(steps, dtype) if last else jnp.ones(steps, dtype)
    when = jnp.broadcast_to(when[:, None], (steps, trials))
    if "when" in batch.targets:
        when = when * jnp.asarray(batch.targets["when"], dtype).swapaxes(0, 1)
    return target, when


def _labels(target: jax.Array, classes: int, steps: int) -> jax.Array:
    shaped = target.ndim == 1 or (target.ndim == 2 and target.shape[1] == steps)
    require(shaped, f"labels: got shape {target.shape}, wanted [trial] or [trial, {steps}]")
    require(jnp.issubdtype(target.dtype, jnp.integer), f"labels: got {target.dtype}, wanted integers 0..{classes - 1}")
    if not isinstance(target, jax.core.Tracer):
        values = np.asarray(target)
        low, high = values.min(), values.max()
        require(low >= 0 and high < classes, f"labels: got {low}..{high}, wanted 0..{classes - 1}")
    return jnp.broadcast_to(target[None], (steps, len(target))) if target.ndim == 1 else target.T


def _finite(value: jax.Array, what: str) -> None:
    if not isinstance(value, jax.core.Tracer):
        require(bool(np.isfinite(np.asarray(value)).all()), f"{what}: got values that are NaN or infinite")
