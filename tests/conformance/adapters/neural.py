"""Comparison of networks with recordings: distances, dynamical similarity, firing rates, the reaching task."""

from collections.abc import Callable, Iterator, Mapping

import jax.numpy as jnp
import numpy as np
from biocredit.analysis.metrics.neural.activity import Truncation, average_over_conditions, samples
from biocredit.analysis.metrics.neural.canonical_correlation import (
    canonical_pairs,
    exact_correlations,
    projection_weighted,
)
from biocredit.analysis.metrics.neural.cross_validation import (
    Ceiling,
    Draws,
    leave_one_condition_out,
    noise_ceiling,
)
from biocredit.analysis.metrics.neural.dynamical_similarity import (
    DelayEmbedding,
    delay_embedding,
    eigenvalue_distance,
)
from biocredit.analysis.metrics.neural.firing_rates import Window, average_of_conditions, trial_rates
from biocredit.analysis.metrics.neural.measures import distance
from biocredit.analysis.metrics.neural.operator_alignment import align_operators
from biocredit.analysis.metrics.neural.shape_distance import align
from biocredit.analysis.metrics.representation import participation_ratio
from biocredit.analysis.metrics.similarity import cka
from biocredit.protocols.datasets.neural import recorded_movement
from biocredit.protocols.tasks.reaching import reaches

from tests.conformance.harness import Check

Case = Mapping[str, np.ndarray]
ANGLE, CKA = {"atol": 1e-7}, {"atol": 1e-10}
FORMS = ("procrustes", "cka", "metric_cka", "cca")


def replay(name: str, case: Case) -> Iterator[Check]:
    """Check every section whose arrays are in the file."""
    for key, section in SECTIONS.items():
        if key in case:
            yield from section(case)


def tolerance(measure: str) -> dict[str, float]:
    """Tolerance of a measure."""
    return CKA if measure == "cka" else ANGLE


def shape(case: Case) -> Iterator[Check]:
    """Section 1.1: shape distances for several alpha."""
    x, y, z = (case[name] for name in "XYZ")
    fits = [(align(x, y, alpha), align(x, z, alpha), align(z, x, alpha)) for alpha in case["alphas"]]
    yield Check("angular", [fit.angle(x, y) for fit, *_ in fits], **ANGLE)
    yield Check("euclidean", [fit.euclidean(x, y) for fit, *_ in fits], **ANGLE)
    yield Check("angular_test", [fit.angle(case["X_test"], case["Y_test"]) for fit, *_ in fits], **ANGLE)
    yield Check("angular_padded", [fit.angle(x, z) for _, fit, _ in fits], **ANGLE)
    yield Check("angular_padded_swapped", [fit.angle(z, x) for _, _, fit in fits], **ANGLE)
    moved = x + 1, y - 0.5
    uncentred = [align(*moved, alpha, centre=False).angle(*moved) for alpha in case["alphas"]]
    yield Check("angular_uncentred", uncentred, **ANGLE)


def measures(case: Case) -> Iterator[Check]:
    """Sections 1.1 to 1.9 on one pair of activities."""
    x, y = case["X"], case["Y"]
    few, share = {"components": int(case["hp_n_pcs"])}, {"variance": float(case["hp_variance"])}
    reg = {"regularisation": float(case["hp_cca_reg"])}
    for name, pair, settings in (
        ("procrustes", (x, y), {}),
        ("procrustes_swapped", (y, x), {}),
        ("procrustes_pcs", (x, y), few),
        ("procrustes_variance", (x, y), share),
        ("metric_cka", (x, y), {}),
    ):
        measure = "metric_cka" if name == "metric_cka" else "procrustes"
        yield Check(name, distance(*pair, measure, radians=True, **settings), **ANGLE)
    yield Check("procrustes_unit", distance(x, y), **ANGLE)
    yield Check("metric_cka_unit", distance(x, y, "metric_cka"), **ANGLE)
    yield Check("procrustes_euclidean", distance(x, y, "procrustes_euclidean"), **ANGLE)
    yield Check("cka_distance", distance(x, y, "cka"), **CKA)
    yield Check("cca_distance", distance(x, y, "cca", **few, **reg), **ANGLE)
    yield Check("cca_distance_variance", distance(x, y, "cca", **share, **reg), **ANGLE)
    rows = samples(x), samples(y)
    kept = [len(Truncation(**share).fit(part).axes) for part in rows]
    yield Check("kept_pcs_x", kept[0], atol=0)
    yield Check("kept_pcs_y", kept[1], atol=0)
    a, b = (Truncation(**few).fit(part)(part) for part in rows)
    yield Check("cka", cka(*rows), **CKA)
    yield Check("cka_pcs", cka(a, b), **CKA)
    yield Check("cca_correlations", canonical_pairs(a, b, **reg).correlations(a, b), **ANGLE)
    yield Check("own_cca_exact_pcs", exact_correlations(a, b), **ANGLE)
    yield Check("own_cca_exact_pcs_mean", exact_correlations(a, b).mean(), **ANGLE)
    yield Check("own_pwcca_pcs", projection_weighted(a, b), **ANGLE)
    yield Check("participation_ratio_x", participation_ratio(rows[0]), **ANGLE)
    yield Check("participation_ratio_y", participation_ratio(rows[1]), **ANGLE)
    yield from held_out(case, x, y, few, reg)
    draws = Draws(case["neurons1"], case["neurons2"], case["units"])
    yield from ceiling("", noise_ceiling(x, y, draws))


