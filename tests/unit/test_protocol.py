"""The engine: reproducible, resumable, stoppable; it refuses bad input and tells where a run diverged."""

import os
import signal
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.analysis.trace.reader import open_trace
from biocredit.analysis.trace.schema import TraceError
from biocredit.circuits import CircuitError, ModularRNN, Plasticity
from biocredit.protocols import Record, RunError, TwoPhase, amplitude, interventions, tasks
from biocredit.protocols.recording.surroundings import arithmetic
from biocredit.protocols.training import checkpoint
from biocredit.protocols.training.checkpoint import RunWarning, path_beside, reached
from biocredit.protocols.training.course import warn_of_arithmetic
from biocredit.protocols.training.sampling import chunk_length, epoch_order

TASK = tasks.digits(train=120, test=40)


def build(**settings) -> TwoPhase:
    net = ModularRNN.chain(TASK, regions=2, neurons=16, plasticity={"recurrent": Plasticity(0.1)})
    return TwoPhase(net, TASK, **{"batch_size": 20, "chunk": 2, "seeds": 2, **settings})


def same(one: TwoPhase, other: TwoPhase) -> bool:
    return all(np.array_equal(one.tree[name], other.tree[name]) for name in one.tree)


def test_it_learns():
    net = ModularRNN.chain(TASK, regions=1, neurons=64)
    run = TwoPhase(net, TASK, batch_size=20, optimizer=optax.adam(1e-2)).train(1, progress=False)
    first = run.last["loss"].mean()
    assert run.train(15, progress=False).last["loss"].mean() < 0.7 * first


def test_seeds_are_independent_of_each_other_and_of_how_they_run():
    together, alone = (
        build(seeds=2).train(2, progress=False),
        build(seeds=[0, 1], parallel="vmap").train(2, progress=False),
    )
    for name in together.tree:
        np.testing.assert_allclose(together.tree[name], alone.tree[name], atol=1e-5)
    assert not np.array_equal(together.tree["V1.W_rec"][0], together.tree["V1.W_rec"][1])


