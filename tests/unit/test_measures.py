"""Every circuit and every measure: a measurement, or one line that says why not; the gradient has an oracle."""

import jax
import numpy as np
import pytest
from biocredit.circuits import CircuitError
from biocredit.circuits.core.described import describe
from biocredit.circuits.core.rebuilt import rebuild
from biocredit.protocols.recording.measures import streams
from biocredit.protocols.recording.measures.alignment import (
    alignment,
    angle_to_gradient,
    expansion_spectrum,
    limit_of_path,
    reciprocity,
)
from biocredit.protocols.recording.measures.gradient_angles import gradient_angles
from biocredit.protocols.training.course import settings_of

from tests.unit.zoo import CIRCUITS, protocol_of, trials_of

MEASURES = {
    "alignment": alignment,
    "reciprocity": reciprocity,
    "angle_to_gradient": angle_to_gradient,
    "gradient_angles": lambda: gradient_angles({}, ("W_rec",)),
    "similarity_of_streams": lambda: streams.similarity_of_streams(4),
    "first_kernels": lambda: streams.first_kernels("layer1"),
    "limit_of_path": lambda: limit_of_path("layer1"),
    "expansion_spectrum": lambda: expansion_spectrum("layer1"),
}

#: Circuits whose changes are the gradient itself.
EXACT = ("rate/bptt", "rate/rtrl", "dual/transposed")


@pytest.mark.parametrize("name", CIRCUITS)
def test_every_measure_is_taken_or_refused_in_one_line(name: str):
    net, measures = CIRCUITS[name](), [make() for make in MEASURES.values()]
    taken = [measure for measure in measures if not measure.why_not(net)]
    for measure in measures:
        if measure not in taken:
            with pytest.raises(CircuitError, match=type(net).__name__) as refusal:
                measure.check(net)
            assert "\n" not in str(refusal.value)
    view = protocol_of(net, seeds=[0, 1], measures=taken).view()
    found = {key: values for measure in taken for key, values in measure.of(view).items()}
    assert any(key.startswith("angle_to_gradient.") for key in found)
    assert all(np.shape(values)[0] == 2 for values in found.values())
    angles = np.array([values for key, values in found.items() if key.startswith("angle_to_gradient.")])
    assert np.isfinite(angles).any()
    if name in EXACT:
        np.testing.assert_allclose(angles, 0, atol=1e-4)


@pytest.mark.parametrize("name", ["rate/three_factor", "dual/random", "modular"])
def test_the_gradient_is_that_of_finite_differences(name: str):
    net, batch = CIRCUITS[name](), trials_of(CIRCUITS[name]())
    run = protocol_of(net)
    found = angle_to_gradient().of(run.view())
    key = next(iter(found))
    weights = next(one for one in net.plastic if one.removeprefix("up.").removesuffix(".W") == key.partition(".")[2])
    tree = net.read()

    def loss(value: np.ndarray) -> float:
        return float(net.metrics(net.respond(tree | {weights: value}, batch.inputs), batch.targets)["loss"])

    value = np.asarray(tree[weights], np.float64)
    slope = np.zeros(value.shape)
    for place in np.ndindex(value.shape):
        step = np.zeros(value.shape)
        step[place] = 1e-5
        slope[place] = (loss(value + step) - loss(value - step)) / 2e-5
    change = np.asarray(net.learn(tree, batch, jax.random.key(1)).changes[weights])
    cosine = (slope * change).sum() / np.linalg.norm(slope) / np.linalg.norm(change)
    np.testing.assert_allclose(found[key][0], np.degrees(np.arccos(np.clip(cosine, -1, 1))), atol=1e-2)


@pytest.mark.parametrize("name", CIRCUITS)
def test_every_circuit_is_built_again_from_its_description(name: str):
    net = CIRCUITS[name]()
    again = rebuild(describe(net))
    assert describe(again) == describe(net)
    for key, value in net.read().items():
        np.testing.assert_array_equal(value, again.read()[key])
    assert settings_of(protocol_of(net))["with"]["batch_size"] == 4
