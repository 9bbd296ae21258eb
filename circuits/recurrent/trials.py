"""Batches of trials as a temporal circuit wants them: time first, a target and a weight for every step."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.errors import require
from biocredit.circuits.recurrent.ports import Ports
from biocredit.circuits.recurrent.readout import Goal, last_step


def stimulus(inputs: Mapping[str, jax.Array], ports: Ports, dtype: jnp.dtype) -> jax.Array:
    """Return the inputs as ``[time, trial, channel]``; finite numbers are demanded where values are known.

    Raises
    ------
    CircuitError
        For a wrong shape, a missing or unknown port, or values that are not finite.
    """
    values = ports.given(inputs, "input")
    for (name, channels), value in zip(ports.sizes.items(), values, strict=True):
        label = "input" if len(values) == 1 else f"input {name!r}"
        wanted = f"wanted [trial, time, {channels}]"
        shaped = value.ndim == 3 and value.shape[-1] == channels
        require(shaped, f"{label}: got shape {value.shape}, {wanted}{time_wanted(value)}")
        require(value.shape[1] > 0, f"{label}: got no time steps, {wanted}")
        require(value.shape[:2] == values[0].shape[:2], f"{label}: got shape {value.shape}, unlike the first input")
        _finite(value, label)
    parts = [jnp.asarray(value, dtype) for value in values]
    return (parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1)).swapaxes(0, 1)


def by_default(answer: str | int, steps: int, dtype: jnp.dtype) -> jax.Array:
    """Weights of the steps where the trials do not say which count."""
    if isinstance(answer, str):
        return last_step(steps, dtype) if answer == "last" else jnp.ones(steps, dtype)
    require(answer <= steps, f"answer: the last {answer} steps of a trial of {steps}")
    return (jnp.arange(steps) >= steps - answer).astype(dtype) / answer


def time_wanted(value: jax.Array) -> str:
    """What to say to a batch without time."""
    return ": the trials of this circuit have time" if value.ndim == 2 else ""


def goal(
    targets: Mapping[str, jax.Array],
    ports: Ports,
    classes: bool | None,
    answer: str | int,
    shape: tuple[int, int],
    dtype: jnp.dtype,
) -> Goal:
    """Return targets and weights of every step.

    Parameters
    ----------
    targets
        By readout: class numbers ``[trial]`` or ``[trial, time]``, or values ``[trial, time, output]``. An optional
        ``"when"`` ``[trial, time]`` (``"when.<readout>"`` for one of several) says with which weight each step counts;
        it is what counts, in place of the circuit's ``answer``. Where it is 0, targets mean nothing and may be NaN.
    ports, classes, answer
        Readouts, whether targets are class numbers (``None``: where they are integers), which steps count: ``"last"``,
        ``"every"``, or the mean over so many last ones.
    shape, dtype
        Number of time steps and trials, floating-point type.

    Raises
    ------
    CircuitError
        For a wrong shape, a class number out of range, values that are not finite where they count, and where no step
        counts.
    """
    steps, trials = shape
    arrays = ports.given(targets, "readout")
    default = by_default(answer, steps, dtype)
    found, whens = {}, {}
    for (name, outputs), target in zip(ports.sizes.items(), arrays, strict=True):
        when = targets.get(f"when.{name}", targets.get("when"))
        when = jnp.broadcast_to(default[:, None], (steps, trials)) if when is None else _when(when, shape, dtype)
        target = jnp.asarray(target)
        labels = jnp.issubdtype(target.dtype, jnp.integer) if classes is None else classes
        make = _labels if labels else _values
        found[name], whens[name] = make(target, outputs, when), when
    _something(whens)
    return Goal(found, whens)


def _when(when: jax.Array, shape: tuple[int, int], dtype: jnp.dtype) -> jax.Array:
    when = jnp.asarray(when, dtype)
    require(when.shape == shape[::-1], f"when: got shape {when.shape}, wanted [trial, time] = {shape[::-1]}")
    return when.swapaxes(0, 1)


def _something(whens: Mapping[str, jax.Array]) -> None:
    """Refuse trials none of whose steps counts, where values are known."""
    known = [np.asarray(when) for when in whens.values() if not isinstance(when, jax.core.Tracer)]
    empty = len(known) == len(whens) and not any(when.any() for when in known)
    require(not empty, "no step of any trial counts: 'when' is 0 everywhere")


def _values(target: jax.Array, outputs: int, when: jax.Array) -> jax.Array:
    steps = when.shape[0]
    wanted = f"wanted [trial, {steps}, {outputs}]"
    require(target.shape[1:] == (steps, outputs), f"target: got shape {target.shape}, {wanted}")
    counts = (when != 0)[..., None]
    target = jnp.where(counts, target.astype(when.dtype).swapaxes(0, 1), 0)
    _finite(target, "target")
    return target


def _labels(target: jax.Array, classes: int, when: jax.Array) -> jax.Array:
    steps = when.shape[0]
    shaped = target.ndim == 1 or (target.ndim == 2 and target.shape[1] == steps)
    require(shaped, f"labels: got shape {target.shape}, wanted [trial] or [trial, {steps}]")
    require(jnp.issubdtype(target.dtype, jnp.integer), f"labels: got {target.dtype}, wanted integers 0..{classes - 1}")
    target = jnp.broadcast_to(target[None], (steps, len(target))) if target.ndim == 1 else target.T
    target = jnp.where(when != 0, target, 0)
    if not isinstance(target, jax.core.Tracer):
        low, high = int(target.min()), int(target.max())
        require(low >= 0 and high < classes, f"labels: got {low}..{high}, wanted 0..{classes - 1}")
    return target


def _finite(value: jax.Array, what: str) -> None:
    if not isinstance(value, jax.core.Tracer):
        require(bool(np.isfinite(np.asarray(value)).all()), f"{what}: got values that are NaN or infinite")
