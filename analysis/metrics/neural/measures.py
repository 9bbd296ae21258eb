"""Distances between two activities by name. A new measure is one class and one entry of :data:`MEASURES`."""

import abc
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from biocredit.analysis.metrics import similarity
from biocredit.analysis.metrics.arguments import ArrayLike
from biocredit.analysis.metrics.neural.activity import Truncation, as_activities, samples
from biocredit.analysis.metrics.neural.canonical_correlation import (
    canonical_pairs,
    exact_correlations,
    projection_weighted,
)
from biocredit.analysis.metrics.neural.dynamical_similarity import DelayEmbedding, eigenvalue_distance
from biocredit.analysis.metrics.neural.operator_alignment import align_operators
from biocredit.analysis.metrics.neural.shape_distance import align
from biocredit.analysis.trace.schema import nearest

__all__ = ["MEASURES", "Measure", "Score", "distance", "measure_named"]

Score = Callable[[np.ndarray, np.ndarray], float]
"""Distance of two activities ``[condition, time, neuron]`` under an alignment that was fitted before."""


@dataclass(frozen=True, kw_only=True)
class Measure(abc.ABC):
    """A distance between activities ``[condition, time, neuron]``, fitted on some conditions and scored on others.

    Parameters
    ----------
    components, variance
        Number of principal components of each activity that are compared, or the share of the variance that they
        keep; by default :attr:`usual`.
    """

    components: int | None = None
    variance: float | None = None
    units: ClassVar[str] = "1"
    usual: ClassVar[Truncation] = Truncation()

    def fit(self, x: ArrayLike, y: ArrayLike) -> Score:
        """Fit components and alignment to training conditions, and return what scores these or other conditions.

        Raises
        ------
        ValueError
            For NaN or infinity, other numbers of conditions or times, more components than there are.
        """
        x, y = as_activities(x, y)
        given = Truncation(self.components, self.variance)
        truncation = self.usual if given == Truncation() else given
        projections = [truncation.fit(samples(activity)) for activity in (x, y)]

        def projected(*activities: np.ndarray) -> list[np.ndarray]:
            pairs = zip(activities, projections, strict=True)
            return [activity if project is None else project(activity) for activity, project in pairs]

        score = self.aligned(*projected(x, y))
        return lambda first, second: score(*projected(*as_activities(first, second)))

    def distance(self, x: ArrayLike, y: ArrayLike) -> float:
        """Distance on the conditions of the fit."""
        return self.fit(x, y)(x, y)

    @abc.abstractmethod
    def aligned(self, x: np.ndarray, y: np.ndarray) -> Score:
        """Fit what is fitted to activities of which only the wanted components are left."""


@dataclass(frozen=True, kw_only=True)
class Angular(Measure):
    """A measure that is an angle.

    Parameters
    ----------
    radians
        Radians in place of parts of a right angle.
    """

    radians: bool = False
    units: ClassVar[str] = "right angles"

    def scaled(self, angle: float) -> float:
        """Return an angle in radians in the units of the measure."""
        return angle if self.radians else angle / (np.pi / 2)


@dataclass(frozen=True, kw_only=True)
class Procrustes(Angular):
    """Shape distance: angle after the best rotation, see ``shape_distance``; held-out samples keep the fitted means.

    Parameters
    ----------
    alpha
        1: rotation alone; 0: both whitened first.
    centre
        Whether means are subtracted.
    """

    alpha: float = 1.0
    centre: bool = True

    def aligned(self, x: np.ndarray, y: np.ndarray) -> Score:
        """Rotate."""
        alignment = align(samples(x), samples(y), self.alpha, self.centre)
        return lambda first, second: self.scaled(alignment.angle(samples(first), samples(second)))


@dataclass(frozen=True, kw_only=True)
class ProcrustesEuclidean(Measure):
    """Distance after the best rotation without normalisation, in the units of the activity: depends on the scales."""

    alpha: float = 1.0
    centre: bool = True
    units: ClassVar[str] = "as the activity"

    def aligned(self, x: np.ndarray, y: np.ndarray) -> Score:
        """Rotate."""
        alignment = align(samples(x), samples(y), self.alpha, self.centre)
        return lambda first, second: alignment.euclidean(samples(first), samples(second))


@dataclass(frozen=True, kw_only=True)
class Cka(Measure):
    """1 - linear CKA (biased); held-out samples have their own mean subtracted, for there is nothing to fit."""

    def aligned(self, x: np.ndarray, y: np.ndarray) -> Score:
        """Fit nothing."""
        return lambda first, second: 1.0 - similarity.cka(samples(first), samples(second))


@dataclass(frozen=True, kw_only=True)
class MetricCka(Angular):
    """Arc cosine of linear CKA: a metric (Williams et al. 2021)."""

    def aligned(self, x: np.ndarray, y: np.ndarray) -> Score:
        """Fit nothing."""
        return lambda first, second: self.scaled(similarity.cka_angle(samples(first), samples(second)))


