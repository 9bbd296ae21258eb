"""Every descending stream, by the same tests: what it changes, what it reads, how it compiles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.losses import as_target
from biocredit.circuits.core.probes import Electrode, untouched
from biocredit.circuits.dual_stream import PATHWAYS, DualStream
from biocredit.circuits.dual_stream.ascending.stack import ascend
from biocredit.circuits.dual_stream.pathways import CounterCurrent, Goal, Stagewise
from dual_stream_case import batch, dense, residual

STAGEWISE = [name for name, kind in PATHWAYS.items() if issubclass(kind, Stagewise)]


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture(
    params=[*((dense, name) for name in PATHWAYS), *((residual, name) for name in STAGEWISE)],
    ids=lambda pair: f"{pair[0].__name__}-{pair[1]}",
)
def net(request):
    build, name = request.param
    return build(name)


@pytest.mark.parametrize("name", PATHWAYS)
def test_declaration_says_its_name_and_source(name):
    declaration = PATHWAYS[name].rule
    assert name.startswith(declaration.name)  # variants of a rule share its declaration
    assert declaration.citation
    assert declaration.transports in ("nothing", "signs", "weights")
    assert declaration.phases >= 1


def test_every_plastic_weight_changes_by_an_array_like_itself(net):
    tree = net.read()
    outcome = net.learn(tree, batch(net), jax.random.key(0))
    assert set(outcome.changes) == set(net.plastic)
    for name, change in outcome.changes.items():
        assert change.shape == tree[name].shape, name
        assert change.dtype == tree[name].dtype, name
        assert jnp.isfinite(change).all(), name
    assert set(outcome.tree) <= set(tree) - set(net.plastic)
    assert all(value.shape == tree[name].shape for name, value in outcome.tree.items())


def test_forward_weights_are_read_no_more_than_declared(net):
    """Credit with forward weights that were exchanged after the inference phase."""
    tree, one = net.read(), batch(net)
    ascent = ascend(net.ascending, tree, one.inputs["image"])
    target = as_target(one.targets["choice"], ascent.output)
    loss, error = net.loss(ascent.output, target)

    def credit(tree):
        return net.descending.credit(net.ascending, tree, ascent, Goal(error, target, loss), untouched).changes

    def exchanged(by):
        return tree | {
            name: by(value) for name, value in tree.items() if name.startswith("up.") and name.endswith(".W")
        }

    found = credit(tree)
    others = {"nothing": lambda W: jnp.full_like(W, jnp.nan), "signs": lambda W: 7.0 * W, "weights": lambda W: 7.0 * W}
    transports = net.descending.rule.transports
    other = credit(exchanged(others[transports]))
    same = all(np.array_equal(found[name], other[name]) for name in found)
    assert same == (transports != "weights")


def test_second_call_does_not_trace_again(net):
    traces = []

    @jax.jit
    def learn(tree, batch, key):
        traces.append(1)
        return net.learn(tree, batch, key)

    for seed in range(2):
        jax.block_until_ready(learn(net.read(), batch(net, seed), jax.random.key(seed)))
    assert len(traces) == 1


def test_seeds_are_one_more_axis(net):
    trees = [{k: jnp.asarray(v) for k, v in net.initial(seed).items()} for seed in range(2)]
    one, key = batch(net), jax.random.key(0)
    stacked = {name: jnp.stack([tree[name] for tree in trees]) for name in trees[0]}
    with jax.numpy_rank_promotion("allow"):
        together = jax.vmap(lambda tree: net.learn(tree, one, key).changes)(stacked)
    for index, tree in enumerate(trees):
        for name, change in net.learn(tree, one, key).changes.items():
            np.testing.assert_allclose(together[name][index], change, rtol=1e-9, atol=1e-12, err_msg=name)


def test_effective_feedback_has_the_layout_of_the_forward_weights(net):
    tree = net.read()
    for path, feedback in net.effective_feedback(tree).items():
        assert feedback.shape == tree[f"up.{path}.W"].shape, path


@pytest.mark.parametrize("name", PATHWAYS)
def test_single_precision_stays_single(name):
    net = DualStream.mlp((6, 5, 3), name)
    outcome = net.learn(net.read(), batch(net), jax.random.key(0))
    assert {value.dtype for value in (*outcome.changes.values(), *outcome.metrics.values())} == {jnp.dtype("float32")}


def test_every_signal_of_both_phases_is_tapped_under_the_name_of_a_population(net):
    electrode, tree = Electrode(), net.read()
    net.cycle(tree, batch(net), electrode)
    populations = {population.name: population.size for population in net.populations()}
    signals = {name: value for (name, _), value in electrode.readings.items() if name.rpartition(".")[0] in populations}
    assert set(net.variables()) <= set(signals)
    assert "up.input.rate" in signals
    if isinstance(net.descending, Stagewise | CounterCurrent):
        assert "down.input.rate" in signals
    for name in net.variables():
        assert signals[name][0].size == populations[name.rpartition(".")[0]], name


@pytest.mark.parametrize("name", STAGEWISE)
def test_cut_feedback_leaves_lower_stages_without_change(name):
    net = dense(name)

    def cut(signal, phase, value):
        return 0 * value if signal == "down.layer3.B" else value

    whole = net.cycle(net.read(), batch(net)).changes
    lesioned = net.cycle(net.read(), batch(net), cut).changes
    np.testing.assert_array_equal(lesioned["up.layer3.W"], whole["up.layer3.W"])
    assert not lesioned["up.layer2.W"].any()
    assert whole["up.layer2.W"].any()


@pytest.mark.parametrize("name", STAGEWISE)
def test_sparse_feedback_has_an_exact_number_of_zeros_that_never_fill(name):
    net = dense(PATHWAYS[name](sparsity=0.6), sizes=(10, 10, 10))
    tree = net.prepare(net.read(), jax.random.key(0))
    masks = {k: v for k, v in tree.items() if k.endswith("_mask")}
    assert masks
    for key, mask in masks.items():
        assert int((~mask).sum()) == round(0.6 * mask.size)
        own = key.removesuffix("_mask")
        if own in tree:
            assert not tree[own][~mask].any()
        if own in net.plastic:
            change = net.cycle(tree, batch(net)).changes[own]
            assert not change[~mask].any()
            assert change.any()
    if "down.layer1.R_mask" not in masks and net.effective_feedback(tree):
        feedback = net.effective_feedback(tree)["layer1"]
        assert not feedback[~masks["down.layer1.B_mask"]].any()


@pytest.mark.parametrize("name", [name for name in STAGEWISE if name != "direct"])
def test_remaining_synapses_of_sparse_feedback_make_up_for_the_missing_ones(name):
    sizes = (60, 60, 60)
    nets = [dense(PATHWAYS[name](sparsity=fraction), sizes=sizes) for fraction in (0.0, 0.75)]
    found = [net.effective_feedback(net.read()) for net in nets]
    size = [float(jnp.square(one["layer2"]).mean()) for one in found]
    assert size[1] == pytest.approx(size[0], rel=0.2)


def test_labels_and_one_hot_targets_say_the_same(net):
    one = batch(net)
    hot = Batch(one.inputs, {"choice": jax.nn.one_hot(one.targets["choice"], 3, dtype=jnp.float64)})
    soft = DualStream(net.ascending, net.input_shape, net.descending, loss="soft_cross_entropy", dtype=net.dtype)
    a, b = (circuit.cycle(net.read(), given) for circuit, given in ((net, one), (soft, hot)))
    for name in a.changes:
        np.testing.assert_array_equal(a.changes[name], b.changes[name])


@pytest.mark.parametrize("name", PATHWAYS)
def test_synapses_lead_from_population_to_population(name):
    net = dense(PATHWAYS[name]())
    populations = {population.name for population in net.populations()}
    assert {end for row in net.synapses.values() for end in (row.pre, row.post)} <= populations | {""}


def test_the_register_says_where_feedback_passes():
    product, direct = (dense(PATHWAYS[name]()).synapses for name in ("product", "direct"))
    assert product["down.layer2.B"].post == product["down.layer2.R"].pre == "down.layer2.intermediate"
    assert {row.pre for name, row in direct.items() if name.startswith("down")} == {"down.layer3"}
