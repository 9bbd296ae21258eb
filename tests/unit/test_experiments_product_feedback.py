import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.analysis import open_trace
from biocredit.analysis.metrics.alignment import angle
from biocredit.analysis.metrics.spectra import predicted_path_angle
from biocredit.protocols.datasets.formats import DataError
from biocredit.protocols.datasets.image_tree import MEAN, SD, colour_images, image_tree
from biocredit.protocols.execution.job import Job
from biocredit.protocols.experiments import find
from biocredit.protocols.experiments.overrides import overridden
from biocredit.protocols.experiments.papers import OURS
from biocredit.protocols.experiments.papers.product_feedback_alignment.experiments import EXPANSIONS
from PIL import Image

SMALL = {"circuit.hidden": (12,), "task.train": 64, "task.test": 32, "run.epochs": 1, "run.seeds": 2}


def ran(name, condition, path, **settings):
    experiment = find(f"product-feedback/{name}")
    (configuration,) = experiment.configured(settings, quick=True, only=[condition]).values()
    return open_trace(Job(experiment, condition, configuration, path, quick=True).start(progress=False))


def curve(trace, name):
    return np.asarray(trace.learning[name].values)


def test_back_propagation_is_its_own_gradient_and_product_feedback_is_not_yet(tmp_path):
    exact = ran("fig2", "BP", tmp_path / "bp.h5", **SMALL)
    np.testing.assert_allclose(curve(exact, "angle_to_gradient.layer1"), 0, atol=1e-3)
    np.testing.assert_allclose(curve(exact, "angle.layer1"), 0, atol=1e-3)
    np.testing.assert_allclose(curve(exact, "reciprocal_correlation.layer1"), 1, atol=1e-6)
    product = ran("fig2", "PFA", tmp_path / "pfa.h5", **SMALL)
    assert curve(product, "angle.layer1").shape == (2, 2)
    assert (curve(product, "angle.layer1")[:, 0] > 70).all()
    assert not [name for name in product.learning if name.startswith("reciprocal")]


def test_alignment_is_that_of_the_path_through_both_matrices(tmp_path):
    trace = ran("fig2", "PFA", tmp_path / "pfa.h5", **SMALL | {"run.epochs": 0, "run.seeds": 1})
    settings = find("product-feedback/fig2").configured(SMALL, quick=True, only=["PFA"])["PFA"]
    tree = overridden(settings, {"run.seeds": 1}).build().circuit.initial(0)
    path = tree["down.layer1.B"] @ tree["down.layer1.R"]
    assert curve(trace, "angle.layer1")[0, 0] == pytest.approx(angle(tree["up.layer1.W"], path), abs=1e-3)


def test_the_gradient_knows_nothing_of_missing_feedback_synapses(tmp_path):
    sparse = ran("fig2", "BP", tmp_path / "bp.h5", **SMALL | {"pathway.sparsity": 0.9, "run.seeds": 1})
    assert (curve(sparse, "angle_to_gradient.layer1") > 30).all()
    product = ran("fig6", "PFA, sparsity 0.9", tmp_path / "pfa.h5", **SMALL | {"run.seeds": 1})
    assert np.isfinite(curve(product, "angle_to_gradient.layer1")).all()


def test_noise_turns_the_feedback_of_phaseless_circuits_towards_the_forward_weights(tmp_path):
    small = SMALL | {"run.epochs": 3, "task.train": 640, "run.seeds": 1}
    trace = ran("table1", "PAL", tmp_path / "pal.h5", **small)
    angles, reciprocal = (curve(trace, f"{name}.layer2")[0] for name in ("angle", "reciprocal_correlation"))
    assert angles[0] > 70
    assert angles[-1] < 45
    assert reciprocal[-1] > 0.6


def test_direct_feedback_has_no_layers_to_compare(tmp_path):
    trace = ran("fig2", "DFA", tmp_path / "dfa.h5", **SMALL)
    assert not [name for name in trace.learning if name.startswith(("angle.", "norm_ratio."))]


