"""What credit knows of forward weights: whether they are carried into feedback, and whether the two become alike."""

from collections.abc import Callable
from typing import Any

import numpy as np
from biocredit.analysis.metrics.alignment import relative_distance, weight_alignment
from biocredit.analysis.metrics.audited import Property
from biocredit.analysis.metrics.plausibility import COPIED_WEIGHTS, SYMMETRIC_BELOW, UNRELATED_ABOVE
from biocredit.circuits.recurrent.temporal_circuit import TemporalCircuit
from biocredit.protocols.plausibility.clamp import Source
from biocredit.protocols.plausibility.wiring import TAUGHT, Wiring, judged


def transported(wiring: Wiring) -> tuple[str, float, str]:
    """Say what credit reads of forward weights: ``"nothing"``, ``"signs"`` or ``"weights"``; how much, and where."""
    for kind, change in (("weights", _magnitudes), ("signs", _signs)):
        found = [(strength, f"{array} moves {what}") for array in forward(wiring)
                 for what, strength in _felt(wiring, array, change).items()]  # fmt: skip
        if found:
            return kind, *max(found)
    return "nothing", 0.0, "no feedback weight and no teaching signal moves"


def transported_in_time(wiring: Wiring) -> tuple[str, float, str]:
    """Say the same of a circuit with a temporal rule: of what the rule reads, and of how errors reach the cells."""
    far = [row for row in wiring.dependences if row.place == "nonlocal" and row.kind == "weight"]
    if far:
        most = max(far, key=lambda row: row.strength)
        return "weights", most.strength, f"{most.of} reads {most.on} ({most.note or 'of other synapses'})"
    exposed = wiring.exposed
    felt = [one for one in exposed.holdable if one.name == "cells.learning_signal"]
    held = [one for one in exposed.holdable if one.phase == "inference" or one.name == "error"]
    still = exposed.run(exposed.values, held)
    for name in exposed.net.network.readouts.weights:
        source = Source("array", name)
        moved = exposed.run(wiring.disturbed(source), held)
        for one in felt:
            if wiring.moved(moved.incoming[one], still.incoming[one]).any():
                strength = wiring.strength(moved.incoming[one], still.incoming[one])
                return "weights", strength, f"{name} carries errors back (take feedback='random')"
    return "nothing", 0.0, "no feedback weight and no teaching signal moves"


