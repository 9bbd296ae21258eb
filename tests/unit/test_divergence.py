"""A run whose loss grows beyond its limit stops, and says what the learning rates were."""

import warnings

import numpy as np
import pytest
from biocredit.analysis.trace.reader import open_trace
from biocredit.circuits import DualStream
from biocredit.circuits.dual_stream.pathways.self_assembling import PerKind, PerKindTraining
from biocredit.protocols import Record, RunError, TwoPhase, tasks
from biocredit.protocols.experiments.overrides import overridden
from biocredit.protocols.experiments.papers.self_assembling_learning.experiments import ASSEMBLING
from biocredit.protocols.training.divergence import Divergence

from tests.unit.zoo import CIRCUITS, protocol_of

TASK = tasks.digits(train=120, test=40)
FINE = {"W": np.ones((2, 3), bool)}


def tangle(rate: float, **settings) -> TwoPhase:
    training = PerKindTraining(PerKind(1.0, 0.1, 1.0, 1.0).scaled(rate))
    net = DualStream.mlp((64, 32, 32, 10), "self_assembling", bias=False)
    limit = Divergence(10, training.remedy())
    options = {"optimizer": training.optimizer(), "batch_size": 20, "chunk": 2, "divergence": limit} | settings
    return TwoPhase(net, TASK, **options)


def test_what_went_wrong_first_is_told():
    first, loss = np.array([2.0, 3.0]), np.array([[2.0, 19.9, 21.0], [3.0, 31.0, np.inf]])
    found = Divergence(10).found(loss, FINE, first, update=7)
    assert found == {
        0: (9, "the loss of update 9 is 21, more than 10 times the 2 of the first update"),
        1: (8, "the loss of update 8 is 31, more than 10 times the 3 of the first update"),
    }
    remedied = Divergence(remedy="mind the rate")
    (at, what) = remedied.found(loss, FINE, first, update=7)[1]
    assert (
        remedied.say(what, 4) == "the run diverged in epoch 4: 'loss' is not finite first, at update 9; mind the rate"
    )
    assert at == 9
    assert Divergence(10).found(loss[:, :1], {"W": FINE["W"][:, :1]}, first, update=7) == {}


def test_a_tangle_that_blows_up_names_rate_and_ratios(tmp_path):
    with pytest.raises(RunError, match=r"more than 10 times .* learning rates 3 x \(W 1, Wbar 0.1, V 1, Vbar 1\)"):
        tangle(3.0).train(20, record=tmp_path / "run.h5", progress=False)
    assert open_trace(tmp_path / "run.h5").status == "failed"


def test_the_first_loss_outlives_a_resumed_run(tmp_path):
    run, path = tangle(0.1), tmp_path / "run.h5"
    step = run.networks.learn

    def stopped(*where):
        if run.epoch == 1:
            raise KeyboardInterrupt
        return step(*where)

    run.networks.learn = stopped
    with pytest.raises(KeyboardInterrupt):
        run.train(2, record=path, progress=False)
    again = tangle(0.1).resume(path, progress=False)
    assert np.array_equal(again.first_loss, run.first_loss)
    assert np.isfinite(again.first_loss).all()


def test_the_experiments_watch_for_it():
    data = {"task.name": "digits", "task.train": 120, "task.test": 40}
    small = {"circuit.hidden": (12,), "optimizer.learning_rate": 0.5, "run.seeds": 1, "run.batch_size": 20}
    small = overridden(ASSEMBLING, data | small)
    limit = small.build().divergence
    assert limit.factor == 10
    assert "learning rates 0.5 x (W 1, Wbar 0.01, V 1, Vbar 1)" in limit.remedy


#: A circuit of every family, and every way in which errors come down.
FAMILIES = (
    *("modular", "equilibrium_propagation", "predictive_coding", "phaseless_rate", "phaseless_microcircuit"),
    *("rate/bptt", "rate/rtrl", "ctrnn/eprop", "spiking/eprop"),
    *("dual/transposed", "dual/random", "dual/kolen_pollack", "dual/counter_current", "dual/self_assembling"),
    *("dual/difference_target_meulemans", "dual/direct_random_target"),
)


@pytest.mark.parametrize("name", FAMILIES)
def test_dead_networks_are_marked_and_the_others_go_on(name, tmp_path):
    """NaN in the first weights of one network, in the last feedback weights of another (its last weights else)."""
    net = CIRCUITS[name]()
    weights = [one for one, entry in net.synapses.items() if "bias" not in entry.kind]
    feedback = [one for one in weights if net.synapses[one].kind == "feedback"] or weights
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = protocol_of(net, seeds=[3, 4, 5])
        poisoned = {one: np.array(value) for one, value in run.tree.items()}
        for number, one in ((1, weights[0]), (2, feedback[-1])):
            poisoned[one][number][poisoned[one][number] != 0] = np.nan  # where there are synapses
        run = protocol_of(net, seeds=[3, 4, 5], start=poisoned, records=Record(weights[0]))
        run.train(2, record=tmp_path / "run.h5", progress=False)
    assert set(run.dead) == {4, 5}
    assert all(np.isfinite(values[0]) and np.isnan(values[1:]).all() for values in run.last.values())
    assert all(np.isfinite(value[0]).all() for value in run.tree.values())
    with open_trace(tmp_path / "run.h5") as trace:
        assert trace.status == "complete"
        assert [row["kind"] for row in trace.events.rows()].count("diverged") == 2
        for array in (*trace.learning.arrays().values(), trace.read(f"weights/{weights[0]}", snapshot=-1)):
            seed = array.dims.index("seed")
            assert np.isfinite(np.take(array.values, 0, seed)).all(), array.name
            assert np.isnan(np.take(array.values, [1, 2], seed)).all(), array.name
