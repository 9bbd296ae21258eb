"""Numbers to compare the delayed exclusive-or of arXiv 2206.01338 with, after so many epochs of 20 updates.

The paper prints none. The first set is from curves published with its program. The others are of an independent
implementation of the program's task, initial weights and optimiser, at a learning rate of 5e-4 and mu = 0.25 for
every rule, without search: three seeds (loss), five seeds (angles, epochs of 50 updates). Indicative only.
"""

from biocredit.protocols.experiments.experiment import Reference

#: Labelled ModProp_Wab by the authors. The released option for type averages has no effect on the gradient, so these
#: are probably curves of synapse-specific ModProp with the owner's gain replaced by mu.
PUBLISHED = "curves published with the authors' program, mean of 10 runs"
MEASURED = "independent implementation, mean of 3 runs"
MEASURED_FIVE = "independent implementation, mean of 5 runs"

PUBLISHED_LOSS = {
    5: (0.669, 0.060),
    10: (0.454, 0.197),
    15: (0.223, 0.201),
    25: (0.136, 0.214),
    50: (0.032, 0.053),
    149: (0.020, 0.023),
}
PUBLISHED_ACCURACY = {
    5: (0.575, 0.183),
    10: (0.825, 0.256),
    15: (0.944, 0.113),
    25: (0.956, 0.138),
    50: (1.0, 0.0),
    149: (1.0, 0.0),
}
MEASURED_LOSS = {
    "bptt": {5: (0.595, 0.167), 10: (0.430, 0.226), 20: (0.173, 0.128), 30: (0.084, 0.077)},
    "three_factor": {5: (0.701, 0.013), 10: (0.687, 0.025), 20: (0.695, 0.004), 30: (0.686, 0.002)},
    "mdgl": {5: (0.701, 0.013), 10: (0.686, 0.026), 20: (0.694, 0.005), 30: (0.687, 0.003)},
    "modprop": {5: (0.691, 0.002), 10: (0.665, 0.027), 20: (0.322, 0.070), 30: (0.113, 0.106)},
    "modprop_wab": {5: (0.696, 0.009), 10: (0.596, 0.086), 20: (0.572, 0.213), 30: (0.498, 0.347)},
    "modprop_mu_all": {5: (0.700, 0.014), 10: (0.688, 0.015), 20: (0.523, 0.222), 30: (0.069, 0.032)},
    "modprop_wab_mu_all": {5: (0.701, 0.013), 10: (0.658, 0.072), 20: (0.485, 0.275), 30: (0.565, 0.214)},
}
MEASURED_ANGLE = {
    "three_factor": {0: (20.0, 17.0), 4: (62.7, 16.3), 8: (64.9, 10.9), 12: (75.4, 10.4)},
    "mdgl": {0: (19.6, 17.1), 4: (62.3, 16.3), 8: (64.3, 10.9), 12: (74.7, 10.4)},
    "modprop": {0: (11.2, 15.8), 4: (44.7, 14.3), 8: (41.6, 9.3), 12: (48.7, 13.6)},
    "modprop_wab": {0: (17.3, 16.9), 4: (53.7, 17.8), 8: (54.9, 7.7), 12: (60.3, 11.3)},
    "modprop_mu_all": {0: (16.8, 15.9), 4: (55.6, 14.2), 8: (55.6, 12.5), 12: (63.5, 13.1)},
    "modprop_wab_mu_all": {0: (18.9, 17.1), 4: (60.6, 15.4), 8: (62.4, 9.0), 12: (71.7, 9.6)},
}


def points(
    series: str, values: dict[int, tuple[float, float]], source: str, condition: str = ""
) -> tuple[Reference, ...]:
    """Return references along a curve from means and spreads by epoch."""
    return tuple(Reference(series, at, value, source, sd, condition) for at, (value, sd) in values.items())


def published(condition: str) -> tuple[Reference, ...]:
    """Return the published curves."""
    loss = points("test_loss", PUBLISHED_LOSS, PUBLISHED, condition)
    return loss + points("test_accuracy", PUBLISHED_ACCURACY, PUBLISHED, condition)


def measured(labels: dict[str, str]) -> tuple[Reference, ...]:
    """Return losses of the independent implementation; ``labels`` are conditions by rule."""
    return tuple(
        one
        for rule, condition in labels.items()
        for one in points("test_loss", MEASURED_LOSS.get(rule, {}), MEASURED, condition)
    )


def angles() -> tuple[Reference, ...]:
    """Return angles to the exact recurrent gradient."""
    return tuple(
        one for rule, values in MEASURED_ANGLE.items() for one in points(f"angle.W_rec.{rule}", values, MEASURED_FIVE)
    )
