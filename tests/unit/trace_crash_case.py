"""A trace that is killed: what it held, and whether all of it is still there."""

import contextlib
import os
from unittest import mock

import h5py
import numpy as np
from biocredit.analysis.trace.reader import open_trace
from biocredit.analysis.trace.storage import durable
from biocredit.analysis.trace.writer import TraceWriter

SIZE = 400  # values an epoch and seed: several chunks change in place and several are new


class Crash(BaseException):
    """The machine stops here: no handler of ordinary errors runs."""


def start(path):
    writer = TraceWriter.create(path, experiment="crash", configuration={}, citations=[], seeds=[0, 1])
    declare(writer)
    return writer


def declare(writer):
    writer.declare("learning/loss", ("seed", "epoch"), (2, None), units="nat", long_name="loss")
    axes = ("snapshot", "seed", "neuron")
    writer.declare("weights/W", axes, (None, 2, SIZE), units="1", long_name="weights", dtype="f4")
    writer.declare("activity/V1/rate", axes, (None, 2, SIZE), units="1", long_name="rate")


def epoch(writer, number):
    values = number + np.linspace(0, 0.5, 2 * SIZE).reshape(1, 2, SIZE)
    writer.append("learning/loss", values[0, :, :1], at=[number])
    writer.append("weights/W", values, at=[number])
    writer.append("activity/V1/rate", values, at=[number])
    writer.event(update=number, kind="phase", description=f"epoch {number}")


def holds(path, *, plain=False):
    """Number of epochs in a file in which every dataset holds exactly the same ones, with the right values."""
    if plain:
        with h5py.File(path) as h5:
            loss, rate, events = h5["learning/loss"][()], h5["activity/V1/rate"][()], h5["events/update"][()]
            weights = h5["weights/W"][()]
    else:
        with open_trace(path) as trace:
            names = ("learning/loss", "activity/V1/rate", "events/update", "weights/W")
            loss, rate, events, weights = (trace[name].values for name in names)
    numbers = np.arange(1, loss.shape[1] + 1)
    expected = numbers[:, None, None] + np.linspace(0, 0.5, 2 * SIZE).reshape(1, 2, SIZE)
    np.testing.assert_array_equal(loss, expected[:, :, 0].T)
    np.testing.assert_array_equal(rate, expected)
    np.testing.assert_array_equal(weights, expected.astype("f4"))
    np.testing.assert_array_equal(events, numbers)
    return len(numbers)


def pending(path):
    """A run killed in its second commit: the journal lies there, and nothing of it is in place."""
    writer = start(path)
    epoch(writer, 1)
    writer.commit()
    epoch(writer, 2)
    killed_commit(writer, durable, "sync_folder", lambda path: True)


def killed_commit(writer, module, name, fatal):
    """A commit in which the process ends after the call of a function whose arguments are `fatal`."""
    real = getattr(module, name)

    def call(*arguments):
        real(*arguments)
        if fatal(*arguments):
            raise Crash

    with mock.patch.object(module, name, call), contextlib.suppress(Crash):
        writer.commit()
        raise AssertionError("the commit came to its end")
    abandon(writer)


def abandon(writer):
    """What the kernel does for a process that is gone: the lock is released, nothing else."""
    _, _, (h5, stream, lock), _ = writer._release.detach()
    h5.close()
    stream.close()
    lock._stream.close()
    if lock._inode is not None:
        os.close(lock._inode)
