"""What is measured in two streams that face each other, and the tasks made for it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.analysis.metrics import alignment, operations, similarity
from biocredit.analysis.trace.reader import open_trace
from biocredit.circuits import DualStream
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.flops import product_operations
from biocredit.circuits.dual_stream.pathways.counter_current import architectures
from biocredit.circuits.dual_stream.pathways.counter_current.training import TRAININGS
from biocredit.protocols import TwoPhase, tasks
from biocredit.protocols.recording.measures import streams as facing
from biocredit.protocols.tasks import ImageTask


def noise_task(trials=40, side=8, flat=True, classes=3):
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (trials, side, side), np.uint8)
    labels = np.arange(trials) % classes
    return ImageTask("noise", (images, labels), (images[:20], labels[:20]), classes, flat=flat)


def dense_run(measures=(), seeds=1, **options):
    task = noise_task()
    net = DualStream(*architectures.dense([64, 7, 6, 3]), "counter_current")
    optimizer = TRAININGS["dense"].optimizer(4)
    measured = measures(net) if callable(measures) else measures
    return TwoPhase(net, task, optimizer=optimizer, seeds=seeds, batch_size=10, measures=measured, **options)


@pytest.mark.parametrize(
    ("sizes", "bp", "ccl"),
    [
        ((784, 256, 256, 256, 256, 256, 10), 2_391_040, 2_551_552),
        ((3072, 1024, 1024, 1024, 10), 25_227_264, 27_886_080),
        ((3072, 1024, 1024, 1024, 100), 25_780_224, 91_269_120),
    ],
)
def test_the_programs_need_the_operations_of_the_paper(sizes, bp, ccl):
    """Table 2 at 32 samples a batch, read from the step's own program."""
    for descending, wanted in (("transposed", bp), ("counter_current", ccl)):
        net = DualStream(*architectures.dense(sizes), descending)
        assert facing._counted(net, 32) / 32 == wanted


@pytest.mark.parametrize("batch", [1, 5, 64])
def test_counted_operations_follow_the_formula(batch):
    sizes = (20, 12, 9, 4)
    net = DualStream(*architectures.dense(sizes), "counter_current")
    formula = operations.operations("ccl_released", sizes, prototypes=4, batch_size=batch)
    np.testing.assert_allclose(facing._counted(net, batch) / batch, formula, rtol=1e-12)


def test_counting_knows_products_convolutions_loops_and_dead_ends():
    a, b = jnp.ones((3, 4)), jnp.ones((4, 5))
    assert product_operations(lambda a, b: a @ b, a, b) == 2 * 3 * 4 * 5
    assert product_operations(lambda a, b: (a @ b).sum() * 0 + 1, a, b) == 2 * 3 * 4 * 5
    assert product_operations(lambda a, b: (a @ b, a)[1], a, b) == 0
    square = jnp.ones((4, 4))
    assert product_operations(lambda x: jax.lax.fori_loop(0, 6, lambda _, s: s @ square, x), a) == 6 * 2 * 3 * 4 * 4
    assert product_operations(jax.jit(lambda x: jax.jit(jnp.matmul)(x, square)), a) == 2 * 3 * 4 * 4
    image, kernel = jnp.ones((2, 8, 8, 3)), jnp.ones((5, 3, 3, 3))
    layout = ("NHWC", "OIHW", "NHWC")

    def convolve(image, kernel):
        return jax.lax.conv_general_dilated(image, kernel, (1, 1), "VALID", dimension_numbers=layout)

    assert product_operations(convolve, image, kernel) == 2 * (2 * 6 * 6 * 5) * (3 * 3 * 3)
    with pytest.raises(ValueError, match="unknown length"):
        product_operations(lambda x: jax.lax.while_loop(lambda s: s.sum() < 3, lambda s: s @ square, x), a)


def test_similarity_is_that_of_the_activities():
    run = dense_run(seeds=2)
    found = facing.similarity_of_streams(4, trials=20).of(run)["cka"]
    assert found.shape == (2, 4, 4)
    batch = run.task.draw(run.task.arrays, np.arange(20), jax.random.key(0), test=True)
    course = run.circuit.trial(run.circuit.read(), batch, jax.random.key(0))
    names = facing.facing_names(run.circuit)
    a = {up: np.asarray(course[up][-1], np.float64) for up, _ in names}
    b = {down: np.asarray(course[down][-1], np.float64) for _, down in reversed(names)}
    np.testing.assert_allclose(found[0], similarity.cka_matrix(b, a), rtol=1e-4)


def test_similarity_is_the_product_of_unit_grams():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(9, 40)), random.normal(size=(9, 5))
    product = facing.unit_gram(jnp.asarray(x)) @ facing.unit_gram(jnp.asarray(y))
    np.testing.assert_allclose(product, similarity.cka(x, y), rtol=1e-9)
    assert np.isnan(facing.unit_gram(jnp.ones((4, 3)))).all()


def test_embeddings_hold_trials_then_classes():
    run = dense_run()
    found = facing.embedding_of_streams((1, 2), trials=20).of(run)
    points = found["tsne.level2"][0]
    assert points.shape == (23, 4)
    np.testing.assert_array_equal(points[:20, 2], np.arange(20) % 3)
    np.testing.assert_array_equal(points[20:, 2:], [[0, 1], [1, 1], [2, 1]])
    assert np.isfinite(points).all()


