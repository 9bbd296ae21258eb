"""Metrics: angles, CKA, dimensionality, Lyapunov exponents, random-matrix spectra, psychometric fits, operation counts.

A file is recognised by the arrays it holds, so that one file may hold several sections.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from biocredit.analysis.metrics import (
    alignment,
    dynamics,
    finite_time,
    kernels,
    lyapunov,
    operations,
    performance,
    psychometric_fit,
    reciprocity,
    representation,
    similarity,
    spectra,
    target_conditions,
)

from tests.conformance.harness import Check

Arrays = Mapping[str, np.ndarray]

EXACT = {"atol": 1e-12, "rtol": 1e-11}
DEGREES = {"atol": 1e-5}


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Check every section whose arrays are in the file."""
    for key, section in SECTIONS.items():
        if key in case:
            yield from section(case)


def angles(case: Arrays) -> Iterator[Check]:
    """Section 1: angles and norm ratios."""
    g1, g2, d1, d2 = (case[key] for key in ("G1", "G2", "D1", "D2"))
    yield Check("angle_signed_deg", alignment.angle(g1, g2), **DEGREES)
    yield Check("cosine", alignment.cosine(g1, g2), **EXACT)
    yield Check("angle_absolute_deg", alignment.angle_to_either_sign(g1, g2), **DEGREES)
    yield Check("angle_rowwise_mean_deg", alignment.mean_row_angle(g1, g2), **DEGREES)
    yield Check("angle_per_sample_mean_deg", alignment.mean_row_angle(d1, d2), **DEGREES)
    yield Check("angle_update_vs_minus_self_deg", alignment.angle(g1, -g1), **DEGREES)
    yield Check("angle_scale_invariance_deg", alignment.angle(3.7 * g1, 0.01 * g2), **DEGREES)
    w, direct, path = case["W"], case["B_direct"], (case["R_path"], case["B_path"])
    yield Check("weight_alignment_deg", alignment.weight_alignment(w, direct), **DEGREES)
    yield Check("path_alignment_deg", alignment.path_alignment(w, *path), **DEGREES)
    for norm in ("frobenius", "spectral"):
        yield Check(f"weight_norm_ratio_{norm}", alignment.weight_norm_ratio(w, direct, norm), **EXACT)
        yield Check(f"path_norm_ratio_{norm}", alignment.path_norm_ratio(w, *path, norm), **EXACT)
    yield Check("relative_distance", alignment.relative_distance(w, direct), **EXACT)
    yield Check("sign_concordance", alignment.sign_concordance(w, direct), **EXACT)


def cka(case: Arrays) -> Iterator[Check]:
    """Section 3: linear CKA."""
    x, y, size = case["X"], case["Y"], int(case["minibatch_size"])
    for pair, activities in {"xy": (x, y), "xx": (x, x), "yy": (y, y)}.items():
        yield Check(f"hsic_biased_{pair}", similarity.hsic_biased(*activities), **EXACT)
        yield Check(f"hsic_unbiased_{pair}", similarity.hsic_unbiased(*activities), **EXACT)
    yield Check("cka_biased", similarity.cka(x, y), **EXACT)
    yield Check("cka_unbiased", similarity.cka_unbiased(x, y), **EXACT)
    yield Check("cka_minibatch", similarity.cka_minibatch(x, y, size), **EXACT)
    yield Check("n_minibatches", len(similarity.minibatches(len(x), size)), **EXACT)
    turned = 2.5 * x @ case["orthogonal_map"] + 7
    yield Check("cka_biased_after_orthogonal_scale_shift", similarity.cka(turned, y), **EXACT)
    shuffled = x[case["permutation"]]
    yield Check("cka_biased_permuted_rows", similarity.cka(shuffled, y), **EXACT)
    yield Check("cka_unbiased_permuted_rows", similarity.cka_unbiased(shuffled, y), **EXACT)


def dimensionality(case: Arrays) -> Iterator[Check]:
    """Section 4: ranks and principal components."""
    m, states = case["M"], case["trajectory"]
    for name in ("singular_values", "effective_rank", "stable_rank", "numerical_rank"):
        yield Check(name, getattr(representation, name)(m), **EXACT)
    yield Check("effective_rank_of_MMt", representation.effective_rank_of_gram(m), **EXACT)
    yield Check("effective_rank_identity", representation.effective_rank(np.eye(m.shape[1])), **EXACT)
    yield Check("effective_rank_rank1", representation.effective_rank(np.outer(m[:, 0], m[0])), **EXACT)
    yield Check("cov_eigenvalues", representation.covariance_eigenvalues(states), **EXACT)
    yield Check("participation_ratio", representation.participation_ratio(states), **EXACT)
    fit = representation.principal_components(states, components=len(case["pca_components"]))
    yield Check("pca_components", fit.components, atol=1e-9)
    yield Check("pca_scores", fit.scores[0], atol=1e-9)
    yield Check("pca_explained_variance", fit.explained_variance, **EXACT)
    yield Check("pca_explained_variance_ratio", fit.explained_variance_ratio, **EXACT)


