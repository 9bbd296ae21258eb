"""What is recorded, said in one place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.errors import CircuitError, nearest


class Signals(Mapping):
    """The named signals of one update, for a function that reduces them on the device.

    ``signals["V1.error"]`` is the signal in the last phase in which it appeared; ``signals["V1.rate", "inference"]``
    asks for a phase.
    """

    def __init__(self, readings: Mapping[tuple[str, str], jax.Array]):
        self._readings = dict(readings)
        self._last = {name: value for (name, _), value in self._readings.items()}

    def __getitem__(self, name: str | tuple[str, str]) -> jax.Array:
        table = self._last if isinstance(name, str) else self._readings
        if name not in table:
            raise CircuitError(f"no signal {name!r}: {nearest(str(name), self._last)}")
        return table[name]

    def __iter__(self):
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)


@dataclass(frozen=True)
class Record:
    """One thing to record while a protocol runs.

    Parameters
    ----------
    of
        A weight array (``"V1.W_rec"``: stored under ``/weights``), a variable of the dynamics (``"V1.rate"``: its time
        course over a trial, for the probe stimuli, under ``/activity``), or a function of :class:`Signals` that is
        reduced on the device at every update and averaged over the epoch (under ``/learning``).
    every
        Epochs from one record to the next; epoch 0 is before learning (weights and activity only).
    when
        Phase of the trial that is kept; the whole trial by default. Only for variables of the dynamics.
    name
        Name of what a function returns.
    units
        Units of what a function returns.
    """

    of: str | Callable[[Signals], jax.Array]
    every: int = 1
    when: str | None = None
    name: str = ""
    units: str = "1"

    def __post_init__(self) -> None:
        if self.every < 1:
            raise CircuitError(f"a record is taken every 1 or more epochs, got every={self.every}")
        if callable(self.of) and not self.name:
            raise CircuitError("a record of a function needs a name: Record(of=function, name=...)")

    @property
    def label(self) -> str:
        """Name in the trace."""
        return self.name or str(self.of)

    def kind(self, circuit: Circuit) -> str:
        """Return ``"signal"``, ``"weights"`` or ``"activity"``.

        Raises
        ------
        CircuitError
            If the circuit has nothing of that name.
        """
        if callable(self.of):
            return "signal"
        weights, activity = circuit.read(), circuit.variables()
        if self.of in weights:
            return "weights"
        if self.of in activity:
            return "activity"
        raise CircuitError(f"cannot record {self.of!r}: {nearest(self.of, [*activity, *weights])}")


def amplitude(signal: str, phase: str | None = None) -> Record:
    """Record the mean absolute value of a signal over trials and neurons, for every epoch."""
    key: Any = signal if phase is None else (signal, phase)
    return Record(of=lambda signals: jnp.mean(jnp.abs(signals[key])), name=f"amplitude.{signal}")