def test_weights_and_kernels():
    run = dense_run()
    found = facing.weights_facing(run.circuit).of(run)["weight_cosine.plain"]
    tree = run.circuit.read()
    wanted = alignment.weight_cosine(np.asarray(tree["up.layer2.W"]), np.asarray(tree["down.layer2.W"]))
    np.testing.assert_allclose(found[0, 1], wanted)
    nodes = architectures.pooling([1, 4, 5, 6], 3, first_kernel=5)
    net = DualStream(*nodes, "counter_current")
    maps = TwoPhase(net, tasks.as_maps(noise_task(flat=False), 8), batch_size=10)
    spectra = facing.first_kernels("conv1").of(maps)
    assert all(one.shape == (1, 4) for one in spectra.values())
    assert np.all((spectra["kernel.high_frequency_fraction"] > 0) & (spectra["kernel.high_frequency_fraction"] < 1))


def test_a_measure_is_repeated_in_the_trace(tmp_path):
    measures = lambda net: (facing.similarity_of_streams(4, 20, every=2), facing.operation_count(("bp",), (8, 32)))  # noqa: E731
    run = dense_run(measures, seeds=2)
    run.train(4, tmp_path / "run.h5", progress=False)
    learning = open_trace(tmp_path / "run.h5").learning
    assert learning["cka"].dims == ("seed", "every_2_epochs", "descending_level", "ascending_level")
    np.testing.assert_array_equal(learning["cka"].coords["every_2_epochs"], [0, 2, 4])
    last = facing.similarity_of_streams(4, 20).of(run)["cka"]
    np.testing.assert_allclose(learning["cka"].values[:, -1], last, rtol=1e-6)
    assert not np.allclose(learning["cka"].values[:, 0], last)
    assert learning["operations.bp"].dims == ("seed", "batch_size")


# -- tasks -------------------------------------------------------------------------------------------------


def test_maps_are_cut_mirrored_and_resized_in_training_only():
    task = tasks.as_maps(noise_task(flat=False), 8, margin=2, mirrored=True)
    arrays, index = jax.tree.map(jnp.asarray, task.arrays), jnp.arange(20)
    plain = noise_task(flat=False)
    still = np.asarray(plain.draw(arrays, index, jax.random.key(0), test=True).inputs["image"])
    shown = task.draw(arrays, index, jax.random.key(0), test=True).inputs["image"]
    np.testing.assert_array_equal(shown, still[..., None])
    train = task.draw(arrays, index, jax.random.key(0)).inputs["image"]
    assert train.shape == shown.shape
    padded = np.pad(still, ((0, 0), (2, 2), (2, 2)))
    for one, image in zip(np.asarray(train)[..., 0], padded, strict=True):
        cuts = [image[r : r + 8, c : c + 8] for r in range(5) for c in range(5)]
        assert any(np.array_equal(one, cut) or np.array_equal(one, cut[:, ::-1]) for cut in cuts)
    larger = tasks.as_maps(noise_task(flat=False), 16)
    assert larger.draw(arrays, index, jax.random.key(0)).inputs["image"].shape == (20, 16, 16, 1)


def test_reproduced_images_are_their_own_targets():
    task = tasks.reproduce(tasks.as_maps(noise_task(flat=False), 8))
    batch = task.draw(jax.tree.map(jnp.asarray, task.arrays), jnp.arange(3), jax.random.key(0))
    np.testing.assert_array_equal(batch.inputs["image"], batch.targets["reconstruction"])


def test_an_autoencoder_learns_to_reproduce():
    from biocredit.circuits.dual_stream.pathways.counter_current import RELEASED_AUTOENCODER, CounterCurrent

    task = tasks.reproduce(tasks.as_maps(noise_task(flat=False), 8))
    starts = architectures.autoencoder_initializers(2)
    stream = CounterCurrent(
        comparison=RELEASED_AUTOENCODER, pairing="same_trial", normalised="after", initializers=starts
    )
    net = DualStream(
        *architectures.autoencoder([4, 6], 8, 1), stream, loss="mean_squared_error", readout="reconstruction"
    )
    run = TwoPhase(net, task, optimizer=TRAININGS["autoencoder"].optimizer(4), batch_size=10)
    before = run.score()["loss"]
    assert run.train(3, progress=False).score()["loss"] < before


def test_passes_draw_at_random_and_are_as_long_as_said():
    task = tasks.passes(noise_task(), 12)
    assert (task.n_train, task.n_test) == (12, 20)
    arrays = jax.tree.map(jnp.asarray, task.arrays)
    drawn = [np.asarray(task.draw(arrays, jnp.arange(12), jax.random.key(k)).trials["index"]) for k in range(3)]
    assert not np.array_equal(drawn[0], drawn[1])
    assert np.concatenate(drawn).max() >= 12
    test = task.draw(arrays, jnp.arange(5), jax.random.key(0), test=True).trials["index"]
    np.testing.assert_array_equal(test, np.arange(5))


def test_impossible_tasks():
    with pytest.raises(CircuitError, match="flat"):
        tasks.as_maps(noise_task(), 8)
    with pytest.raises(CircuitError, match="cannot cut"):
        tasks.as_maps(noise_task(flat=False), 16, margin=1)
    with pytest.raises(CircuitError, match="trials"):
        tasks.passes(noise_task(), 0)
