"""Which interventions a circuit cannot undergo: refused in one line, before anything runs."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch, Circuit
from biocredit.circuits.core.errors import CircuitError, nearest, require
from biocredit.circuits.core.passages import Passages, union
from biocredit.protocols.interventions.apply import idle
from biocredit.protocols.interventions.declare import Delay, Freeze, Intervention, parts, several
from biocredit.protocols.tasks.task import Task

#: The phase in which a circuit whose weights change by themselves shows what they are about to change by.
PLASTICITY = "plasticity"


def check(
    interventions: Intervention | Iterable[Intervention],
    circuit: Circuit,
    batch: Batch | None = None,
    settings: Sequence[Mapping[str, Any]] = ({},),
) -> None:
    """Refuse an intervention that acts on nothing in this circuit, or at no time of it.

    Parameters
    ----------
    interventions, circuit
        What is to be done to whom.
    batch
        Trials of the task, or their shapes. Without it the length of a trial is not known, and the circuit's own
        example is evaluated.
    settings
        Settings of the phases, of each pass through the task.

    Raises
    ------
    CircuitError
        With the nearest valid name, phase, or what is wrong with the time.
    """
    done = several(interventions)
    if not done:
        return
    passing = union(*(circuit.probed(batch, **one) for one in settings))
    for one in done:
        _check_target(one, circuit)
        if one.window.within_trial:
            _check_clock(one, circuit)
        reached = _check_reach(one, circuit, passing)
        if one.window.within_trial:
            _check_time(one, circuit, reached, circuit.duration(batch) if batch is not None else None)
        if isinstance(one, Delay):
            least = f"wanted at least a step of {circuit.dt:g} ms"
            require(one.steps(circuit.dt) >= 1, f"cannot {one.describe()}: {least}")


def _check_target(one: Intervention, circuit: Circuit) -> None:
    if not one.names(circuit):
        known = [*circuit.synapses, *circuit.derived(), *circuit.signals(), *parts(circuit)]
        raise CircuitError(f"nothing to {one.describe()}: {nearest(one.target, known)}")


def _check_clock(one: Intervention, circuit: Circuit) -> None:
    kind = type(circuit).__name__
    require(circuit.clocked, f"{kind} has no time within a trial: cannot {one.describe()}")
    require(not isinstance(one, Freeze), f"weights change by updates, not within a trial: cannot {one.describe()}")


def _check_reach(one: Intervention, circuit: Circuit, passing: Passages) -> Passages:
    """Return the passages that it acts on, by name; there must be some, also in its phase."""
    if isinstance(one, Freeze):
        require(one.window.phase is None, f"plasticity has no phases: cannot {one.describe()}")
        if not circuit.self_changing:
            return {}
    reached = {name: _meant(one, passing.get(signal, {})) for name, signal in one.signals(circuit).items()}
    reached = {name: phases for name, phases in reached.items() if phases}
    kind, phase = type(circuit).__name__, one.window.phase
    if not reached:
        valid = [name for name, signal in type(one)("*").signals(circuit).items() if passing.get(signal)]
        raise CircuitError(
            f"cannot {one.describe()}: nothing in this {kind} depends on it; {nearest(one.target, valid)}"
        )
    if phase is None:
        return reached
    known = {each for phases in passing.values() for each in phases} - {PLASTICITY}
    require(phase in known, f"unknown phase {phase!r} of {kind}: {nearest(phase, known)}")
    here = {name: {phase: phases[phase]} for name, phases in reached.items() if phase in phases}
    there = ", ".join(sorted({each for phases in reached.values() for each in phases}))
    require(bool(here), f"cannot {one.describe()}: it matters in the phases {there} only")
    return here


def _meant(one: Intervention, phases: Mapping[str, bool]) -> dict[str, bool]:
    return {phase: timed for phase, timed in phases.items() if isinstance(one, Freeze) == (phase == PLASTICITY)}


def _check_time(one: Intervention, circuit: Circuit, reached: Passages, duration: float | None) -> None:
    """Refuse a window in which no step lies, and one on something that does not know the step."""
    for name, phases in reached.items():
        for phase, timed in phases.items():
            line = f"{name} acts on the whole of the {phase} phase, not at a time of the trial"
            require(timed, f"cannot {one.describe()}: {line}")
    window = one.window
    if window.before is not None:
        some = np.ceil(window.before / circuit.dt - 1e-6) > np.ceil(window.after / circuit.dt - 1e-6)
        require(bool(some), f"cannot {one.describe()}: no step of {circuit.dt:g} ms lies in between")
    if duration is not None:
        late = max(window.after + circuit.dt, window.before or 0)
        require(late <= duration + 1e-6, f"cannot {one.describe()}: a trial lasts {duration:g} ms")


def check_on_task(
    interventions: Sequence[Intervention], circuit: Circuit, task: Task, settings: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse an intervention that acts on nothing, or at no time, when this circuit does this task; see :func:`check`.

    One that could act, but finds nothing to change in real trials, gives a warning, once.

    Parameters
    ----------
    interventions, circuit, task
        What is to be done to whom, doing what.
    settings
        Settings of the phases, of each pass through the task.
    """
    if interventions:
        trials = jnp.zeros(min(2, task.n_train), jnp.int32)
        batch = jax.eval_shape(task.draw, task.arrays, trials, jax.random.key(0))
        check(interventions, circuit, batch, settings)
        for line in finds_nothing(interventions, circuit, task, settings):
            warnings.warn(line, stacklevel=4)


#: So many training trials are tried.
TRIED = 16


def finds_nothing(
    interventions: Sequence[Intervention], circuit: Circuit, task: Task, settings: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Say which interventions change nothing in real trials, because what they act on is zero wherever they act.

    Only those whose moment the task decides are tried: in a part of the trial, or on modulators and receptors. Weights
    that are zero now may grow.

    Parameters
    ----------
    interventions, circuit, task, settings
        As in :func:`check_on_task`.

    Returns
    -------
    list
        A line each.
    """
    chemicals = set(circuit.signals())
    tried = [one for one in interventions if one.window.within_trial or chemicals & set(one.names(circuit))]
    if tried:
        index = jnp.arange(min(TRIED, task.n_train), dtype=jnp.int32)
        batch = task.draw(jax.tree.map(jnp.asarray, task.arrays), index, jax.random.key(0))
    for one in settings:
        tried = idle(tried, circuit, circuit.read(), batch, jax.random.key(1), **one) if tried else []
    return [f"{one.describe()}: changes nothing, {_zero(one)} is zero there" for one in tried]


def _zero(one: Intervention) -> str:
    return "the modulator" if one.target.startswith("receptor") else "what it acts on"
