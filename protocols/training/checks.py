"""What a protocol is asked for, taken as it is meant or refused in one line."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optax
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.errors import nearest
from biocredit.protocols.tasks.task import PARTS, Task
from biocredit.protocols.training.checkpoint import RunError

#: Optimisers that may be named; the learning rate is then the usual one of this program.
OPTIMIZERS = ("adabelief", "adagrad", "adam", "adamax", "adamw", "lamb", "lion", "nadam", "radam", "rmsprop", "sgd")

#: Learning rate where none is said.
LEARNING_RATE = 1e-3

#: What happens after a run was stopped by a signal and saved.
ON_INTERRUPT = ("raise", "return")


def as_optimizer(given: Any) -> optax.GradientTransformation:
    """Return the optax transformation that is meant: itself, a name, a learning rate (of Adam), or None for Adam.

    Raises
    ------
    RunError
        For anything else.

    Examples
    --------
    >>> as_optimizer("sgd").update({"W": 1.0}, as_optimizer("sgd").init({"W": 1.0}))[0]["W"]
    -0.001
    """
    if given is None or isinstance(given, str):
        name = given or "adam"
        if name not in OPTIMIZERS:
            raise RunError(f"unknown optimizer {name!r}: {nearest(name, OPTIMIZERS)}, or any optax transformation")
        return getattr(optax, name)(LEARNING_RATE)
    if isinstance(given, int | float | np.number) and not isinstance(given, bool):
        if not (np.isfinite(given) and given >= 0):
            raise RunError(f"a learning rate is a finite number, 0 or more, got {given}")
        return optax.adam(float(given))
    if not (callable(getattr(given, "init", None)) and callable(getattr(given, "update", None))):
        raise RunError(f"optimizer must be an optax transformation, a name or a learning rate, got {given!r}")
    return given


def as_several(given: Any, kind: type, what: str, named: Callable[[str], Any] | None = None) -> tuple:
    """Return a tuple of things of one kind; a lone one counts as a list of one, and a name as what it stands for.

    Raises
    ------
    RunError
        If something else is among them.
    """
    if given is None:
        return ()
    things = (given,) if isinstance(given, kind | str) else given
    if not isinstance(things, Sequence):
        raise RunError(f"{what} must be {kind.__name__} objects, got {given!r}")
    made = tuple(named(one) if named and isinstance(one, str) else one for one in things)
    for one in made:
        if not isinstance(one, kind):
            raise RunError(f"{what} must be {kind.__name__} objects, got {one!r}")
    return made


def as_seeds(given: Any, first: int) -> tuple[int, ...]:
    """Return the seeds: so many from ``first`` on, or the ones given.

    Raises
    ------
    RunError
        If there are none, or one twice.

    Examples
    --------
    >>> as_seeds(3, 5)
    (5, 6, 7)
    """
    if whole(given):
        if given < 1:
            raise RunError(f"seeds must be 1 or more networks, or a list of seeds, got {given}")
        return tuple(range(first, first + int(given)))
    if isinstance(given, str | Mapping) or not hasattr(given, "__len__"):
        raise RunError(f"seeds must be a number of networks or a list of seeds, got {given!r}")
    seeds = tuple(np.asarray(given).tolist()) if len(given) else ()
    if not seeds or not all(whole(seed) and 0 <= seed < 2**31 for seed in seeds):
        raise RunError(f"seeds must be a number of networks or a list of whole numbers from 0 on, got {given!r}")
    if len(set(seeds)) < len(seeds):
        twice = next(seed for seed in seeds if seeds.count(seed) > 1)
        raise RunError(f"seeds must differ, got {twice} twice: the same network would count as two")
    return seeds


def as_parts(given: Any) -> tuple[str, ...]:
    """Return which parts of a task are scored."""
    parts = (given,) if isinstance(given, str) else tuple(given)
    for part in parts:
        if part not in PARTS:
            raise RunError(f"cannot evaluate {part!r}: {nearest(str(part), PARTS)}")
    return parts


def check_part(task: Task, part: str) -> int:
    """Return the number of trials of a part of a task; refuse a part that has none."""
    count = task.count(part)
    if count < 1:
        raise RunError(f"task {task.name!r} has no {part} trials to score")
    return count


def whole(number: Any) -> bool:
    """Whether something is a whole number."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def check_epochs(epochs: Any, something_else: bool) -> int:
    """Refuse a number of epochs that is none, or 0 where nothing else would be done.

    Raises
    ------
    RunError
        In one line.
    """
    if not whole(epochs) or epochs < 0:
        raise RunError(f"epochs must be a whole number, 1 or more, got {epochs!r}")
    if epochs == 0 and not something_else:
        raise RunError("0 epochs without a trace or measures do nothing: use test() to score, or record= a trace")
    return int(epochs)


def check_interrupt(word: str) -> None:
    """Refuse an unknown way to end."""
    if word not in ON_INTERRUPT:
        raise RunError(f"unknown on_interrupt {word!r}: valid are {', '.join(map(repr, ON_INTERRUPT))}")


def check_settings(circuit: Circuit, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse a setting that the circuit's phases do not have."""
    for name in settings:
        if name not in circuit.phase_settings:
            valid = nearest(name, circuit.phase_settings) if circuit.phase_settings else "this circuit has none"
            raise RunError(f"unknown setting {name!r} of {type(circuit).__name__}: {valid}")
    return dict(settings)


def check_counts(**counts: Any) -> None:
    """Refuse a number that is no whole number from 1 on."""
    for name, count in counts.items():
        if not whole(count) or count < 1:
            raise RunError(f"{name} must be a whole number, 1 or more, got {count!r}")
