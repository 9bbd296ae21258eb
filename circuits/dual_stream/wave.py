"""When the signals of a trial appear: activity travels from node to node, one step of time each."""

from collections import Counter
from collections.abc import Iterable


def arrivals(signals: Iterable[tuple[str, str]]) -> tuple[dict[str, int], int]:
    """Time step at which each signal appears, and the step at which the learning phase begins.

    Streams that run in the inference phase run side by side; signals of the learning phase follow one another.

    Parameters
    ----------
    signals
        ``(name, phase)`` in the order of computation; the stream is the first part of the name.

    Examples
    --------
    >>> arrivals([("up.a.rate", "inference"), ("up.b.rate", "inference"), ("down.b.rate", "learning")])
    ({'up.a.rate': 0, 'up.b.rate': 1, 'down.b.rate': 2}, 2)
    """
    clocks: Counter[str] = Counter()
    steps, later = {}, []
    for name, phase in signals:
        if phase == "inference":
            stream = name.partition(".")[0]
            steps[name] = clocks[stream]
            clocks[stream] += 1
        else:
            later.append(name)
    turn = max(clocks.values(), default=0)
    return steps | {name: turn + step for step, name in enumerate(later)}, turn
