"""Plasticity while time runs, through the protocol."""

import numpy as np
import optax
import pytest
from biocredit.analysis import open_trace
from biocredit.circuits import CircuitError, ModularRNN, RateRNN
from biocredit.protocols import Online, Record, RunError, TwoPhase, interventions, tasks

TASK = tasks.delayed_xor(cue=5, delay=10, n_train=20, n_test=10)


def build(rule: str = "three_factor", **settings) -> Online:
    net = RateRNN.for_task(TASK, 12, rule=rule, tau=10.0)
    return Online(net, TASK, **{"batch_size": 10, "optimizer": optax.sgd(0.1), **settings})


@pytest.mark.parametrize("rule", ["three_factor", "modprop_wab"])
def test_one_stretch_of_the_whole_trial_is_learning_once_a_trial(rule: str):
    trial, stretch = (build(rule, update_every=every).train(2, progress=False) for every in ("trial", TASK.steps))
    for name in trial.tree:
        np.testing.assert_allclose(trial.tree[name], stretch.tree[name], atol=2e-6)


def test_more_changes_give_other_weights_and_a_lesion_reaches_them():
    every = {k: build(update_every=k).train(1, progress=False).tree["W_rec"] for k in (5, 10)}
    assert not np.array_equal(every[5], every[10])
    frozen = build(update_every=5, interventions=[interventions.freeze_plasticity("W_rec")])
    before = np.asarray(frozen.tree["W_rec"])
    assert np.array_equal(frozen.train(1, progress=False).tree["W_rec"], before)


@pytest.mark.parametrize("every", ["trial", 5])
def test_without_modulators_modprop_is_the_three_factor_rule(every):
    surgery = [interventions.lesion("modulator.*")]
    blocked = build("modprop_wab", update_every=every, interventions=surgery).train(1, progress=False)
    plain, intact = (
        build(rule, update_every=every).train(1, progress=False) for rule in ("three_factor", "modprop_wab")
    )
    np.testing.assert_allclose(blocked.tree["W_rec"], plain.tree["W_rec"], atol=1e-6)
    assert np.abs(intact.tree["W_rec"] - plain.tree["W_rec"]).max() > 1e-5


def test_what_belongs_to_no_population_can_be_recorded(tmp_path):
    names = ("modulator", "receptor", "output", "cells.rate")
    run = build("modprop_wab", records=[Record(of=name) for name in names], probe_trials=3)
    run.train(1, tmp_path / "run.h5", progress=False)
    with open_trace(tmp_path / "run.h5") as trace:
        modulator = trace["activity/modulator/modulator"]
        assert modulator.values.shape == (2, 1, 3, TASK.steps, 2)
        assert not modulator.values[..., :-1, :].any(), "the answer counts at the last step alone"
        assert modulator.values[..., -1, :].any()
        assert trace["activity/cells/block"].values.tolist() == ["I"] * 2 + ["E"] * 10


@pytest.mark.parametrize(("every", "message"), [(7, "does not divide"), (0, "update_every"), ("epoch", "update_every")])
def test_bad_rhythms_get_one_clear_line(every, message: str):
    with pytest.raises(RunError, match=message):
        build(update_every=every)


def test_a_circuit_without_running_form_says_so():
    digits = tasks.digits(train=40, test=10)
    with pytest.raises(CircuitError, match="no running form"):
        Online(ModularRNN.chain(digits, neurons=16), digits, update_every=2)
    assert TwoPhase(ModularRNN.chain(digits, neurons=16), digits, batch_size=20).updates == 0