def held_out(case: Case, x: np.ndarray, y: np.ndarray, few: dict, reg: dict) -> Iterator[Check]:
    """Sections 1.5 and 1.6: conditions held out, and the average over conditions."""
    average = average_over_conditions(y)
    for form in FORMS:
        own = few | reg if form == "cca" else {}
        yield Check(f"average_{form}", distance(average, y, form, **own), **tolerance(form))
        for label, settings in (("", own), ("_pcs", few | own)):
            found = leave_one_condition_out(x, y, form, **settings)
            yield Check(f"{form}{label}_cv_train", found.train, **tolerance(form))
            yield Check(f"{form}{label}_cv_test", found.test, **tolerance(form))
    found = leave_one_condition_out(average, y)
    yield Check("average_procrustes_cv_train", found.train, **ANGLE)
    yield Check("average_procrustes_cv_test", found.test, **ANGLE)


def ceiling(prefix: str, found: Ceiling) -> Iterator[Check]:
    """Section 1.7: distances between samples of neurons."""
    yield Check(f"{prefix}distance_data_data", found.data, **ANGLE)
    yield Check(f"{prefix}distance_model_data", found.model, **ANGLE)
    yield Check(f"{prefix}distance_average_data", found.average, **ANGLE)
    yield Check(f"{prefix}distance_normalised", found.normalised, **ANGLE)
    yield Check(f"{prefix}distance_normalised_average", found.normalised_average, **ANGLE)


def dynamical(case: Case) -> Iterator[Check]:
    """Section 2: operators and their distance."""
    rank = int(case["hp_rank"])
    embedding = {"delays": int(case["hp_n_delays"]), "interval": int(case["hp_delay_interval"])}
    fit = {"ridge": float(case["hp_ridge"]), "steps_ahead": int(case["hp_steps_ahead"])}
    operators = {}
    for name in "xy":
        embedded = DelayEmbedding.of(case[name], **embedding)
        operators[name] = embedded.operator(rank, **fit)
        reduced = embedded.reduced_rank_operator(rank, **fit)
        values = np.linalg.svd(operators[name], compute_uv=False), np.linalg.svd(reduced, compute_uv=False)
        yield Check(f"hankel_{name}", delay_embedding(case[name], **embedding)[0], atol=0)
        yield Check(f"singular_values_{name}", embedded.singular_values)
        yield Check(f"operator_{name}", operators[name])
        yield Check(f"operator_eigenvalues_{name}", np.sort_complex(np.linalg.eigvals(operators[name])))
        yield Check(f"operator_singular_values_{name}", values[0])
        yield Check(f"reduced_rank_singular_values_{name}", values[1][:rank])
        yield Check(f"reduced_rank_frobenius_{name}", np.linalg.norm(reduced))
    found = align_operators(operators["x"], operators["y"])
    yield Check("alignment_cosine", found.cosine, atol=1e-6, bound="at_least")
    yield Check("dsa_angular", found.angle, atol=1e-6, bound="at_most")
    yield Check("dsa_euclidean_unit", found.euclidean, atol=1e-6, bound="at_most")
    eigenvalues = [np.linalg.eigvals(operator) for operator in operators.values()]
    yield Check("eig_wasserstein", eigenvalue_distance(*eigenvalues))
    turned = DelayEmbedding.of(case["x"] @ case["Q"], **embedding).operator(rank, **fit)
    yield Check("dsa_angular_same_rotated", align_operators(operators["x"], turned).angle, atol=1e-6)


def rates(case: Case) -> Iterator[Check]:
    """Section 5.2: from spikes to conditions x time x neurons."""
    window = Window(*(float(case[f"hp_{name}_ms"]) for name in ("start", "stop", "step", "sd")))
    there = np.isfinite(case["event_times_s"])
    units = np.split(case["spike_times_s"], case["spike_index"][:-1])
    single = trial_rates(units, case["event_times_s"][there], window)
    directions, average, counts = average_of_conditions(single, case["trial_direction_deg"][there])
    yield Check("time_ms", window.time_ms, atol=1e-9)
    yield Check("direction_deg", directions, atol=0)
    yield Check("rates_hz", average)
    yield Check("single_trial_rates_unit0_hz", single[..., 0])
    yield Check("n_trials_per_condition", counts, atol=0)


def task(case: Case) -> Iterator[Check]:
    """Section 3.1: inputs and targets of the reaching task, with recorded movements."""
    moved = {name: jnp.asarray(values, jnp.float64) for name, values in recorded_movement().items()}
    trial = [jnp.asarray(case[name]) for name in ("condition", "interval1", "interval2")]
    shape = {"steps": int(case["hp_n_T"]), "offset": int(case["hp_toffset"])}
    for label, movement, one_hot in (
        ("angles", moved["angles"], False),
        ("all", jnp.concatenate(list(moved.values()), axis=-1), True),
    ):
        found = reaches(*trial, movement, **shape, one_hot=one_hot)
        yield Check("inputs", found.inputs, atol=1e-15)
        yield Check(f"target_{label}", found.target, atol=1e-15)
        yield Check(f"mask_{label}", found.mask, atol=0)
        yield Check(f"index_{label}", found.index, atol=0)


SECTIONS: dict[str, Callable[[Case], Iterator[Check]]] = {
    "alphas": shape,
    "hp_variance": measures,
    "hp_n_delays": dynamical,
    "spike_index": rates,
    "index_angles": task,
}
"""An array that only one section has, and what to check if it is there."""