def lyapunov_exponents(case: Arrays) -> Iterator[Check]:
    """Section 5: a driven map; the file stores column vectors, [post, pre]."""
    system = dynamics.RateMap(case["W"].T, case["U"].T, case["b"])
    transient, window = int(case["n_transient"]), int(case["window"])
    run = (system, case["h0"], case["x"])
    growth = lyapunov.qr_growth(*run)
    yield Check("states", dynamics.trajectory(*run), atol=1e-9)
    yield Check("spectral_radius_W", dynamics.spectral_radius(case["W"]), **EXACT)
    yield Check("lyapunov_spectrum_qr", lyapunov.mean_after(growth, transient))
    yield Check("n_accumulated", len(growth[transient:]), **EXACT)
    yield Check("mle_tangent_vector", lyapunov.maximal_exponent(*run, transient))
    tail = len(case["mle_running_tail"])
    yield Check("mle_running_tail", lyapunov.running_mean(growth[transient:, 0])[-tail:])
    determinants = lyapunov.log_determinants(*run)
    yield Check("mean_log_abs_det_J", lyapunov.mean_after(determinants, transient))
    sigma = finite_time.finite_time_sigma(*run, window, transient)
    yield Check("ftmle_sigma_per_window", sigma)
    yield Check("ftmle_sigma_mean", sigma.mean())
    vector = finite_time.finite_time_vector(*run, window, transient)
    yield Check("ftmle_vector_per_window", vector)
    yield Check("ftmle_vector_mean", vector.mean())
    yield Check("ftmle_sigma_from_h0", finite_time.finite_time_sigma(*run, window)[0])
    yield Check("mle_two_trajectories_d1e-8", lyapunov.two_trajectory_exponent(*run, transient), atol=1e-2)
    linear = dynamics.RateMap(case["W"].T, activation="linear")
    rest = np.zeros((3000, len(case["h0"])))
    yield Check("linear_limit_mle", lyapunov.maximal_exponent(linear, rest[0], rest, 1000), atol=1e-3)
    yield Check("linear_limit_expected", np.log(dynamics.spectral_radius(case["W"])), **EXACT)


def marchenko_pastur(case: Arrays) -> Iterator[Check]:
    """Section 6: eigenvalues of random expansions."""
    for i, ratio in enumerate(case["lambdas"]):
        yield Check(f"support_{i}", spectra.mp_support(ratio), **EXACT)
        yield Check(f"density_{i}", spectra.mp_density(case[f"v_{i}"], ratio), atol=1e-6)
        yield Check(f"cdf_{i}", spectra.mp_cdf(case[f"v_{i}"], ratio), atol=1e-7)
        yield Check(f"mean_{i}", spectra.mp_moment(1, ratio), atol=1e-9)
        yield Check(f"variance_{i}", spectra.mp_variance(ratio), atol=1e-9)
        yield Check(f"predicted_path_angle_deg_{i}", spectra.predicted_path_angle(ratio), **DEGREES)
    yield Check("glorot_gain_for_unit_BtB", [spectra.unit_gram_gain(ratio) for ratio in case["lambdas"]], **EXACT)
    expansion, weights = case["B_sample"], case["W_sample"]
    eigenvalues = spectra.gram_eigenvalues(expansion)
    yield Check("eigenvalues_sample", eigenvalues)
    yield Check("ks_distance_sample", spectra.ks_distance(eigenvalues, case["lambdas"][0]), atol=1e-7)
    measured = alignment.angle(weights, spectra.expanded_and_back(expansion, weights))
    yield Check("measured_path_angle_deg_sample", measured, **DEGREES)


def psychometric(case: Arrays) -> Iterator[Check]:
    """Section 7: maximum-likelihood fits."""
    counts = (case["stimulus"], case["n_trials"], case["n_choice_right"])
    for kind in ("gauss", "logistic"):
        for lapses in ("none", "shared", "free"):
            fit = psychometric_fit.fit_psychometric(*counts, kind=kind, lapses=lapses)
            for name in ("mu", "sigma", "guess", "lapse", "x_at_half"):
                yield Check(f"{kind}_{lapses}_{name}", getattr(fit, name), atol=1e-4)
            yield Check(f"{kind}_{lapses}_slope_at_mu", fit.slope, atol=1e-4)
            yield Check(f"{kind}_{lapses}_loglik", fit.log_likelihood, atol=1e-6, bound="at_least")