@dataclass(frozen=True, kw_only=True)
class Cca(Measure):
    """1 - mean canonical correlation, regularised, of 20 components unless others are asked for.

    Parameters
    ----------
    regularisation
        Added to scatter matrices that are not divided by the number of samples: its effect depends on the scale.
    """

    regularisation: float = 1e-3
    usual: ClassVar[Truncation] = Truncation(components=20)

    def aligned(self, x: np.ndarray, y: np.ndarray) -> Score:
        """Find the pairs."""
        pairs = canonical_pairs(samples(x), samples(y), self.regularisation)
        return lambda first, second: 1.0 - float(pairs.correlations(samples(first), samples(second)).mean())


@dataclass(frozen=True, kw_only=True)
class Svcca(Measure):
    """1 - mean exact canonical correlation of 20 components unless others are asked for."""

    usual: ClassVar[Truncation] = Truncation(components=20)

    def aligned(self, x: np.ndarray, y: np.ndarray) -> Score:
        """Fit the components only."""
        return lambda first, second: 1.0 - float(exact_correlations(samples(first), samples(second)).mean())


@dataclass(frozen=True, kw_only=True)
class Pwcca(Measure):
    """1 - exact canonical correlation weighted by what each variate carries of the first activity; not symmetric."""

    usual: ClassVar[Truncation] = Truncation(components=20)

    def aligned(self, x: np.ndarray, y: np.ndarray) -> Score:
        """Fit the components only."""
        return lambda first, second: 1.0 - projection_weighted(samples(first), samples(second))


@dataclass(frozen=True, kw_only=True)
class Dynamics(Measure):
    """What the dynamical measures share: the linear operator of delay-embedded activity.

    Parameters
    ----------
    delays, interval
        States in a row of the embedding, and steps between them.
    rank
        Coordinates that are kept; by default all.
    ridge, steps_ahead
        Regularisation of the operator, and how far it looks ahead.
    """

    delays: int = 1
    interval: int = 1
    rank: int | None = None
    ridge: float = 1e-8
    steps_ahead: int = 1

    def operator(self, activity: np.ndarray) -> np.ndarray:
        """Fit the operator of an activity."""
        embedding = DelayEmbedding.of(activity, self.delays, self.interval)
        return embedding.operator(self.rank, self.ridge, self.steps_ahead)


@dataclass(frozen=True, kw_only=True)
class Dsa(Dynamics, Angular):
    """Angle between the operators in their best common basis, searched from several starts.

    Parameters
    ----------
    starts, seed
        See :func:`~biocredit.analysis.metrics.neural.operator_alignment.align_operators`.
    """

    rank: int | None = 6
    starts: int = 40
    seed: int = 0

    def aligned(self, x: np.ndarray, y: np.ndarray) -> Score:
        """Fit the components only: operators belong to the samples they are scored on."""
        return lambda first, second: self.scaled(
            align_operators(self.operator(first), self.operator(second), self.starts, self.seed).angle
        )


@dataclass(frozen=True, kw_only=True)
class DsaEigenvalues(Dynamics):
    """Mean squared distance of the operators' eigenvalues, matched one to one."""

    def aligned(self, x: np.ndarray, y: np.ndarray) -> Score:
        """Fit the components only."""
        return lambda first, second: eigenvalue_distance(
            *(np.linalg.eigvals(self.operator(part)) for part in (first, second))
        )


MEASURES: dict[str, type[Measure]] = {
    "procrustes": Procrustes,
    "procrustes_euclidean": ProcrustesEuclidean,
    "cka": Cka,
    "metric_cka": MetricCka,
    "cca": Cca,
    "svcca": Svcca,
    "pwcca": Pwcca,
    "dsa": Dsa,
    "dsa_eigenvalues": DsaEigenvalues,
}


def measure_named(measure: str | Measure, **settings: Any) -> Measure:
    """Return a measure by name, with its settings.

    Raises
    ------
    ValueError
        For an unknown name or setting, with the nearest valid one.

    Examples
    --------
    >>> measure_named("procrustes", alpha=0.5).alpha
    0.5
    """
    if isinstance(measure, Measure):
        if settings:
            raise ValueError(f"{next(iter(settings))}: a measure that is given whole has its settings already")
        return measure
    if measure not in MEASURES:
        raise ValueError(f"unknown measure {measure!r}{nearest(measure, MEASURES)}; valid: {', '.join(MEASURES)}")
    valid = [field.name for field in fields(MEASURES[measure])]
    if unknown := [name for name in settings if name not in valid]:
        raise ValueError(f"{measure} has no setting {unknown[0]!r}{nearest(unknown[0], valid)}: {', '.join(valid)}")
    return MEASURES[measure](**settings)


def distance(x: ArrayLike, y: ArrayLike, measure: str | Measure = "procrustes", **settings: Any) -> float:
    """Distance of two activities ``[condition, time, neuron]``.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((2, 5, 3))
    >>> distance(x, 3 * x[..., ::-1], "procrustes") < 1e-12
    True
    """
    return measure_named(measure, **settings).distance(x, y)