def _magnitudes(value: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return value * random.uniform(0.5, 1.5, value.shape)


def _signs(value: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return value * random.choice([-1.0, 1.0], value.shape)


def forward(wiring: Wiring) -> list[str]:
    """Weights that activity passes in the inference phase, but those within one population, from the input on."""
    exposed = wiring.exposed
    held = {one.name for one in exposed.holdable if one.phase == "inference" and one.kind == "weight"}
    rows = [row for row in exposed.net.synapses.values() if row.pre and row.kind != "bias" and row.name in held]
    apart = [row for row in rows if _cells(row.pre) != _cells(row.post)]
    return [row.name for row in apart if Source("array", row.name) in exposed.values]


def _cells(end: str) -> str:
    """Population of a block ``"V1.SI"``; populations of two streams are called ``"up.layer1"``."""
    return end if end.startswith(("up.", "down.")) else end.partition(".")[0]


def _felt(wiring: Wiring, array: str, change: Callable) -> dict[str, float]:
    """What of the later phases moves with a forward weight while activity is held, by how much."""
    exposed, source = wiring.exposed, Source("array", array)
    value = np.asarray(exposed.values[source])
    values = {**exposed.values, source: change(value, np.random.default_rng(wiring.seed))}
    learns = exposed.clamped.changes.keys() - set(exposed.net.plastic)
    held = [one for one in exposed.holdable if one.name in learns or (one.kind == "signal" and one.phase not in TAUGHT)]
    moved, still = exposed.run(values, held), exposed.run(exposed.values, held)
    seen = [one for one in exposed.holdable if one not in held and one.name != array and _used(wiring, one)]
    seen = [one for one in seen if wiring.moved(moved.incoming[one], still.incoming[one]).any()]
    backwards = [one for one in seen if not _onward(wiring, array, one, held)]
    found = {one.name: (moved.incoming[one], still.incoming[one]) for one in backwards}
    feedback = [name for name in moved.changes if name != array and _is_feedback(wiring, name)]
    found |= {f"the change of {name}": (moved.changes[name], still.changes[name]) for name in feedback}
    return {name: wiring.strength(*pair) for name, pair in found.items() if wiring.moved(*pair).any()}


def _onward(wiring: Wiring, array: str, one: Source, held: list[Source]) -> bool:
    """Whether a teaching signal moves in the cells alone that the synapse leads to: it was used forwards."""
    exposed, source = wiring.exposed, Source("array", array)
    (_, post), width = wiring.axes(array), np.shape(exposed.values[one])[-1]
    if one.kind != "signal" or np.shape(exposed.values[source])[post] != width:
        return False
    if width in wiring.outputs:
        return True  # the loss itself
    still = exposed.run(exposed.values, held).incoming[one]
    for place in wiring.places(source)[:6]:
        new = exposed.run(wiring.disturbed(source, place), held).incoming[one]
        units = wiring.moved(new, still).reshape(-1, width).any(0).nonzero()[0].tolist()
        if units not in ([], [place[post]]):
            return False
    return True


def _is_feedback(wiring: Wiring, name: str) -> bool:
    row = wiring.exposed.net.synapses.get(name)
    resolved = name not in wiring.unresolved
    return resolved and row is not None and row.kind in ("feedback", "descending to ascending")


def _used(wiring: Wiring, one: Source) -> bool:
    return one.kind == "weight" or one.name in wiring.teaching_names


def no_transport(wiring: Wiring, what: str, found: tuple[str, float, str]) -> Property:
    """Tell whether feedback and teaching signals are free of forward weights, of their magnitude or of their sign."""
    kind, strength, how = found
    free, distance = kind not in (("weights",) if what == "weights" else ("weights", "signs")), copied(wiring)
    if free and distance <= COPIED_WEIGHTS:
        return judged(False, distance, "feedback starts as a copy of the forward weights (relative distance)")
    return judged(free, 0.0 if free else strength, "nothing moves" if free else how)


def copied(wiring: Wiring) -> float:
    """Relative distance of forward weights and feedback as they start; infinite where none compares."""
    pairs = _pairs(wiring.exposed.net, wiring.exposed.net.read())
    if not pairs[0]:
        return float("inf")
    found = relative_distance(*pairs).values()
    return float(np.mean([value for value in found if np.isfinite(value)] or [np.inf]))


def _pairs(net: Any, tree: Any) -> tuple[dict, dict]:
    """Forward weights, and feedback between the same cells in the layout ``[in, out]``."""
    back, forward = net.effective_feedback(tree), net.forward_weights(tree)
    names = [name for name in back if name in forward and name in net.reciprocal()]
    turned = {name: np.swapaxes(np.asarray(back[name]), 0, 1) for name in names}
    return {name: np.asarray(forward[name]) for name in names}, turned


def no_symmetry(wiring: Wiring, trained: Any) -> Property:
    """Tell whether forward weights are unlike the weights back between the same cells, after training."""
    net = wiring.exposed.net
    if isinstance(net, TemporalCircuit):
        return Property("not measured", float("nan"), "recurrent cells have no second stream beside them")
    forward, back = _pairs(net, net.read() if trained is None else trained)
    if not forward:
        return Property("yes", float("nan"), "no cells are joined both ways by single synapses")
    angles = [value for value in weight_alignment(forward, back).values() if np.isfinite(value)]
    degrees = float(np.mean(angles)) if angles else float("nan")
    when = "after training" if trained is not None else "as built"
    how = f"mean angle of reciprocal weights {when}, degrees (cortex: about 78)"
    if degrees >= UNRELATED_ABOVE:
        return Property("yes", degrees, how)
    return Property("no" if degrees < SYMMETRIC_BELOW else "part", degrees, how)
