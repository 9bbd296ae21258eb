"""The audit: the clamp is sound, declarations are true, cheaters are caught."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits import Batch, Circuit, Outcome
from biocredit.circuits.core.credit_rule import CreditRule
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.probes import untouched
from biocredit.circuits.core.projections import Population, Projection
from biocredit.circuits.dual_stream.pathways import Direct, Random
from biocredit.circuits.recurrent.rules import RULES
from biocredit.protocols.plausibility.auditing import audit, carried_in, clamped_error
from biocredit.protocols.plausibility.declared import compare
from biocredit.protocols.plausibility.exposure import expose
from biocredit.protocols.plausibility.wiring import Wiring

from tests.unit.zoo import CIRCUITS, dual, rate, trials_of

IN_TIME = ("rate/", "ctrnn/", "spiking/")
STATIC = [name for name in CIRCUITS if not name.startswith(IN_TIME)]
#: One temporal rule of every kind; all of them are audited with the mark "science".
TYPICAL = ("bptt", "three_factor", "mdgl", "modprop_wab", "rtrl", "snap1", "uoro", "dni")
RULED = [pytest.param(name, marks=[] if name in TYPICAL else pytest.mark.science) for name in RULES]
QUICK = {"equilibrium_propagation", "predictive_coding", "modular", "phaseless_rate", "dual/transposed", "dual/random"}
QUICK |= {"dual/direct", "dual/frsf", "dual/product", "dual/weight_mirror", "dual/counter_current"}
QUICK |= {"dual/self_assembling", "dual/direct_random_target", "dual/fixed_difference_target"}
CIRCUIT_NAMES = [pytest.param(name, marks=[] if name in QUICK else pytest.mark.science) for name in STATIC]


def wiring_of(net: Circuit) -> Wiring:
    return Wiring(expose(net, trials_of(net, 4), jax.random.key(1)))


def check(net: Circuit) -> Wiring:
    """The clamped run is the free run bit for bit, that of the circuit; declared needs are the measured ones."""
    wiring = wiring_of(net)
    exposed = wiring.exposed
    for name, change in exposed.free.changes.items():
        np.testing.assert_array_equal(exposed.clamped.changes[name], change)
    assert compare_all(wiring) == ((), ())
    return wiring


def compare_all(wiring: Wiring) -> tuple[tuple[str, ...], tuple[str, ...]]:
    rule = wiring.exposed.rule
    return compare(rule, wiring.dependences, wiring.signals, carried_in(wiring), wiring.unresolved)


def places(wiring: Wiring) -> set[str]:
    return {row.place for row in (*wiring.dependences, *wiring.signals)}


@pytest.mark.parametrize("name", CIRCUIT_NAMES)
def test_a_circuit_needs_what_it_declares(name):
    net = CIRCUITS[name]()
    wiring = check(net)
    if not net.self_changing:
        outcome = net.learn(net.read(), wiring.exposed.batch, jax.random.key(1))
        for array, change in outcome.changes.items():
            np.testing.assert_allclose(wiring.exposed.free.changes[array], change, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("name", RULED)
def test_a_temporal_rule_needs_what_it_declares(name):
    wiring = check(rate(name))
    if name not in ("dni", "kernl"):  # they remember credit for activity to come
        assert not [row for row in wiring.dependences if "future" in row.times]
    outcome = wiring.exposed.net.learn(wiring.exposed.net.read(), wiring.exposed.batch)
    np.testing.assert_allclose(wiring.exposed.free.changes["W_rec"] * wiring.exposed.net.read()["mask_rec"],
                               outcome.changes["W_rec"], rtol=1e-9, atol=1e-13)  # fmt: skip


@pytest.mark.parametrize("name", ["spiking/eprop", "spiking/modprop_wab_self", "ctrnn/eprop"])
def test_other_cells_need_what_their_rule_declares(name):
    check(CIRCUITS[name]())


# -- cheaters ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SecretTranspose(Random):
    """Says that it sends random feedback, and reads the forward weights."""

    def _acting(self, tree, path, stage):
        return {"B": tree[f"up.{path}.W"]}


@dataclass(frozen=True, kw_only=True)
class SecretCopy(Random):
    """Random feedback that is drawn as the transposed weights and a little noise."""

    def initial(self, nodes, shapes, random):
        drawn = super().initial(nodes, shapes, random)
        noise = np.random.default_rng(0)
        return {name: COPY[name] + 1e-3 * noise.normal(size=value.shape) for name, value in drawn.items()}


COPY: dict[str, np.ndarray] = {}


@dataclass(frozen=True, kw_only=True)
class NeighboursError(Random):
    """The change of a synapse counts the error of the next cell, too."""

    def credit(self, nodes, tree, ascent, goal, probe):
        found = super().credit(nodes, tree, ascent, goal, probe)
        mixed = {k: v + jnp.roll(v, 1, axis=0) if k.endswith("W") else v for k, v in found.changes.items()}
        return found._replace(changes=mixed)


@dataclass(frozen=True, kw_only=True)
class WeightElsewhere(Random):
    """The change of a layer counts the weights of another layer."""

    def credit(self, nodes, tree, ascent, goal, probe):
        found = super().credit(nodes, tree, ascent, goal, probe)
        name = "up.layer2.W"
        return found._replace(changes=found.changes | {name: found.changes[name] * tree["up.layer3.W"].sum()})


@dataclass(frozen=True, kw_only=True)
class OtherTrials(Random):
    """The change is divided by its own length over the whole batch."""

    def credit(self, nodes, tree, ascent, goal, probe):
        found = super().credit(nodes, tree, ascent, goal, probe)
        return found._replace(changes={k: v / jnp.linalg.norm(v) for k, v in found.changes.items()})


@pytest.mark.parametrize("cheat", [SecretTranspose, NeighboursError, WeightElsewhere, OtherTrials])
def test_a_static_cheater_is_caught(cheat):
    undeclared, _ = compare_all(wiring_of(dual(cheat())))
    wanted = "weights of the forward synapses are read" if cheat is SecretTranspose else "(nonlocal)"
    assert any(wanted in line for line in undeclared)


def test_feedback_that_is_drawn_as_a_copy_is_caught():
    honest = dual("random")
    COPY.update({name.replace("up.", "down.").replace(".W", ".B"): np.asarray(value)
                 for name, value in honest.read().items() if name.endswith(".W")})  # fmt: skip
    found = [
        audit(net, trials_of(net, 4)).properties["no transport of magnitudes"] for net in (honest, dual(SecretCopy()))
    ]
    assert [one.verdict for one in found] == ["yes", "no"]
    assert found[1].value < 0.05


def ahead(state, signals):
    """Three factors, with the rate of the step after as presynaptic activity."""
    rate = signals["rate"]
    later = {**signals, "rate": jnp.concatenate([rate[2:], rate[:2]])}
    return RULES["three_factor"].update(state, later)


def test_a_rule_that_looks_ahead_is_caught():
    wiring = wiring_of(rate(replace(RULES["three_factor"], name="ahead", update=ahead)))
    assert {row.on for row in wiring.dependences if "future" in row.times} == {"rate"}


def gain_of_another(state, signals):
    """Three factors, with the gain of the next cell."""
    return RULES["three_factor"].update(state, {**signals, "gain": jnp.roll(signals["gain"], 1, axis=-1)})


def test_a_rule_that_reads_another_cell_is_caught():
    net = rate(replace(RULES["three_factor"], name="another", update=gain_of_another))
    wiring = wiring_of(net)
    moved = wiring.run(next(one for one in wiring.sources if one.name == "gain"), (..., 2)).changes["W_rec"]
    columns = np.flatnonzero((moved != wiring.exposed.clamped.changes["W_rec"]).any(0))
    assert columns.tolist() == [3]
    assert any(line.startswith("gain (nonlocal") for line in compare_all(wiring)[0])


class Passing(Circuit):
    """A layer whose hidden rate passes no probe."""

    rule = CreditRule(name="passing", needs={"rate": "pre", "error": "post"})
    hides = True

    def __init__(self):
        super().__init__(dtype=jnp.float64)
        self.inputs, self.readouts = {"input": 6}, {"choice": 3}
        for name, shape, pre, post in (("V", (6, 5), "input", "hidden"), ("W", (5, 3), "hidden", "choice")):
            self.connect(Projection(name, pre, post, "inference", plastic=name == "W"))
            self.persistent(name, np.random.default_rng(0).normal(size=shape), plastic=name == "W")

    def populations(self):
        return [Population(*row) for row in (("input", 6, "input"), ("hidden", 5, "hidden"), ("choice", 3, "readout"))]

    def _rate(self, tree, inputs, probe):
        rate = jnp.tanh(inputs["input"] @ probe("V", "inference", tree["V"]))
        return rate if self.hides else probe("hidden.rate", "inference", rate)

    def respond(self, tree, inputs, probe=untouched):
        return {"choice": self._rate(tree, inputs, probe) @ probe("W", "inference", tree["W"])}

    def learn(self, tree, batch: Batch, key, probe=untouched):
        rate = self._rate(tree, batch.inputs, probe)
        scores = {"choice": rate @ probe("W", "inference", tree["W"])}
        error = jax.nn.softmax(scores["choice"]) - jax.nn.one_hot(batch.targets["choice"], 3, dtype=self.dtype)
        error = probe("choice.error", "learning", error)
        return Outcome({"W": rate.T @ error}, {}, self.metrics(scores, batch.targets))


def test_a_signal_that_passes_no_probe_is_caught():
    seen = [compare_all(wiring_of(net)) for net in (Passing(), type("Shown", (Passing,), {"hides": False})())]
    assert seen[1] == ((), ())
    assert any("V (nonlocal)" in line for line in seen[0][0])
    assert seen[0][1] == ("rate",)


# -- what the instrument says -----------------------------------------------------------------------------------


def test_places_are_those_of_the_formula():
    rows = {(row.of, row.on): row for row in wiring_of(dual("product")).dependences}
    assert rows["up.layer2.W", "up.rate1.rate"].place == "pre"
    assert rows["up.layer2.W", "down.layer2.rate"].place == "post"
    assert rows["down.layer2.R", "down.layer2.intermediate.rate"].place == "pre"
    assert not [pair for pair in rows if pair[0] == "up.layer2.W" and "layer3" in pair[1]]


def test_the_output_error_of_direct_feedback_is_broadcast():
    assert "broadcast" in places(wiring_of(dual(Direct())))
    assert "broadcast" not in places(wiring_of(dual("random")))


def test_a_clamp_that_does_not_hold_is_an_error(monkeypatch):
    net = dual("random")
    exposed = expose(net, trials_of(net, 4), jax.random.key(0))
    assert clamped_error(exposed) == 0
    monkeypatch.setattr("biocredit.protocols.plausibility.auditing.clamped_error", lambda exposed: 1.0)
    with pytest.raises(CircuitError, match="a clamped run is not the free run"):
        audit(net, trials_of(net, 4))
