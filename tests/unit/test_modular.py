"""Adjoint Propagation: dynamics, errors, plasticity, the running system."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits import Batch, CircuitError, ModularRNN, Plasticity, Region
from biocredit.circuits.core.initializers import SparseRecurrent, rescale, spectral_radius, stream
from biocredit.circuits.core.losses import LOSSES
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.modular.dynamics import residual, settle
from biocredit.circuits.modular.region import Block, layout

SIZES = {"inputs": {"retina": 12}, "readouts": {"choice": 3}}


def two_regions(spectral_radius: float = 0.8, neurons: int = 40, **settings) -> ModularRNN:
    task = type("Sizes", (), SIZES)
    return ModularRNN.chain(
        task, regions=2, neurons=neurons, spectral_radius=spectral_radius, dtype=jnp.float64, **settings
    )


@pytest.fixture
def batch(rng: np.random.Generator) -> Batch:
    return Batch({"retina": rng.random((6, 12))}, {"choice": rng.integers(0, 3, 6)})


def signals(net: ModularRNN, batch: Batch, **settings) -> dict:
    electrode = Electrode()
    net.learn(net.read(), batch, None, electrode, **settings)
    return electrode.readings


def test_local_error_is_the_feedback_through_the_linear_response(batch: Batch):
    """e = q D (1 - W D)^-1 at a settled state, to first order in beta (specification 4.4)."""
    net, beta = two_regions(), 1e-6
    seen = signals(net, batch, error="end_point", iterations=(400, 400), error_strength=beta)
    weight = np.asarray(net.V2.W_rec.value)
    feedback = np.asarray(seen["V2.clamp", "inference"] - seen["V2.clamp", "learning"])
    rate, error = np.asarray(seen["V2.rate", "inference"]), np.asarray(seen["V2.error", "learning"])
    for trial in range(len(rate)):
        slope = np.diag(1 - rate[trial] ** 2)
        expected = feedback[trial] @ slope @ np.linalg.inv(np.eye(40) - weight @ slope)
        np.testing.assert_allclose(error[trial], expected, rtol=2e-5, atol=1e-13)


def test_both_errors_agree_when_everything_has_settled(batch: Batch):
    net = two_regions()
    short = net.learn(net.read(), batch, error="short_trajectory", iterations=(300, 300)).changes
    end = net.learn(net.read(), batch, error="end_point", iterations=(300, 300)).changes
    for name, change in short.items():
        np.testing.assert_allclose(change, end[name], atol=1e-13)


def test_readout_weights_follow_the_exact_gradient(batch: Batch):
    net = two_regions(plasticity={"readout_bias": Plasticity()})
    tree = net.read()

    def loss(own: dict) -> jax.Array:
        return net.metrics(net.respond(tree | own, batch.inputs), batch.targets)["loss"]

    names = ("V2.SI->choice", "choice.bias")
    gradient = jax.grad(loss)({name: tree[name] for name in names})
    changes = net.learn(tree, batch).changes
    for name in names:
        np.testing.assert_allclose(changes[name], gradient[name], atol=1e-12)


@pytest.mark.parametrize("code", [1, 2, -2, 4])
@pytest.mark.parametrize("error", ["short_trajectory", "end_point"])
def test_the_saved_products_change_nothing(code: int, error: str, batch: Batch):
    """Starting from rest skips products; an intervention that changes nothing takes the full ones."""
    net = two_regions(layout_code=code)
    saved = net.learn(net.read(), batch, error=error).changes
    full = net.learn(net.read(), batch, None, lambda name, phase, value: value, error=error).changes
    for name, change in saved.items():
        np.testing.assert_allclose(change, full[name], atol=1e-14)


def test_sigmoid_and_biased_regions_are_awake_at_rest(batch: Batch):
    for settings in ({"activation": "sigmoid"}, {"bias": True}):
        net = two_regions(**settings)
        tree = net.read()
        tree |= {name: tree[name] + 0.3 for name in tree if name.endswith(".bias")}
        saved, full = (net.respond(tree, batch.inputs, *probe)["choice"] for probe in ((), (lambda n, p, v: v,)))
        np.testing.assert_allclose(saved, full, atol=1e-14)


def test_the_timeline_ends_where_the_phases_end(batch: Batch):
    net = two_regions()
    for error, iterations in (("short_trajectory", (5, 5)), ("end_point", (6, 3)), ("short_trajectory", (7, 4))):
        settings = {"error": error, "iterations": iterations}
        seen, course = signals(net, batch, **settings), net.trial(net.read(), batch, **settings)
        for name in ("V1", "V2"):
            inference = net.stretch("inference", **settings)
            np.testing.assert_allclose(
                course[f"{name}.rate"][inference][-1], seen[f"{name}.rate", "inference"], atol=1e-14
            )
            np.testing.assert_allclose(course[f"{name}.rate"][-1], seen[f"{name}.rate", "learning"], atol=1e-14)
            np.testing.assert_allclose(course[f"{name}.error"][-1], seen[f"{name}.error", "learning"], atol=1e-14)


def test_the_running_system_settles_to_the_two_phases(batch: Batch):
    net = two_regions()
    stimulus = jnp.asarray(batch.inputs["retina"])
    net.reset_state(6)
    pure = net.pure(stimulus)
    tree, _ = pure.run(pure.read(), jnp.broadcast_to(stimulus, (300, *stimulus.shape)))
    pure.write(tree)
    net.nudge(choice=jnp.asarray(batch.targets["choice"]))
    for _ in range(300):
        net.update(stimulus)
    seen = signals(net, batch, error="end_point", iterations=(300, 300))
    for name in ("V1", "V2"):
        np.testing.assert_allclose(getattr(net, name).error.value, seen[f"{name}.error", "learning"], atol=1e-12)


def test_a_general_wiring_reads_like_the_methods_section(batch: Batch):
    region = {"RI": 10, "SI": 10, "RE": 10, "SE": 10}
    net = ModularRNN(
        regions={"V1": Region(40, **region), "V2": Region(40, **region)},
        inference=[("retina", "V1.RI"), ("V1.SI", "V2.RI"), ("V2.SI", "choice")],
        feedback=[("choice", "V2.RE"), ("V2.SE", "V1.RE")],
        **SIZES,
        dtype=jnp.float64,
    )
    names = {"retina->V1.RI", "V1.SI->V2.RI", "V2.SI->choice"}
    assert set(net.learn(net.read(), batch).changes) == names
    assert {row["name"] for row in net.projections() if row["plastic"]} == names


def test_recurrent_plasticity_keeps_absent_synapses_absent(batch: Batch):
    net = two_regions(plasticity={"recurrent": Plasticity(factor=0.5, decay=0.1)})
    tree = net.read()
    changes = net.learn(tree, batch).changes
    steps = net.constrain(tree, changes)
    mask = np.asarray(tree["V1.mask"])
    expected = 0.5 * np.asarray(changes["V1.W_rec"]) * mask - 0.1 * np.asarray(tree["V1.W_rec"])
    np.testing.assert_allclose(steps["V1.W_rec"], expected)
    assert not np.asarray(steps["V1.W_rec"])[mask == 0].any()


def test_modes_switch_projections_and_plasticity(batch: Batch):
    task = type("Two", (), {"inputs": {"a": 12, "b": 12}, "readouts": {"o": 3, "p": 3}})
    net = ModularRNN.resource_reuse(task, neurons=48, dtype=jnp.float64)
    both = Batch(
        {"a": batch.inputs["retina"], "b": batch.inputs["retina"]}, dict.fromkeys("op", batch.targets["choice"])
    )
    changes = net.learn(net.read(), both, mode="task2", error="end_point").changes
    assert set(changes) == {"b->R3.b5", "R3.b2->R4.b1", "R4.b3->p"}
    assert all(np.abs(change).max() > 0 for change in changes.values())


def test_no_retrace_on_the_second_call(batch: Batch):
    net, traces = two_regions(), []

    @jax.jit
    def learn(tree: dict, inputs: dict, targets: dict) -> dict:
        traces.append(1)
        return net.learn(tree, Batch(inputs, targets)).changes

    for _ in range(2):
        learn(net.read(), batch.inputs, batch.targets)
    assert len(traces) == 1


def test_seeds_by_vmap_equal_single_runs(batch: Batch):
    net = two_regions()
    trees = [{k: jnp.asarray(v) for k, v in net.initial(seed).items()} for seed in (3, 4)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)
    together = jax.vmap(lambda tree: net.learn(tree, batch).changes)(stacked)
    for number, tree in enumerate(trees):
        for name, change in net.learn(tree, batch).changes.items():
            np.testing.assert_allclose(together[name][number], change, atol=1e-14)


def test_bfloat16_products_stay_near_float32(rng: np.random.Generator):
    task = type("Sizes", (), SIZES)
    nets = [ModularRNN.chain(task, neurons=64, matmul_precision=p) for p in ("float32", "bfloat16")]
    images = {"retina": rng.random((5, 12), np.float32)}
    exact, rough = (net.respond(net.read(), images)["choice"] for net in nets)
    assert exact.dtype == rough.dtype == jnp.float32
    assert 0 < np.abs(exact - rough).max() < 0.05


def test_residual_tells_how_far_a_region_is_from_rest(rng: np.random.Generator):
    region, weight = Region(20), jnp.asarray(rescale(rng.standard_normal((20, 20)), 0.5))
    current = jnp.asarray(rng.standard_normal((3, 20)))
    early, late = (residual(region, weight, current, settle(region, weight, current, n)) for n in (3, 200))
    assert late < 1e-12 < early


def test_sparse_recurrent_density_and_radius():
    weight = SparseRecurrent(0.25, 0.7)(stream(1, "V1.W_rec"), (400, 400))
    assert np.count_nonzero(weight) / weight.size == pytest.approx(1 - np.exp(-0.25), abs=0.005)
    assert spectral_radius(weight) == pytest.approx(0.7)


def test_large_matrices_use_the_sparse_solver(monkeypatch: pytest.MonkeyPatch):
    weight = SparseRecurrent(0.25, 0.7)(stream(1, "V1.W_rec"), (300, 300))
    monkeypatch.setattr("biocredit.circuits.core.initializers.EXACT_EIGENVALUES_UP_TO", 100)
    assert spectral_radius(weight) == pytest.approx(0.7, rel=1e-7)


def test_layouts():
    size, roles = layout(6, 5, {"RE": 2})
    assert size == 30
    assert roles["RE"].tolist() == [10, 11]
    assert layout(1, 7)[1]["SE"].tolist() == list(range(7))
    assert isinstance(Block(np.array([2, 3, 4])).where, slice)
    assert not isinstance(Block(np.array([2, 4])).where, slice)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: two_regions(layout_code=3), "pieces of layout 3"),
        (lambda: two_regions(roles={"RE": 11}), "RE must use 1 to 10"),
        (lambda: two_regions(activation="tahn"), "did you mean 'tanh'"),
        (lambda: two_regions(connection_rate=0.0), "connection_rate"),
        (lambda: two_regions(matmul_precision="float8"), "matmul_precision"),
        (lambda: two_regions(plasticity={"recurent": None}), "did you mean 'recurrent'"),
        (lambda: two_regions(batch_divisor=0), "batch_divisor"),
        (lambda: Region(4, RI=5), "beyond the 4"),
        (lambda: Region(4, RI=[1, 1]), "twice"),
        (lambda: rescale(np.triu(np.ones((4, 4)), 1), 1.0), "spectral radius 0"),
    ],
)
def test_bad_networks_get_one_clear_line(build, message: str):
    with pytest.raises(CircuitError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"error": "short_trajctory"}, "did you mean 'short_trajectory'"),
        ({"iterations": (1, 1)}, "one iteration"),
        ({"iterations": (8, 1), "error": "end_point"}, "one iteration"),
        ({"iterations": (0, 8)}, "at least 1"),
        ({"error_strength": 0}, "error_strength 0"),
        ({"mode": "task9"}, "unknown mode"),
        ({"beta": 1.0}, "unknown setting"),
    ],
)
def test_bad_phases_get_one_clear_line(settings: dict, message: str, batch: Batch):
    net = two_regions()
    with pytest.raises(CircuitError, match=message):
        net.learn(net.read(), batch, **settings)


def test_a_cycle_of_inference_projections_is_refused():
    regions = {name: Region(4, RI=2, SI=2) for name in ("A", "B")}
    edges = [("retina", "A.RI"), ("A.SI", "B.RI"), ("B.SI", "A.RI"), ("B.SI", "choice")]
    with pytest.raises(CircuitError, match="cycle"):
        ModularRNN(regions, inference=edges, feedback=[], **SIZES)


def test_writing_weights_checks_names_and_shapes():
    net = two_regions()
    with pytest.raises(CircuitError, match="did you mean 'V1.W_rec'"):
        net.write({"V1.W_re": np.zeros((40, 40))})
    with pytest.raises(CircuitError, match="wanted"):
        net.write({"V1.W_rec": np.zeros((4, 4))})


def test_ones_iteration_is_feed_forward_control_where_blocks_overlap(batch: Batch):
    net = two_regions(layout_code=1)
    changed = net.read()
    changed |= {"V1.W_rec": changed["V1.W_rec"] * 3}
    settings = {"iterations": (1, 1)}
    for left, right in zip(
        *(net.learn(t, batch, **settings).changes.values() for t in (net.read(), changed)), strict=True
    ):
        np.testing.assert_array_equal(left, right)


def test_the_loss_of_a_wrong_answer_is_finite_however_sure_it_is():
    sure, right = jnp.array([[0.0, 1e4]]), jnp.array([[1.0, 0.0]])
    np.testing.assert_allclose(LOSSES["cross_entropy"].value(sure, right), [1e4])


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("error", ["short_trajectory", "end_point"])
def test_bfloat16_learns_compiled_whatever_the_blocks(scattered: bool, error: str, rng: np.random.Generator):
    order = rng.permutation(64) if scattered else np.arange(64)
    roles = {role: order[16 * k : 16 * k + 16] for k, role in enumerate(("RI", "SI", "RE", "SE"))}
    net = ModularRNN(
        {"V1": Region(64, **roles)},
        inference=[("retina", "V1.RI"), ("V1.SI", "choice")],
        feedback=[("choice", "V1.RE")],
        matmul_precision="bfloat16",
        **SIZES,
    )
    batch = Batch({"retina": rng.random((20, 12), np.float32)}, {"choice": rng.integers(0, 3, 20)})
    changes = jax.jit(lambda tree: net.learn(tree, batch, error=error).changes)(net.read())
    assert all(np.isfinite(change).all() and np.abs(change).max() > 0 for change in changes.values())
