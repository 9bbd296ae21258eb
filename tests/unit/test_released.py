"""Whatever fails in a run, its trace is closed as failed and free at once: the corrected cell runs."""

import numpy as np
import pytest
from biocredit.analysis.trace.reader import open_trace
from biocredit.circuits import ModularRNN
from biocredit.protocols import Measure, Record, TwoPhase, tasks

TASK = tasks.digits(train=40, test=20)


def fails_from(epoch):
    """A measure that fails from an epoch on."""

    def of(run):
        if run.epoch >= epoch:
            raise ZeroDivisionError("in a measure of one's own")
        return {"nothing": np.zeros(len(run.seeds))}

    return {"measures": Measure(of, {}, "nothing", every=1)}


def words(signals):
    """What no trace can hold."""
    return "a word"


def none(signals):
    """A function of the state that fails while JAX traces it."""
    return signals.tree["no such weight"]


BROKEN = {
    "a measure at once": fails_from(0),
    "a measure later": fails_from(1),
    "objects in a measure": {"measures": Measure(lambda run: {"objects": np.array([object()])}, {}, "objects")},
    "too many values in a measure": {"measures": Measure(lambda run: {"many": np.zeros((7, 3))}, {}, "many")},
    "words in a record": {"records": Record(words, name="words")},
    "a weight that is not there": {"records": Record(none, name="none")},
}


def run(**settings):
    net = ModularRNN.chain(TASK, regions=1, neurons=8)
    return TwoPhase(net, TASK, batch_size=20, **settings)


@pytest.mark.parametrize("what", BROKEN)
def test_a_run_that_fails_lets_go_of_its_trace(what, tmp_path):
    path = tmp_path / "run.h5"
    with pytest.raises(Exception) as failure:  # held, as a notebook holds the last exception
        run(**BROKEN[what]).train(2, record=path, progress=False)
    if path.exists():
        with open_trace(path) as trace:
            assert trace.status == "failed"
    assert run().train(1, record=path, progress=False, overwrite=True).epoch == 1
    assert failure.value.__traceback__ is not None
    with open_trace(path) as trace:
        assert trace.status == "complete"
