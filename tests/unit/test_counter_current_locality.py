"""What a synapse of a counter-current circuit may see: tested through taps and through the other weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.dual_stream.ascending.stack import stages
from biocredit.circuits.dual_stream.pathways.counter_current.levels import cut_at_stages

from tests.unit.counter_current_case import CIRCUITS, learned, seeded, trials

KINDS = ("dense", "pooling", "stride, normalised", "autoencoder")


def moved_by(net, tree, batch) -> dict[str, set[str]]:
    """For every weight array, the ones whose changes move when it is replaced by anything else."""
    learn, found = jax.jit(lambda tree: learned(net, tree, batch)), {}
    before = learn(tree)
    for source in net.plastic:
        other = tree | {source: jnp.asarray(np.random.default_rng(9).normal(size=tree[source].shape))}
        after = learn(other)
        found[source] = {name for name in after if not np.allclose(before[name], after[name], rtol=1e-9, atol=1e-12)}
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_level_knows_only_what_lies_before_it_in_both_streams(kind):
    """At level l: ascending weights 1..l, descending weights l+1..L; nothing from beyond, in either stream."""
    net = CIRCUITS[kind]()
    moved = moved_by(net, seeded(net), trials(net))
    paths = [next(iter(stages(part))) for part in cut_at_stages(net.ascending)]
    for level in range(1, len(paths)):
        up, down = f"up.{paths[level - 1]}.W", f"down.{paths[level]}.W"
        beyond = [f"up.{path}.W" for path in paths[level:]] + [f"down.{path}.W" for path in paths[:level]]
        for source in beyond:
            assert not {up, down} & moved[source], f"level {level} sees {source}"
        assert up in moved[down]
        assert down in moved[up]


def with_signals(net, tree, batch, replaced):
    """Changes of the weights while some signals are replaced by chosen values."""

    def probe(name, phase, value):
        return replaced.get(name, value)

    return net.learn(tree, batch, jax.random.key(0), probe).changes


def test_a_synapse_sees_its_two_ends_and_the_teaching_current_alone():
    """With presynaptic rate, potential and teaching current given, nothing else in the circuit matters."""
    net = CIRCUITS["dense"]()
    tree, batch, random = seeded(net), trials(net), np.random.default_rng(5)
    sizes = {"up.rate1.rate": (7, 5), "up.layer2.potential": (7, 4), "up.rate2.error": (7, 4)}
    given = {name: jnp.asarray(random.normal(size=size)) for name, size in sizes.items()}
    mine = with_signals(net, tree, batch, given)["up.layer2.W"]
    elsewhere = seeded(net, seed=8)
    np.testing.assert_array_equal(mine, with_signals(net, elsewhere, trials(net, seed=4), given)["up.layer2.W"])
    slope = jnp.exp(jnp.minimum(given["up.layer2.potential"], 0))
    np.testing.assert_allclose(mine, (given["up.rate2.error"] * slope).T @ given["up.rate1.rate"], rtol=1e-12)


def test_the_teaching_current_sees_only_the_two_facing_activities():
    net = CIRCUITS["dense"]()
    tree, batch, random = seeded(net), trials(net), np.random.default_rng(5)
    given = {
        "up.rate1.rate": jnp.asarray(random.normal(size=(7, 5))),
        "down.rate1.rate": jnp.asarray(random.normal(size=(3, 5))),
    }
    noted = []

    def probe(name, phase, value):
        if name in ("up.rate1.error", "down.rate1.error"):
            noted.append(np.asarray(value))
        return given.get(name, value)

    for weights in (tree, seeded(net, seed=8)):
        net.learn(weights, batch, jax.random.key(0), probe)
    np.testing.assert_array_equal(noted[0], noted[2])
    np.testing.assert_array_equal(noted[1], noted[3])


def test_a_silenced_descending_population_stops_its_level_but_not_the_output():
    net = CIRCUITS["dense"]()
    tree, batch = seeded(net), trials(net)
    silenced = with_signals(net, tree, batch, {"down.rate2.rate": jnp.zeros((3, 4))})
    assert not np.any(silenced["up.layer2.W"])
    assert not np.any(silenced["down.layer2.W"])
    assert np.any(silenced["up.layer3.W"])
    assert np.any(silenced["down.layer3.W"])


def test_trials_of_a_batch_meet_only_in_the_declared_mismatch():
    """With raw inner products, twice the same trials change an ascending weight as the trials once."""
    net = CIRCUITS["dense"]()
    tree, batch = seeded(net), trials(net)
    twice = batch._replace(
        inputs={"x": jnp.concatenate([batch.inputs["x"]] * 2)},
        targets={"choice": jnp.concatenate([batch.targets["choice"]] * 2)},
    )
    once = learned(net, tree, batch)
    for name, change in learned(net, tree, twice).items():
        np.testing.assert_allclose(change, once[name], rtol=1e-10, atol=1e-14)