def test_the_first_network_is_the_circuit_as_it_is_and_gets_the_weights_back():
    run = build(optimizer=optax.sgd(0.0))
    run.circuit.write({"V1.SI->V2.RI": np.ones((4, 4))})
    again = TwoPhase(run.circuit, TASK, batch_size=20, optimizer=optax.sgd(0.0))
    assert np.array_equal(again.tree["V1.SI->V2.RI"][0], np.ones((4, 4)))
    trained = build().train(1, progress=False)
    assert np.array_equal(trained.circuit.read()["V1.SI->V2.RI"], trained.tree["V1.SI->V2.RI"][0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_run_resumes_bit_for_bit(tmp_path: Path, capsys: pytest.CaptureFixture, number: int):
    undisturbed = build().train(5, record=tmp_path / "one.h5", progress=False)
    stopped = build()
    step, seen = stopped.networks.learn, []

    def learn(*where):
        seen.append(where)
        if len(seen) == 5:
            os.kill(os.getpid(), number)
        return step(*where)

    stopped.networks.learn = learn
    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else SystemExit) as caught:
        stopped.train(5, record=tmp_path / "two.h5", progress=False)
    assert "resume" in str(caught.value) or caught.value.code == 75
    assert "stopping after this stretch" in capsys.readouterr().err
    with open_trace(tmp_path / "two.h5") as trace:
        assert trace.status == "stopped"
        assert trace["learning/loss"].shape == (2, 1)
    resumed = build().resume(tmp_path / "two.h5", progress=False)
    assert same(undisturbed, resumed)
    with open_trace(tmp_path / "one.h5") as one, open_trace(tmp_path / "two.h5") as two:
        assert two.status == "complete"
        for name in one.keys():
            if name.startswith("learning"):
                assert np.array_equal(one[name].values, two[name].values), name


def test_checkpoints_by_time_and_shorter_stretches_change_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    undisturbed, run, path, seen = build(chunk=5).train(2, progress=False), build(chunk=5), tmp_path / "run.h5", []
    monkeypatch.setattr("biocredit.protocols.training.checkpoint.CHECKPOINT_EVERY", 0.0)
    monkeypatch.setattr("biocredit.protocols.training.stopping.LONGEST_STRETCH", 1e-9)
    step = run.networks.learn
    run.networks.learn = lambda *where: seen.append(reached(path_beside(path))) or step(*where)
    run.train(2, record=path, progress=False)
    assert run.chunk == 2
    assert seen == sorted(set(seen)) and len(seen) > 2 * run.updates_per_pass // 5
    assert same(undisturbed, run)


def test_another_pool_of_threads_costs_a_line():
    warn_of_arithmetic(arithmetic())
    with pytest.warns(RunWarning, match=r"not bit for bit the uninterrupted run: threads.*64"):
        warn_of_arithmetic(arithmetic() | {"threads": 64})


def test_recorded_things_are_where_they_belong(tmp_path: Path):
    records = [amplitude("V1.error"), Record(of="V1.rate", every=2, when="learning"), Record(of="V1.W_rec", every=2)]
    build(records=records, probe_trials=3).train(2, record=tmp_path / "run.h5", progress=False)
    with open_trace(tmp_path / "run.h5") as trace:
        assert trace["learning/amplitude.V1.error"].shape == (2, 2)
        rate = trace["activity/V1/rate"]
        assert rate.dims == ("snapshot", "seed", "trial", "time", "neuron")
        assert rate.shape == (2, 2, 3, 16, 16)
        assert trace["weights/V1.W_rec"].shape == (2, 2, 16, 16)
        mask = trace["weights/V1.mask"].values
        assert ((trace["weights/V1.W_rec"].values != 0) <= (mask != 0)).all()


def test_divergence_stops_at_once_and_says_what_and_when(tmp_path: Path):
    net = ModularRNN.chain(TASK, regions=2, neurons=16, activation="linear")
    run = TwoPhase(net, TASK, batch_size=20, chunk=2, optimizer=optax.sgd(1e30))
    with pytest.raises(RunError, match=r"diverged in epoch 1: '.*' is not finite first, at update \d+"):
        run.train(3, record=tmp_path / "run.h5", progress=False)
    with open_trace(tmp_path / "run.h5") as trace:
        assert trace.status == "failed"


def test_a_second_writer_is_refused_and_the_first_goes_on(tmp_path: Path):
    path = tmp_path / "run.h5"
    run = build()
    step = run.networks.learn

    def learn(*where):
        if run.epoch == 1:
            with pytest.raises(TraceError) as caught:
                build().train(1, record=path, progress=False, overwrite=True)
            assert "\n" not in str(caught.value)
        return step(*where)

    run.networks.learn = learn
    run.train(2, record=path, progress=False)
    with open_trace(path) as trace:
        assert trace.status == "complete"


def test_resuming_needs_the_same_protocol(tmp_path: Path):
    run = build()
    run.train(1, record=tmp_path / "run.h5", progress=False)
    with pytest.raises(RunError, match="nothing to resume"):
        build().resume(tmp_path / "run.h5")
    with pytest.raises(RunError, match=r"seeds: \[0, 1\] then, \[0, 1, 2\] now"):
        build(seeds=3).resume(tmp_path / "run.h5", epochs=2)
    checkpoint.save(tmp_path / "run.h5.checkpoint", run.state, {"epoch": 1, "epochs": 2})
    with pytest.raises(RunError, match="belongs to another run"):
        build(seeds=3).resume(tmp_path / "run.h5")
    (tmp_path / "run.h5.checkpoint").write_bytes(b"not an archive")
    with pytest.raises(RunError, match="cannot be read"):
        build().resume(tmp_path / "run.h5")


def test_lesion_silence_freeze_and_noise_do_what_they_say():
    plain = build(seeds=1).train(1, progress=False)
    lesioned = build(seeds=1, interventions=[interventions.lesion("V2.SE~>V1.RE")]).train(1, progress=False)
    assert np.array_equal(
        lesioned.tree["image->V1.RI"][0], lesioned.circuit.initial(0)["image->V1.RI"].astype(np.float32)
    )
    frozen = build(seeds=1, interventions=[interventions.freeze_plasticity("V1.*", start=3)])
    frozen.train(1, progress=False)
    assert not same(plain, frozen)
    before = np.asarray(frozen.tree["V1.W_rec"])
    assert np.array_equal(before, frozen.train(1, progress=False).tree["V1.W_rec"])
    electrode = Record(of=lambda signals: jnp.abs(signals["V1.rate", "inference"][:, 4:8]).max(), name="SI")
    silent = build(seeds=1, records=[electrode], interventions=[interventions.silence("V1.SI", start=2)])
    order = epoch_order(120, 20, "samples", 0, 0)[None]
    log = [silent.networks.learn(0, order[:, first : first + 2], silent.records) for first in (0, 2)]
    assert log[0]["SI"].min() > 0
    assert log[1]["SI"].max() == 0
    noisy = build(seeds=1, interventions=[interventions.add_noise("V1", 0.1)]).train(1, progress=False)
    assert not same(plain, noisy)
    scaled = build(seeds=1, interventions=[interventions.scale("V1.W_rec", 1.0)]).train(1, progress=False)
    for name in plain.tree:
        np.testing.assert_allclose(plain.tree[name], scaled.tree[name], atol=1e-4)


def test_alternating_passes_have_optimisers_of_their_own():
    task = tasks.joint(a=TASK, b=TASK)
    net = ModularRNN.resource_reuse(task, neurons=12)
    run = TwoPhase(net, task, batch_size=20, alternate=[{"mode": "task2"}, {"mode": "task1"}], error="end_point")
    run.train(1, progress=False)
    assert run.updates == 12
    assert [int(state[0].count[0]) for state in run.state["optimizer"]] == [6, 6]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"eror": "end_point"}, "did you mean 'error'"),
        ({"batch_size": 121}, "1 to 120"),
        ({"shuffle": "all"}, "unknown shuffle"),
        ({"parallel": "pmap"}, "unknown parallel"),
        ({"records": [Record(of="V1.rat")]}, "did you mean 'V1.rate'"),
        ({"interventions": [interventions.lesion("V3.SE~>V1.RE")]}, "did you mean 'V2.SE~>V1.RE'"),
    ],
)
def test_bad_protocols_get_one_clear_line(settings: dict, message: str):
    with pytest.raises(CircuitError, match=message) as caught:
        build(**settings)
    assert "\n" not in str(caught.value)


def test_orders():
    frozen = [epoch_order(20, 5, "batches", 3, epoch) for epoch in (0, 1)]
    assert {tuple(sorted(row)) for row in frozen[0]} == {tuple(sorted(row)) for row in frozen[1]}
    fresh = epoch_order(20, 5, "samples", 3, 0)
    assert sorted(fresh.ravel()) == list(range(20))
    assert chunk_length(120, 50) == 40
    assert chunk_length(937, 128) == 937
