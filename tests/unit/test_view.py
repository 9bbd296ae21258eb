"""A circuit of one's own that knows only the helpers of the base class: every lesion, window and record is honoured."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.core.circuit import Circuit, Outcome, Population, Projection
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.probes import Electrode, chain
from biocredit.circuits.core.view import View
from biocredit.protocols import Online, Record, interventions
from biocredit.protocols.interventions import add_noise, lesion, scale, silence
from biocredit.protocols.interventions.apply import idle, probe

from tests.unit.zoo import CLASSES, INPUTS, STEPS, Points

CELLS = 5


class Mine(Circuit):
    """Rate cells that learn by the gradient: thirty lines, nothing about interventions."""

    clocked, dt = True, 1.0

    def __init__(self, **options):
        super().__init__(dtype=jnp.float64, **options)
        self.connect(Projection("W_in", "input", "cells", "inference"))
        self.connect(Projection("W_rec", "cells", "cells", "recurrent"))
        self.connect(Projection("W_out", "cells", "choice", "inference"))
        for name, value in self.initial(self.seed).items():
            self.persistent(name, value, plastic=True)
        self.activity("cells.rate", CELLS)

    def initial(self, seed):
        random = np.random.default_rng(seed)
        shapes = {"W_in": (INPUTS, CELLS), "W_rec": (CELLS, CELLS), "W_out": (CELLS, CLASSES)}
        return {name: random.normal(size=shape) / np.sqrt(shape[0]) for name, shape in shapes.items()}

    def populations(self):
        return [
            Population("input", INPUTS, "input"),
            Population("cells", CELLS, "region"),
            Population("choice", CLASSES, "readout"),
        ]

    def respond(self, tree, inputs, probe=None):
        x, view = inputs["input"].swapaxes(0, 1), self.view(tree, *([probe] if probe else []))

        def step(here, rate, now):
            rate = here.rate("cells", jnp.tanh(here.sent("W_in", now) + self.recurrent(here, view, rate)))
            return rate, here.sent("W_out", rate)

        return {"choice": view.scan(step, jnp.zeros((x.shape[1], CELLS)), x)[1][-1]}

    def recurrent(self, here, view, rate):
        return here.sent("W_rec", rate)

    def learn(self, tree, batch, key, probe=None):
        def loss(tree):
            return self.metrics(self.respond(tree, batch.inputs, probe), batch.targets)["loss"]

        changes = jax.grad(loss)({name: tree[name] for name in self.plastic})
        return Outcome(changes, {}, self.metrics(self.respond(tree, batch.inputs, probe), batch.targets))


class Forgetful(Mine):
    """Reads a weight past the probe."""

    def recurrent(self, here, view, rate):
        return rate @ view.tree["W_rec"]


class Timeless(Mine):
    """Reads a weight once for the whole trial."""

    def recurrent(self, here, view, rate):
        return rate @ view.weight("W_rec")


TASK = Points(STEPS)
WEIGHTS = [
    make(name, **when)
    for name in ("W_in", "W_rec", "W_out")
    for make in (lesion, lambda target, **when: scale(target, 0.5, **when))
    for when in ({}, {"after": 1, "before": STEPS}, {"before": STEPS})
]
CELLS_DONE = [
    make("cells", **when)
    for make in (silence, lambda target, **when: add_noise(target, 0.3, **when))
    for when in ({}, {"after": 2})
]


def batch():
    return TASK.draw(jax.tree.map(jnp.asarray, TASK.arrays), jnp.arange(4), jax.random.key(0))


def test_every_intervention_is_honoured_in_every_window():
    net = Mine()
    done = [*WEIGHTS, *CELLS_DONE]
    interventions.check(done, net, batch())
    assert not idle(done, net, net.read(), batch(), jax.random.key(0))


def test_a_windowed_lesion_is_a_weight_of_zero_in_the_window_alone():
    """Against the same recursion written out, step by step."""
    net, tree, x = Mine(), Mine().read(), batch().inputs["input"]
    cut = probe([lesion("W_rec", after=2, before=4)], net, jnp.array(0), jax.random.key(0))
    rate = jnp.zeros((4, CELLS))
    for step in range(STEPS):
        recurrent = 0.0 if 2 <= step < 4 else rate @ tree["W_rec"]
        rate = jnp.tanh(x[:, step] @ tree["W_in"] + recurrent)
    np.testing.assert_allclose(net.respond(tree, {"input": x}, cut)["choice"], rate @ tree["W_out"], rtol=1e-12)


def test_a_view_of_whole_courses_gates_what_is_sent():
    net, tree = Mine(), Mine().read()
    x = jnp.ones((STEPS, 2, INPUTS))
    cut = probe([lesion("W_in", after=2, before=4)], net, jnp.array(0), jax.random.key(0))
    view = net.view(tree, cut).over(STEPS)
    arriving = np.asarray(view.sent("W_in", x))
    assert not arriving[2:4].any()
    np.testing.assert_allclose(arriving[[0, 1, 4, 5]], np.asarray(x @ tree["W_in"])[[0, 1, 4, 5]])
    with pytest.raises(CircuitError, match=r"W_in changes within the trial: read it with sent\(\)"):
        view.weight("W_in")
    np.testing.assert_array_equal(view.weight("W_rec"), tree["W_rec"])


def test_who_goes_past_the_probe_is_refused():
    for kind, one, message in (
        (Forgetful, lesion("W_rec"), "nothing in this Forgetful depends on it"),
        (Forgetful, lesion("W_rec", after=2), "nothing in this Forgetful depends on it"),
        (Timeless, lesion("W_rec", after=2), "W_rec acts on the whole of the inference phase, not at a time"),
    ):
        with pytest.raises(CircuitError, match=message):
            interventions.check(one, kind(), batch())
    interventions.check(lesion("W_rec"), Timeless(), batch())


def test_what_is_watched_inside_a_loop_comes_out_as_a_course():
    net, electrode = Mine(), Electrode()
    done = probe([silence("cells", after=2, before=3)], net, jnp.array(0), jax.random.key(0))
    net.respond(net.read(), batch().inputs, chain(done, electrode))
    course = np.asarray(electrode.readings["cells.rate", "inference"])
    assert course.shape == (STEPS, 4, CELLS)
    assert course[[0, 1, 3, 4, 5]].any((1, 2)).all()
    assert not course[2].any()


def test_it_learns_under_a_protocol_with_interventions_and_records():
    record = Record(of=lambda signals: jnp.abs(signals["cells.rate", "inference"]).mean(), name="size")
    run = Online(Mine(), TASK, batch_size=4, interventions=lesion("W_rec", after=2), records=[record])
    assert run.train(1, progress=False).updates == 2


def test_weights_with_postsynaptic_rows_are_sent_likewise():
    view = View({"W": jnp.arange(6.0).reshape(2, 3)}, post_first=True)
    np.testing.assert_array_equal(view.sent("W", jnp.ones((1, 3))), [[3.0, 12.0]])
    with pytest.raises(CircuitError, match="unknown weights 'V': valid: W"):
        view.weight("V")
