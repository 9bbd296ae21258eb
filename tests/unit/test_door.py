"""Weights from outside meet the invariants of training: at the door, at construction, for every seed."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.circuits import RateRNN
from biocredit.circuits.core.circuit import Circuit, Projection
from biocredit.circuits.core.errors import CircuitError

from tests.unit.zoo import CIRCUITS, PORTS, modular, protocol_of, rate, trials_of

FAMILIES = ["modular", "equilibrium_propagation", "predictive_coding", "rate/bptt", "dual/random", "phaseless_rate"]


def signed(density=0.4, seed=5):
    """A connectome for the nine cells of a rate network: three inhibitory, six excitatory, none onto itself."""
    random = np.random.default_rng(seed)
    exists = (random.random((9, 9)) < density) & ~np.eye(9, dtype=bool)
    return np.abs(random.normal(size=(9, 9))) * np.where(np.arange(9) < 3, -1, 1)[:, None] * exists


def refused(act, message):
    with pytest.raises(CircuitError, match=message) as refusal:
        act()
    assert "\n" not in str(refusal.value)


# -- writing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CIRCUITS)
def test_what_a_circuit_reads_it_can_write(name):
    net = CIRCUITS[name]()
    tree = net.read()
    assert net.write(tree) == []
    for array, value in net.read().items():
        np.testing.assert_array_equal(value, tree[array], err_msg=array)


def test_a_full_matrix_does_not_fill_a_sparse_network():
    net = rate("bptt", density=0.3)
    missing = int((np.asarray(net.read()["mask_rec"]) == 0).sum()) - 9
    full = signed(1.0)
    refused(lambda: net.write({"W_rec": full}), rf"W_rec: {missing} synapses that do not exist here \(0 -> .*fit=True")
    (line,) = net.write({"W_rec": full}, fit=True)
    assert line.startswith(f"W_rec: {missing} synapses that do not exist here")
    written = np.asarray(net.read()["W_rec"])
    np.testing.assert_array_equal(written, full * np.asarray(net.read()["mask_rec"]))
    (row,) = (row for row in net.projections() if row["name"] == "W_rec")
    assert row["density"] == np.count_nonzero(written) / 81


def test_a_mask_of_its_own_comes_with_the_weights():
    net, full = rate("bptt", density=0.3), signed(1.0)
    assert net.write({"W_rec": full, "mask_rec": full != 0}) == []
    np.testing.assert_array_equal(net.read()["W_rec"], full)


def test_cells_keep_their_sign_and_send_nothing_to_themselves():
    net, wrong = rate("bptt"), signed(1.0)
    wrong[4, 0] *= -1
    refused(lambda: net.write({"W_rec": wrong}), r"W_rec: 1 weights of the wrong sign \(4 -> 0\)")
    refused(lambda: net.write({"W_out": -np.asarray(net.read()["W_out"])}), r"W_out: 27 weights of the wrong sign")
    own = signed(1.0) + np.diag(np.where(np.arange(9) == 5, 1.0, 0.0))
    refused(lambda: net.write({"W_rec": own}), r"W_rec: 1 synapses that do not exist here \(5 -> 5\)")
    both = {"W_rec": own, "mask_rec": own != 0}
    refused(lambda: net.write(both), r"W_rec: 1 synapses of a cell onto itself, .* \(5 -> 5\)")
    assert len(net.write(both, fit=True)) == 1
    assert not np.diag(np.asarray(net.read()["mask_rec"])).any()


def test_signs_of_inputs_follow_given_weights_and_learning_erases_nothing():
    net, random = rate("bptt"), np.random.default_rng(3)
    given = random.normal(size=(6, 9))
    assert net.write({"W_in": given}) == ["sign_in follows from what was given"]
    run = protocol_of(net, optimizer=optax.sgd(1e-9)).train(1, progress=False)
    assert np.count_nonzero(run.tree["W_in"][0]) == given.size
    np.testing.assert_allclose(run.tree["W_in"][0], given, atol=1e-6)


class Signed(Circuit):
    """A circuit of one's own whose projection excites."""

    def __init__(self, **options):
        super().__init__(dtype=jnp.float64, **options)
        self.connect(Projection("W", "a", "b", "inference", sign="E"))
        self.persistent("W", self.initial(self.seed)["W"], plastic=True)

    def initial(self, seed):
        return {"W": np.random.default_rng(seed).random((2, 3))}