def test_the_limit_of_the_path_follows_marchenko_and_pastur(tmp_path):
    trace = ran("fig3", "expansion 3.98", tmp_path / "born.h5", **{"run.seeds": 2})
    assert curve(trace, "eigenvalue").shape == (2, 100)
    np.testing.assert_allclose(curve(trace, "limit.angle"), predicted_path_angle(1 / 3.98), atol=1.5)
    np.testing.assert_allclose(curve(trace, "limit.eigenvalue_sd"), np.sqrt(1 / 3.98), atol=0.03)


@pytest.mark.parametrize("expansion", EXPANSIONS)
def test_stored_limits_are_those_of_theory(expansion):
    known = [one for one in find("product-feedback/fig3").references if one.condition == f"expansion {expansion}"]
    known = [one for one in known if not one.source.startswith(OURS)]
    value = {one.series.removeprefix("limit."): one.value for one in known}
    (sd,) = (one.sd for one in known if one.sd)
    mean, spread, limit, ratio = (value[name] for name in ("eigenvalue_mean", "eigenvalue_sd", "angle", "norm_ratio"))
    assert mean == pytest.approx(1, abs=0.003)
    assert spread == pytest.approx(expansion**-0.5, abs=0.002)
    assert limit == pytest.approx(predicted_path_angle(1 / expansion), abs=1.6 * sd)
    assert ratio == pytest.approx(np.sqrt(1 + 1 / expansion), abs=5e-3)


def test_schedules_are_those_of_the_paper():
    table = find("product-feedback/fig2").conditions
    assert (table["PFA"].optimizer.first_decay, table["PFA"].optimizer.decay) == (0.03, 1e-4)
    assert (table["BP"].optimizer.first_decay, table["BP"].run.epochs, table["BP"].run.batch_size) == (1e-4, 40, 64)
    assert find("product-feedback/fig4").conditions["DFA"].optimizer.learning_rate == 0.001
    large = find("product-feedback/fig5").conditions["PFA"]
    assert (large.circuit.depth, large.run.epochs, large.optimizer.first_decay) == (18, 75, 5e-4)


@pytest.fixture
def tree(tmp_path):
    random = np.random.default_rng(0)
    for part, count in (("train", 4), ("val", 2)):
        for name in ("cat", "dog"):
            folder = tmp_path / "imagenet" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "imagenet"


def test_a_tree_of_images_is_decoded_batch_by_batch(tree):
    task = image_tree(tree, 16, train=4)
    assert (task.n_train, task.n_test, task.readouts["choice"]) == (4, 4, 2)
    draw = jax.jit(task.draw, static_argnames="test")
    batch = draw(jax.tree.map(jnp.asarray, task.arrays), jnp.array([3, 0]), jax.random.key(0), test=True)
    assert batch.targets["choice"].tolist() == [1, 0]
    wanted = (task.sources[1].folder.read([3, 0], 16) / 255 - np.array(MEAN)) / np.array(SD)
    np.testing.assert_allclose(batch.inputs["image"], wanted, atol=1e-5)
    with pytest.raises(DataError, match="train"):
        image_tree(tree / "val")


def test_a_residual_network_learns_from_folders(tree, tmp_path, monkeypatch):
    monkeypatch.setenv("BIOCREDIT_DATA", str(tree.parent))
    sizes = {"task.name": "imagenet", "circuit.depth": 20, "task.side": 8, "run.batch_size": 4, "run.seeds": 1}
    trace = ran("fig5", "SF", tmp_path / "sf.h5", **sizes)
    assert np.isfinite(curve(trace, "test_accuracy")).all()


def test_grey_images_get_three_equal_channels():
    task = colour_images("digits", 8, train=3, test=2, standardise=None)
    image = task.draw(task.arrays, jnp.arange(2), jax.random.key(0)).inputs["image"]
    assert image.shape == (2, 8, 8, 3)
    np.testing.assert_array_equal(image[..., 0], image[..., 2])
