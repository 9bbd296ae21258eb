"""What is recorded, said in one place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.errors import CircuitError, nearest, require


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
class Cut:
    """Which part of the time course of a variable is kept.

    Parameters
    ----------
    of
        The variable.
    start, stop, every
        First step of the trial, first one that is left out again, steps from one that is kept to the next.
    neurons
        Numbers of the neurons; all by default.
    """

    of: str
    start: int | None = None
    stop: int | None = None
    every: int = 1
    neurons: tuple[int, ...] | None = None

    @property
    def steps(self) -> slice:
        """Steps of the trial that are kept."""
        return slice(self.start, self.stop, self.every)

    def of_course(self, course: jax.Array) -> jax.Array:
        """Return the part of ``course`` ``[time, trial, neuron]`` that is kept."""
        kept = course[self.steps]
        return kept if self.neurons is None else kept[..., jnp.asarray(self.neurons)]


@dataclass(frozen=True)
class Record:
    """One thing to record while a protocol runs.

    Parameters
    ----------
    of
        A weight array (``"V1.W_rec"``: stored under ``/weights``), a variable of the dynamics (``"V1.rate"``: its time
        course over a trial, for the probe stimuli, under ``/activity``; ``"cells.spike"``: spikes as events), or a
        function of :class:`Signals` that is reduced on the device at every update and averaged over the epoch (under
        ``/learning``).
    every
        Epochs from one record to the next; epoch 0 is before learning (weights and activity only). The last epoch of
        a run is always recorded.
    when
        Phase of the trial that is kept; the whole trial by default. Only for variables of the dynamics.
    name
        Name of what a function returns, or of the group under ``/activity`` (the population by default).
    units
        Units of what a function returns.
    neurons
        Numbers of the neurons that are kept; all by default. Only for variables of the dynamics.
    every_steps
        Time steps from one that is kept to the next. Only for variables of the dynamics.

    Raises
    ------
    CircuitError
        If a part of it says nothing.
    """

    of: str | Callable[[Signals], jax.Array]
    every: int = 1
    when: str | None = None
    name: str = ""
    units: str = "1"
    neurons: Sequence[int] | None = None
    every_steps: int = 1

    def __post_init__(self) -> None:
        require(_whole(self.every), f"a record is taken every 1 or more epochs, got every={self.every}")
        require(_whole(self.every_steps), f"a record keeps every 1 or more steps, got every_steps={self.every_steps}")
        if self.neurons is not None:
            chosen = tuple(np.asarray(self.neurons).ravel().tolist())
            proper = all(type(one) is int and one >= 0 for one in chosen) and len(set(chosen)) == len(chosen) > 0
            require(proper, f"neurons are chosen by different numbers from 0 on, got {self.neurons!r}")
            object.__setattr__(self, "neurons", tuple(sorted(chosen)))
        require(not callable(self.of) or bool(self.name), "a record of a function needs a name: Record(of=f, name=...)")

    @property
    def label(self) -> str:
        """Name in the trace."""
        return self.name or str(self.of)

    @property
    def group(self) -> str:
        """Group under ``/activity`` to which it belongs."""
        return self.name or self.of.rpartition(".")[0] or self.of

    def kind(self, circuit: Circuit) -> str:
        """Return ``"signal"``, ``"weights"`` or ``"activity"``.

        Raises
        ------
        CircuitError
            If the circuit has nothing of that name, or the thing does not have what is asked of it.
        """
        kind = "signal" if callable(self.of) else "weights" if self.of in circuit.read() else "activity"
        if kind == "activity":
            valid = [*circuit.variables(), *circuit.read()]
            require(self.of in valid, f"cannot record {self.of!r}: {nearest(str(self.of), valid)}")
            require(self.units == "1", f"the units of {self.of!r} are the circuit's: leave out units={self.units!r}")
            whole = self.every_steps == 1 or self.of not in circuit.spikes()
            require(whole, f"{self.of!r} is kept spike by spike: leave out every_steps={self.every_steps}")
            return kind
        asked = {
            "when": self.when is not None,
            "neurons": self.neurons is not None,
            "every_steps": self.every_steps > 1,
        }
        asked |= {"units": kind == "weights" and self.units != "1", "name": kind == "weights" and bool(self.name)}
        for word, given in asked.items():
            require(not given, f"a record of {'a function' if kind == 'signal' else 'weights'} has no {word}")
        return kind

    def cut(self, circuit: Circuit, settings: Mapping[str, Any]) -> Cut:
        """Return which part of the variable's time course is kept, under these settings of the phases."""
        phase = circuit.stretch(self.when, **settings)
        return Cut(self.of, phase.start, phase.stop, self.every_steps, self.neurons)


def _whole(number: Any) -> bool:
    return isinstance(number, int | np.integer) and not isinstance(number, bool) and number >= 1


def amplitude(signal: str, phase: str | None = None) -> Record:
    """Record the mean absolute value of a signal over trials and neurons, for every epoch."""
    return Record(of=MeanAmplitude(signal, phase), name=f"amplitude.{signal}")


@dataclass(frozen=True)
class MeanAmplitude:
    """Mean absolute value of a signal over trials and neurons.

    Parameters
    ----------
    signal, phase
        Name of the signal, and the phase in which it counts; the last one by default.
    """

    signal: str
    phase: str | None = None

    def __call__(self, signals: Signals) -> jax.Array:
        """Reduce the signal on the device."""
        return jnp.mean(jnp.abs(signals[self.signal if self.phase is None else (self.signal, self.phase)]))
