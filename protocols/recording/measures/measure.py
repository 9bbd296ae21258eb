"""What is measured in networks that have learned: a function of the finished run, once, into the trace."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from biocredit.protocols.training.protocol import Protocol


@dataclass(frozen=True)
class Measure:
    """One measurement of all networks of a run, stored under ``/learning``.

    Parameters
    ----------
    of
        ``of(run)`` returns arrays ``[seed, ...]`` by name.
    axes
        Names and coordinates of the axes after the seed: values, or ``(values, units, long_name)``.
    meaning
        What the values are.
    every
        Epochs from one measurement to the next, the one before learning included; only once, when the run is
        complete, by default. The axis of epochs follows the seed.
    """

    of: Callable[["Protocol"], Mapping[str, Any]]
    axes: Mapping[str, Any]
    meaning: str
    every: int | None = None


def psychometric_curve(largest: int, trials: int) -> Measure:
    """Measure the psychometric curve of the orientation task (eLife 2026, 15:e108237, appendix 2).

    Parameters
    ----------
    largest
        Orientations go from minus to plus this, in steps of one degree.
    trials
        Images of each orientation.
    """
    orientations = np.arange(-largest, largest + 1.0)

    def of(run: "Protocol") -> dict[str, np.ndarray]:
        key = jax.random.fold_in(jax.random.key(run.seeds[0]), len(orientations))

        def one(tree: Any) -> dict[str, jax.Array]:
            def respond(images: jax.Array) -> jax.Array:
                return next(iter(run.circuit.respond(tree, {"image": images}, **run.settings[0]).values()))

            return run.task.psychometric(respond, jnp.asarray(orientations), trials, key)

        found = jax.jit(lambda trees: jax.lax.map(one, trees))(run.tree)
        shape = (len(run.seeds), len(orientations))
        counts = {name: np.asarray(values, np.float64) for name, values in found.items()}
        return {f"psychometric.{name}": values for name, values in counts.items()} | {
            "psychometric.trials": np.full(shape, float(trials))
        }

    axis = (orientations, "degree", "orientation of the stimulus, clockwise positive")
    return Measure(of, {"orientation": axis}, "psychometric curve")