def test_declared_signs_are_kept_in_any_circuit():
    net = Signed()
    refused(lambda: net.write({"W": -np.ones((2, 3))}), "W: 6 weights of the wrong sign")
    refused(lambda: Signed(weights={"W": -np.ones((2, 3))}), "W: 6 weights of the wrong sign")
    refused(lambda: Signed(weights={"V": np.ones((2, 3))}).read(), "unknown weights 'V': valid: W")
    step = net.constrain(net.read(), {"W": -2 * jnp.ones((2, 3))})["W"]
    np.testing.assert_array_equal(net.read()["W"] + step, np.zeros((2, 3)))


# -- at construction ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_given_weights_are_those_of_every_seed(name):
    drawn = CIRCUITS[name](seed=11)
    given = {array: np.asarray(drawn.read()[array]) for array in drawn.plastic[:1]}
    net = CIRCUITS[name](weights=given)
    for seed in (0, 1, 7):
        for array, value in given.items():
            np.testing.assert_array_equal(net.initial(seed)[array], value)
    (array,) = given
    run = protocol_of(net, seeds=3)
    for seed in range(3):
        np.testing.assert_array_equal(run.tree[array][seed], given[array])
    others = [other for other in net.plastic if other not in given and np.asarray(net.read()[other]).any()]
    assert any(not np.array_equal(run.tree[other][0], run.tree[other][1]) for other in others)


def test_a_connectome_brings_its_mask_to_every_seed_and_keeps_it_in_training():
    connectome = signed()
    net = RateRNN.for_task(PORTS, {"I": 3, "E": 6}, tau=4.0, answer="every", weights={"W_rec": connectome})
    run = protocol_of(net, seeds=3).train(2, progress=False)
    assert np.abs(np.asarray(run.tree["W_rec"]) - connectome).max() > 1e-4
    for seed in range(3):
        np.testing.assert_array_equal(run.tree["mask_rec"][seed], connectome != 0)
        assert not np.asarray(run.tree["W_rec"][seed])[connectome == 0].any()
    regions = modular(weights={"V1.W_rec": np.eye(16)})
    np.testing.assert_array_equal(regions.initial(4)["V1.mask"], np.eye(16))


def test_a_mask_alone_says_which_drawn_synapses_exist():
    exists = signed() != 0
    net = rate("bptt", mask={"W_rec": exists})
    for seed in (0, 3):
        drawn = net.initial(seed)
        np.testing.assert_array_equal(drawn["mask_rec"], exists)
        np.testing.assert_array_equal(drawn["W_rec"] != 0, exists)
    assert net.learn(net.read(), trials_of(net)).changes["W_rec"].shape == (9, 9)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: rate("bptt", weights={"W_rek": signed()}), "unknown weights 'W_rek': did you mean 'W_rec'"),
        (lambda: rate("bptt", weights={"W_rec": signed()[:4]}), r"W_rec: got shape \(4, 9\), wanted \(9, 9\)"),
        (lambda: rate("bptt", weights={"W_rec": -signed()}), r"W_rec: \d+ weights of the wrong sign"),
        (lambda: rate("bptt", weights={"W_rec": signed() + np.eye(9)}), "a cell onto itself"),
        (lambda: rate("bptt", weights={"W_rec": signed() * np.nan}), "W_rec: not all of it is finite"),
        (lambda: rate("bptt", mask={"W_out": np.ones((9, 3))}), "W_out has no mask: every synapse of it exists"),
        (lambda: rate("bptt", mask={"W_reck": np.ones((9, 9))}), "unknown projection 'W_reck'"),
        (lambda: rate("bptt", density=0.2, mask={"W_rec": signed() != 0}), "synapses have no drawn weight"),
        (lambda: modular(weights={"V1.W_re": np.eye(16)}), "did you mean 'V1.W_rec'"),
    ],
)
def test_what_does_not_fit_is_refused_at_construction(build, message):
    refused(build, message)
