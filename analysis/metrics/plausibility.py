"""Biological constraints that a rule respects: the published property table, and the same measured on a circuit.

Table 1 of Li Ji-An and Benna, "Deep learning without weight symmetry", arXiv 2405.20594. The thresholds that turn
measured numbers into verdicts are ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from biocredit.analysis.metrics.alignment import relative_distance, sign_concordance, weight_alignment
from biocredit.analysis.metrics.arguments import ArrayLike, undefined

__all__ = ["PROPERTIES", "PUBLISHED", "Evidence", "Finding", "property_table"]

Verdict = Literal["yes", "part", "no", "unclear"]
Layers = Mapping[str, ArrayLike]

COPIED_SIGNS = 0.95
"""Share of equal signs at the start from which on signs count as copied."""
COPIED_WEIGHTS = 0.05
"""Relative distance of W and B^T at the start up to which weights count as copied."""
SYMMETRIC_BELOW = 25.0
"""Degrees: mean angle below which two sets of weights count as symmetric."""
UNRELATED_ABOVE = 80.0
"""Degrees: mean angle above which they count as unrelated."""
LEVEL_MARGIN, ALMOST_MARGIN = 0.01, 0.03
"""Accuracy below back-propagation that still counts as its level, or as almost."""

PUBLISHED: dict[str, dict[str, Verdict]] = {
    rule: dict(
        zip(("signs_free", "magnitudes_free", "one_phase", "no_symmetry", "path_aligned", "bp_level"), row, strict=True)
    )
    for rule, row in {
        "bp": ("no", "no", "yes", "no", "yes", "yes"),
        "fa": ("yes", "yes", "yes", "part", "no", "no"),
        "dfa": ("yes", "yes", "yes", "part", "no", "no"),
        "sf": ("no", "yes", "unclear", "part", "no", "part"),
        "kp": ("yes", "yes", "yes", "no", "yes", "yes"),
        "wm": ("yes", "yes", "no", "no", "yes", "yes"),
        "pal": ("yes", "yes", "yes", "part", "no", "part"),
        "pfa": ("yes", "yes", "yes", "yes", "yes", "yes"),
    }.items()
}
"""Rule -> property -> verdict, as published ("almost BP-level" is "part" here)."""


@dataclass(frozen=True)
class Evidence:
    """What has to be known of a trained circuit to fill in its column.

    Weights are dictionaries of layers, forward [out, in, *kernel] and backward [in, out, *kernel].

    Parameters
    ----------
    forward_start, forward_end : mapping
        Forward weights before and after training.
    path_end : mapping
        Effective backward weights or paths (R B in product feedback) after training.
    reciprocal_start, reciprocal_end : mapping, optional
        Backward synapses between the very pairs of neurons that forward synapses connect; left out where the circuit
        has no such pairs (product feedback).
    feedback_phases : int
        Separate phases in which only feedback weights learn.
    accuracy, bp_accuracy : float
        Test accuracy, from 0 to 1, of this circuit and of back-propagation in the same network.
    """

    forward_start: Layers
    forward_end: Layers
    path_end: Layers
    accuracy: float
    bp_accuracy: float
    feedback_phases: int = 0
    reciprocal_start: Layers | None = None
    reciprocal_end: Layers | None = None


class Finding(NamedTuple):
    """A verdict and the number behind it (NaN where the circuit has nothing to measure)."""

    verdict: Verdict
    value: float


def property_table(circuits: Mapping[str, Evidence]) -> dict[str, dict[str, Finding]]:
    """Measured counterpart of `PUBLISHED`: circuit -> property -> finding.

    Examples
    --------
    >>> w = {"layer1": np.eye(3)}
    >>> transported = Evidence(w, w, w, accuracy=0.98, bp_accuracy=0.98, reciprocal_start=w, reciprocal_end=w)
    >>> property_table({"bp": transported})["bp"]["no_symmetry"]
    Finding(verdict='no', value=0.0)
    """
    return {
        circuit: {name: finding(evidence) for name, finding in PROPERTIES.items()}
        for circuit, evidence in circuits.items()
    }


def _signs_free(evidence: Evidence) -> Finding:
    if evidence.reciprocal_start is None:
        return Finding("yes", float("nan"))
    share = _mean(sign_concordance(evidence.forward_start, evidence.reciprocal_start))
    return Finding("no" if share >= COPIED_SIGNS else "yes", share)


def _magnitudes_free(evidence: Evidence) -> Finding:
    if evidence.reciprocal_start is None:
        return Finding("yes", float("nan"))
    distance = _mean(relative_distance(evidence.forward_start, evidence.reciprocal_start))
    return Finding("no" if distance <= COPIED_WEIGHTS else "yes", distance)


def _one_phase(evidence: Evidence) -> Finding:
    return Finding("no" if evidence.feedback_phases else "yes", float(evidence.feedback_phases))


def _no_symmetry(evidence: Evidence) -> Finding:
    if evidence.reciprocal_end is None:
        return Finding("yes", float("nan"))
    degrees = _mean(weight_alignment(evidence.forward_end, evidence.reciprocal_end))
    if degrees >= UNRELATED_ABOVE:
        return Finding("yes", degrees)
    return Finding("no" if degrees < SYMMETRIC_BELOW else "part", degrees)


def _path_aligned(evidence: Evidence) -> Finding:
    degrees = _mean(weight_alignment(evidence.forward_end, evidence.path_end))
    return Finding("yes" if degrees < SYMMETRIC_BELOW else "no", degrees)


def _bp_level(evidence: Evidence) -> Finding:
    gap = evidence.bp_accuracy - evidence.accuracy
    if gap <= LEVEL_MARGIN:
        return Finding("yes", gap)
    return Finding("part" if gap <= ALMOST_MARGIN else "no", gap)


def _mean(values: Mapping[str, float]) -> float:
    known = [value for value in values.values() if np.isfinite(value)]
    return float(np.mean(known)) if known else undefined("mean over no layers")


PROPERTIES: dict[str, Callable[[Evidence], Finding]] = {
    "signs_free": _signs_free,
    "magnitudes_free": _magnitudes_free,
    "one_phase": _one_phase,
    "no_symmetry": _no_symmetry,
    "path_aligned": _path_aligned,
    "bp_level": _bp_level,
}
"""Property -> measurement. In words: signs, or magnitudes, of forward weights need not be copied; feedback needs no
learning phase of its own; no symmetric weights after training; the path approximates back-propagation; so does the
accuracy."""