def nmse(case: Arrays) -> Iterator[Check]:
    """Section 8: normalised error; the shifted prediction moves with the shifted target."""
    target, prediction, shifted = case["target"], case["prediction"], case["target_shifted"]
    moved = prediction + (shifted - target)
    yield Check("nmse", performance.nmse(target, prediction), **EXACT)
    yield Check("nmse_shifted_no_mean_removal", performance.nmse(shifted, moved), **EXACT)
    yield Check("nmse_shifted_mean_removed", performance.nmse_about_mean(shifted, moved), **EXACT)


def reciprocal_pairs(case: Arrays) -> Iterator[Check]:
    """Section 2: correlation of reciprocal weights."""
    pairs = (case["fraction_bidirectional"], case["within_pair_correlation"])
    yield Check("overall_correlation", reciprocity.overall_correlation(*pairs), **EXACT)
    yield Check("overall_angle_deg", reciprocity.overall_angle(*pairs), **DEGREES)


def kernel_spectra(case: Arrays) -> Iterator[Check]:
    """Section 9: power spectra of kernels."""
    threshold, size = float(case["high_frequency_threshold_cycles_per_pixel"]), int(case["fft_size"])
    edges = case["radial_bin_edges"]
    yield Check("radial_bin_edges", kernels.radial_bin_edges(len(edges) - 1), atol=1e-11)
    for kind in ("rough", "smooth"):
        stack = case[f"kernels_{kind}"]
        share = (stack, threshold, size)
        yield Check(f"high_frequency_fraction_{kind}", kernels.high_frequency_fraction(*share), **EXACT)
        yield Check(f"mean_high_frequency_fraction_{kind}", kernels.mean_high_frequency_fraction(*share), **EXACT)
        yield Check(f"spectral_centroid_{kind}", kernels.spectral_centroid(stack, size), **EXACT)
        yield Check(f"radial_power_{kind}", kernels.radial_power(stack, edges, size), **EXACT)


def recurrent_matrix(case: Arrays) -> Iterator[Check]:
    """Section 5.1: spectral radius and rescaling."""
    w = case["recurrent_matrix"]
    yield Check("spectral_radius", dynamics.spectral_radius(w), **EXACT)
    yield Check("spectral_norm", dynamics.spectral_norm(w), **EXACT)
    rescaled = dynamics.rescale_to_spectral_radius(w, float(case["target_spectral_radius"]))
    yield Check("recurrent_matrix_rescaled", rescaled, **EXACT)


def target_propagation(case: Arrays) -> Iterator[Check]:
    """Section 10: Jacobian conditions."""
    found = target_conditions.target_conditions(case["tp_W"], case["tp_Bfb"], case["tp_h"])
    yield Check("tp_trace_JfJg", found.trace, **EXACT)
    yield Check("tp_fraction_positive_real_eigs", found.positive_fraction, **EXACT)
    yield Check("tp_symmetric_part_min_eig", found.smallest_symmetric, **EXACT)


def operation_counts(case: Arrays) -> Iterator[Check]:
    """Section 11: operations of one sample; an array ``<rule>_<j>`` belongs to the layer sizes ``dims_<j>``."""
    settings = {
        "batch_size": int(case["batch_size"]),
        "iterations": int(case["n_feedback_iterations"]),
        "prototypes": int(case["n_label_prototypes"]),
        "expansion": int(case["pfa_expansion"]),
    }
    for dims in (key for key in case if key.startswith("dims_")):
        table = operations.operation_table(case[dims].tolist(), **settings)
        for rule, count in table.items():
            yield Check(dims.replace("dims", rule), count, atol=0.0, rtol=1e-14)


SECTIONS: dict[str, Callable[[Arrays], Iterator[Check]]] = {
    "G1": angles,
    "minibatch_size": cka,
    "trajectory": dimensionality,
    "n_transient": lyapunov_exponents,
    "lambdas": marchenko_pastur,
    "n_choice_right": psychometric,
    "prediction": nmse,
    "fraction_bidirectional": reciprocal_pairs,
    "kernels_rough": kernel_spectra,
    "recurrent_matrix": recurrent_matrix,
    "tp_W": target_propagation,
    "dims_0": operation_counts,
}
"""An array that only one section has, and what to check if it is there."""
