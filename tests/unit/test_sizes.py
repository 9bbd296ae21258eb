"""Sizes that no circuit can have get one line; the same line from all circuits."""

import pytest
from biocredit.circuits.core import sizes
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols import tasks

from biocredit import circuits

STATIC, TEMPORAL = tasks.digits(), tasks.delayed_xor(cue=4, delay=4, n_train=20, n_test=10)
MAKERS = {
    "ModularRNN": lambda size: circuits.ModularRNN.chain(STATIC, neurons=size),
    "RateRNN": lambda size: circuits.RateRNN.for_task(TEMPORAL, size),
    "RateRNN types": lambda size: circuits.RateRNN.for_task(TEMPORAL, {"E": size, "I": 4}),
    "SpikingRNN": lambda size: circuits.SpikingRNN.for_task(TEMPORAL, {"E": size}),
    "CTRNN": lambda size: circuits.CTRNN.for_task(TEMPORAL, size),
    **{
        name: lambda size, name=name: getattr(circuits, name).for_task(STATIC, hidden=[size])
        for name in ("DualStream", "EquilibriumPropagation", "PredictiveCoding", "PhaselessRate")
    },
}


@pytest.mark.parametrize("size", [-5, 0, 2.5, True, "many", None])
@pytest.mark.parametrize("name", MAKERS)
def test_what_counts_nothing_is_refused_in_one_line(name, size):
    with pytest.raises(CircuitError, match=f"wanted a whole number, [16] or more, got {size!r}"):
        MAKERS[name](size)


@pytest.mark.parametrize("name", MAKERS)
def test_what_this_machine_cannot_hold_is_refused_before_it_is_drawn(name, monkeypatch):
    monkeypatch.setattr(sizes, "free_memory", lambda: 8 * 2000.0)
    with pytest.raises(CircuitError, match=r"need \d+ GiB, 0 are free: take fewer"):
        MAKERS[name](400)
