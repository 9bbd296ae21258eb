"""A small trace whose every value is known."""

import numpy as np
from biocredit.analysis.trace.writer import TraceWriter

SEEDS = [7, 8, 9]
POPULATION = {"name": "V1", "size": 4, "kind": "rate", "blocks": {"RI": [0, 1], "RE": [2, 3]}, "cell_type": "E"}
PROJECTION = {"pre": "V1", "post": "V2", "kind": "inference", "plastic": True, "sign": "mixed", "density": 0.5}


def start(path, **changes):
    arguments = {
        "experiment": "unit/test",
        "configuration": {"circuit": {"spectral_radius": 0.25}, "name": "µ"},
        "citations": ["10.1000/one", "arXiv:2000.00001"],
        "seeds": SEEDS,
        "attributes": {"version_jax": "0.10.2", "host_cores": 2, "device": "cpu"},
    }
    return TraceWriter.create(path, **(arguments | changes))


def declare(writer):
    writer.populations([POPULATION, POPULATION | {"name": "V2", "size": 2, "blocks": {}}])
    writer.projections([PROJECTION | {"name": "V1->V2"}])
    writer.declare("learning/loss", ("seed", "epoch"), (3, None), units="nat", long_name="cross-entropy")
    writer.declare("learning/test", ("seed", "epoch"), (3, None), units="1", long_name="test accuracy")
    axes = ("snapshot", "seed", "post", "pre")
    writer.declare("weights/V1/W", axes, (None, 3, 2, 4), units="1", long_name="weights", dtype="f4")
    axes = ("snapshot", "seed", "trial", "time", "neuron")
    writer.declare(
        "activity/V1/rate",
        axes,
        (None, 3, 2, 5, 4),
        units="1",
        long_name="rate",
        dtype="f4",
        coords={"time": 0.5 * np.arange(5), "trial": ([3, 5], "deg", "orientation")},
    )
    writer.constant("activity/V1/block", ["RI", "RI", "RE", "RE"], ("neuron",), "1", "block")
    writer.constant("weights/V1/mask", np.eye(2, 4, dtype=bool), ("post", "pre"), "1", "existing synapses")


def epoch(writer, number):
    """One epoch: everything it records is a function of its number; the test accuracy comes every second epoch."""
    writer.append("learning/loss", number + np.arange(3.0)[:, None] / 10, at=[number])
    if number % 2 == 0:
        writer.append("learning/test", np.full((3, 1), 100.0 * number), at=[number])
    writer.append("weights/V1/W", number + np.arange(24.0).reshape(1, 3, 2, 4), at=[10 * number])
    writer.append("activity/V1/rate", np.full((1, 3, 2, 5, 4), number), at=[10 * number])
    writer.event(update=10 * number, time_ms=1.5, kind="intervention", description=f"epoch {number}", phase="learning")
    writer.commit()
