"""Where the populations of two streams are drawn: side by side, what faces each other on one level."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

UP, DOWN = "up.", "down."


def stream_places(names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return column and level of every population, or nothing where the circuit is not made of two streams.

    The ascending stream is the first column, in the order of the table. Populations of the descending stream stand
    beside their namesakes, what they pass on the way in a third column, and a target on top.

    Examples
    --------
    >>> stream_places(["up.input", "up.layer1", "down.layer1", "down.layer1.intermediate", "down.input"])["down.input"]
    (1, 0)
    """
    if not names or not all(name.startswith((UP, DOWN)) for name in names):
        return {}
    ascending = [name for name in names if name.startswith(UP)]
    levels = {name.removeprefix(UP): level for level, name in enumerate(ascending)}
    places = {name: (0, level) for level, name in enumerate(ascending)}
    for name in names:
        if name not in places:
            places[name] = _beside(name.removeprefix(DOWN), levels, set(places.values()))
    return places


def _beside(name: str, levels: Mapping[str, int], taken: set[tuple[int, int]]) -> tuple[int, int]:
    owner = name
    while owner and owner not in levels:
        owner = owner.rpartition(".")[0]
    column, level = 1 + (owner not in ("", name)), levels.get(owner, len(levels))
    while (column, level) in taken:
        column += 1
    return column, level


def passed_on(names: Sequence[str], projections: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Neighbours in a stream between which activity passes without synapses (from currents to rates, say).

    Members of blocks (``"up.block1.shortcut"``) are left out: activity goes around some of them.
    """
    for stream in (UP, DOWN):
        own = [name for name in names if name.startswith(stream)]
        reached = {row["post"] for row in projections if row["pre"] in own}
        plain = [(pre, post) for pre, post in pairwise(own) if max(pre.count("."), post.count(".")) == 1]
        yield from ((pre, post) for pre, post in plain if post not in reached)
