"""When the signals of a trial appear: activity travels from node to node, one step of time each."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter


def arrivals(signals: Iterable[tuple[str, str]]) -> tuple[dict[tuple[str, str], int], dict[str, slice]]:
    """Time step at which each signal appears, and the stretch of time that belongs to each phase.

    Streams that run in the inference phase run side by side; signals of later phases follow one another.

    Parameters
    ----------
    signals
        ``(name, phase)`` in the order of computation; the stream is the first part of the name.

    Examples
    --------
    >>> steps, phases = arrivals([("up.a.rate", "inference"), ("up.b.rate", "inference"), ("down.b.rate", "learning")])
    >>> list(steps.values()), phases
    ([0, 1, 2], {'inference': slice(None, 2, None), 'learning': slice(2, 3, None)})
    """
    clocks: Counter[str] = Counter()
    steps, later = {}, []
    for name, phase in signals:
        if phase == "inference":
            stream = name.partition(".")[0]
            steps[name, phase] = clocks[stream]
            clocks[stream] += 1
        else:
            later.append((name, phase))
    turn = max(clocks.values(), default=0)
    phases = {"inference": slice(turn)}
    for phase, group in groupby(later, key=itemgetter(1)):
        phases[phase] = slice(turn, turn := turn + len(list(group)))
    first = phases["inference"].stop
    return steps | {key: first + step for step, key in enumerate(later)}, phases
