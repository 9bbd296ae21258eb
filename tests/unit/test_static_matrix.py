"""Every static circuit x every kind of target, port, loss and option: it learns, or says in one line why it cannot."""

import inspect
from dataclasses import dataclass, fields, replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits import DualStream, EquilibriumPropagation, ModularRNN, PredictiveCoding
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.credit_rule import CreditRule
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.initializers import Normal, fan_in_uniform, glorot
from biocredit.circuits.dual_stream.ascending.stages import Convolution
from biocredit.circuits.dual_stream.pathways import PATHWAYS, Stagewise
from biocredit.circuits.energy_based import EnergyDescent, FixedPointIteration
from biocredit.circuits.microcircuit import PhaselessMicrocircuit, PhaselessRate
from biocredit.circuits.microcircuit.dendritic import released as dendritic_constants
from biocredit.circuits.microcircuit.rate_level import released as rate_constants
from biocredit.circuits.modular.presets import chain
from biocredit.circuits.modular.spiking import FilteredSpikes
from jax import export

RANDOM = np.random.default_rng(0)
OUTPUTS = {"classes": 3, "labels": 14, "values": 2}
TARGETS = {
    "classes": np.array([0, 2, 1, 1]),
    "labels": RANDOM.integers(0, 2, (4, 14)),
    "values": RANDOM.normal(size=(4, 2)),
}
SCORES = {
    "classes": {"accuracy"},
    "labels": {"exact_accuracy", "label_accuracy", "auc"},
    "values": {"r2", "mean_squared_error"},
}
X = RANDOM.normal(size=(4, 5))


def task(kind="classes", inputs=None):
    return SimpleNamespace(inputs=inputs or {"x": 5}, readouts={"y": OUTPUTS[kind]}, kind=lambda readout: kind)


SETTINGS = {"dtype": jnp.float64}
BUILD = {
    "adjoint": lambda task, **o: ModularRNN.for_task(task, regions=1, neurons=16, **SETTINGS | o),
    "transposed": lambda task, **o: DualStream.for_task(task, hidden=(6,), **SETTINGS | o),
    "product": lambda task, **o: DualStream.for_task(task, "product", hidden=(6,), **SETTINGS | o),
    "equilibrium": lambda task, **o: EquilibriumPropagation.for_task(
        task, (6,), **{"dynamics": EnergyDescent("tanh", bounds=(-9.0, 9.0)), **SETTINGS, **o}
    ),
    "predictive": lambda task, **o: PredictiveCoding.for_task(task, (6,), **SETTINGS | o),
    "phaseless": lambda task, **o: PhaselessRate.for_task(task, (6,), steps=4, **SETTINGS | o),
    "dendritic": lambda task, **o: PhaselessMicrocircuit.for_task(task, (6,), steps=4, **SETTINGS | o),
}


def batch(kind="classes", x=X, target=None):
    inputs = x if isinstance(x, dict) else {"x": jnp.asarray(x)}
    return Batch(inputs, {"y": jnp.asarray(TARGETS[kind] if target is None else target)})


def learn(net, shown):
    return net.learn(net.read(), shown, jax.random.key(0))


def learned(net, shown):
    """What a batch does: changes for the optimiser, or weights that changed by themselves."""
    outcome = learn(net, shown)
    return outcome.changes or outcome.tree


@pytest.mark.parametrize("kind", OUTPUTS)
@pytest.mark.parametrize("name", BUILD)
def test_every_circuit_learns_every_kind_of_target_and_scores_it_in_its_own_terms(name, kind):
    net = BUILD[name](task(kind))
    metrics = learn(net, batch(kind)).metrics
    assert SCORES[kind] | {"loss"} <= set(metrics)
    assert not set().union(*(SCORES[other] for other in OUTPUTS if other != kind)) & set(metrics)
    assert all(np.isfinite(value) for value in metrics.values())


@pytest.mark.parametrize("kind", OUTPUTS)
@pytest.mark.parametrize("name", PATHWAYS)
def test_every_pathway_takes_every_kind_of_target(name, kind):
    net = DualStream.for_task(task(kind), name, hidden=(6,), **SETTINGS)
    metrics = jax.eval_shape(lambda tree: net.learn(tree, batch(kind), jax.random.key(0)).metrics, net.read())
    assert SCORES[kind] | {"loss"} <= set(metrics)


@pytest.mark.parametrize("name", BUILD)
def test_losses_and_targets_that_do_not_fit_are_refused_while_jax_traces(name):
    net = BUILD[name](task("classes"), loss="cross_entropy")
    with pytest.raises(CircuitError, match="the loss 'cross_entropy' wants integer labels"):
        jax.eval_shape(lambda target: learn(net, batch(target=target)).metrics, jnp.zeros((4, 3)))


@pytest.mark.parametrize("name", BUILD)
def test_labels_with_an_axis_of_length_one_are_labels(name):
    net = BUILD[name](task())
    flat, column = learned(net, batch()), learned(net, batch(target=TARGETS["classes"][:, None]))
    assert all(np.array_equal(flat[key], column[key]) for key in flat)


@pytest.mark.parametrize("name", BUILD)
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((4, 9)), r"got shape \(4, 9\), wanted \(trials, 5\)"),
        (np.zeros((4, 7, 5)), "no time within a trial"),
        (np.full((4, 5), np.nan), "not all values are finite"),
        ({"x": X, "z": X}, "one input is wanted, 'x'"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_in_one_line(name, x, message):
    with pytest.raises(CircuitError, match=message):
        learn(BUILD[name](task()), batch(x=x))


@pytest.mark.parametrize("name", sorted(set(BUILD) - {"adjoint"}))
def test_several_inputs_lie_side_by_side(name):
    one, two = BUILD[name](task()), BUILD[name](task(inputs={"left": 2, "right": 3}))
    apart = {"right": jnp.asarray(X[:, 2:]), "left": jnp.asarray(X[:, :2])}
    np.testing.assert_array_equal(
        two.respond(two.read(), apart)["y"], one.respond(one.read(), {"x": jnp.asarray(X)})["y"]
    )
    with pytest.raises(CircuitError, match="nothing for input 'right'"):
        two.respond(two.read(), {"left": apart["left"]})


def test_several_inputs_of_a_chain_of_regions_add_up():
    net = BUILD["adjoint"](task(inputs={"left": 2, "right": 3}))
    assert {"left->V1.RI", "right->V1.RI"} <= set(net.plastic)
    with pytest.raises(CircuitError, match="nothing for input 'right'"):
        net.respond(net.read(), {"left": jnp.asarray(X[:, :2])})


@pytest.mark.parametrize("name", BUILD)
def test_class_weights_count(name):
    plain, even = BUILD[name](task()), BUILD[name](task(), class_weights=(1, 1, 1))
    uneven = BUILD[name](task(), class_weights=(1, 1, 3))
    found = [learned(net, batch()) for net in (plain, even, uneven)]
    assert all(np.allclose(found[0][key], found[1][key], rtol=1e-12, atol=1e-14) for key in found[0])
    assert any((found[0][key] != found[2][key]).any() for key in found[0])
    with pytest.raises(CircuitError, match="class_weights: got 2 for a readout of 3"):
        learn(BUILD[name](task(), class_weights=(1, 2)), batch())


def half_squared(output, target):
    return ((output - target) ** 2).sum(-1) / 2


@pytest.mark.parametrize("name", BUILD)
def test_a_loss_of_ones_own_is_as_good_as_one_by_name(name):
    own, named = (BUILD[name](task("values"), loss=loss) for loss in (half_squared, "half_squared_error"))
    wanted = learned(named, batch("values"))
    for key, value in learned(own, batch("values")).items():
        np.testing.assert_allclose(value, wanted[key], rtol=1e-12, atol=1e-15)


def saturating(z):
    return jnp.tanh(z)


def with_activation(name, which):
    if name == "equilibrium":
        return BUILD[name](task(), dynamics=FixedPointIteration(which, which))
    if name == "dendritic":
        return BUILD[name](task(), constants=replace(dendritic_constants(2), activation=which))
    return BUILD[name](task(), activation=which)


@pytest.mark.parametrize("name", BUILD)
def test_a_transfer_function_of_ones_own_is_as_good_as_one_by_name(name):
    wanted = learned(with_activation(name, "tanh"), batch())
    for key, value in learned(with_activation(name, saturating), batch()).items():
        np.testing.assert_allclose(value, wanted[key], rtol=1e-10, atol=1e-13)


PLACES = {"pre", "post", "broadcast", "synapse", "nonlocal"}


@pytest.mark.parametrize("name", [*BUILD, *PATHWAYS])
def test_every_circuit_declares_its_rule(name):
    build = BUILD.get(name, lambda task: DualStream.for_task(task, name, hidden=(6,)))
    rule = build(task()).rule
    assert isinstance(rule, CreditRule)
    assert rule.name
    assert rule.citation
    assert rule.phases >= 1
    assert rule.needs
    assert set(rule.needs.values()) <= PLACES
    assert rule.transports in ("nothing", "signs", "weights")
    if name in PATHWAYS:
        assert rule.name == name
        assert isinstance(rule.settings, PATHWAYS[name])
        assert fields(rule.settings) is not None


@dataclass(frozen=True, kw_only=True)
class Halved(Stagewise):
    """A pathway of one's own: half the transposed weights."""

    rule = CreditRule(name="halved", citation="none", needs={"h": "pre", "delta": "post"}, transports="weights")
    owns = ()
    factor: float = 0.5

    def kernels(self, stage, own):
        """Scaled forward weights."""
        return {"B": self.factor * own["W"]}


def test_a_pathway_from_outside_is_one_class():
    net, exact = (DualStream.for_task(task(), one, hidden=(6, 6), **SETTINGS) for one in (Halved(), "transposed"))
    assert net.rule.settings.factor == 0.5
    ours, wanted = learned(net, batch()), learned(exact, batch())
    for level, factor in ((1, 0.25), (2, 0.5), (3, 1.0)):
        np.testing.assert_allclose(ours[f"up.layer{level}.W"], factor * wanted[f"up.layer{level}.W"], rtol=1e-12)


@pytest.mark.parametrize("name", BUILD)
def test_a_step_of_every_family_lowers_for_cuda(name):
    net = BUILD[name](task(), dtype=jnp.float32)
    shown = Batch({"x": jnp.asarray(X, jnp.float32)}, batch().targets)
    step = jax.jit(lambda tree, shown: tuple(net.learn(tree, shown, jax.random.key(0)))[:2])
    assert export.export(step, platforms=["cuda"])(net.read(), shown).platforms == ("cuda",)


def test_convolutions_are_lowered_as_such_for_cuda_and_as_matrix_products_for_cpus():
    images = SimpleNamespace(inputs={"x": 36}, readouts={"y": 3}, image_shape=(6, 6))
    net = DualStream.for_task(images, hidden=(Convolution(1, 2), 5))
    shown = Batch({"x": jnp.ones((4, 36), jnp.float32)}, {"y": jnp.zeros(4, jnp.int32)})
    step = jax.jit(lambda tree, shown: net.learn(tree, shown, jax.random.key(0)).changes)
    programs = {p: export.export(step, platforms=[p])(net.read(), shown).mlir_module() for p in ("cuda", "cpu")}
    assert programs["cuda"].count("stablehlo.convolution") >= 2
    assert "stablehlo.convolution" not in programs["cpu"]


# -- nothing that is accepted does nothing ------------------------------------------------------------------------

SHARED = {"seed": (0, 1), "dtype": (jnp.float32, jnp.float64), "matmul_precision": ("float32", "bfloat16")}
LAYERED = {
    **SHARED,
    "inputs": ({"x": 5}, {"z": 5}),
    "readouts": ({"y": 3}, {"choice": 3}),
    "factors": ((1.0, 1.0), (0.5, 1.0)),
    "class_weights": ((1, 1, 1), (1, 1, 2)),
    "loss": ("half_squared_error", "cross_entropy"),
    "initializer": (fan_in_uniform, glorot),
}
OPTIONS = {
    ModularRNN: {
        **SHARED,
        "regions": (1, 2),
        "neurons": (16, 24),
        "layout_code": (4, 2),
        "roles": (None, {"SI": 2}),
        "activation": ("tanh", "sigmoid"),
        "bias": (False, True),
        "spiking": (None, FilteredSpikes()),
        "connection_rate": (0.25, 0.5),
        "spectral_radius": (0.25, 0.5),
        "gain_forward": (1.0, 2.0),
        "gain_feedback": (1.0, 2.0),
        "gain_output_feedback": (1.0, 2.0),
        "gain_bias": (1.0, 2.0),
        "plasticity": ({}, {"inference": None}),
        "initial": ({}, {"inference": Normal(0.3)}),
        "batch_divisor": (None, 7),
        "loss": ("half_squared_error", "cross_entropy"),
        "class_weights": ((1, 1, 1), (1, 1, 2)),
        "inputs": ({"x": 5}, {"z": 5}),
        "readouts": ({"y": 3}, {"choice": 3}),
    },
    EquilibriumPropagation: {
        **LAYERED,
        "dynamics": (EnergyDescent("tanh"), FixedPointIteration()),
        "particles": (0, 4),
    },
    PredictiveCoding: {**LAYERED, "activation": ("tanh", "sigmoid"), "variance": (1.0, 2.0)},
    PhaselessRate: {
        **SHARED,
        "activation": ("tanh", "sigmoid"),
        "steps": (4, 5),
        "loss": ("half_squared_error", "cross_entropy"),
        "class_weights": ((1, 1, 1), (1, 1, 2)),
        "constants": (None, rate_constants(2, "sigmoid", 4)),
        "inputs": ({"x": 5}, {"z": 5}),
        "readout": ("y", "choice"),
    },
    PhaselessMicrocircuit: {
        **SHARED,
        "steps": (4, 5),
        "loss": ("half_squared_error", "cross_entropy"),
        "class_weights": ((1, 1, 1), (1, 1, 2)),
        "constants": (None, replace(dendritic_constants(2), nudge_output=0.1)),
        "inputs": ({"x": 5}, {"z": 5}),
        "readout": ("y", "choice"),
    },
    DualStream: {
        **SHARED,
        "descending": ("transposed", "random"),
        "loss": ("half_squared_error", "cross_entropy"),
        "class_weights": ((1, 1, 1), (1, 1, 2)),
        "inputs": ({"x": 5}, {"z": 5}),
        "readout": ("y", "choice"),
        "hidden": ((6,), (4,)),
        "activation": ("relu", "tanh"),
        "bias": (True, False),
        "initializer": (fan_in_uniform, glorot),
    },
}
UNSEEN = {
    "matmul_precision": "acts where the device multiplies in lower precision; CPUs compute in float32",
    "connections": "built by for_task",
    "input_shape": "the flat shape of the inputs, checked against them",
    "ascending": "built by for_task",
    "sizes": "built by for_task",
    "inference": "built by for_task",
    "feedback": "built by for_task",
    "fixed": "built by for_task; projections that do not learn are tested with the graphs of figure 5",
    "modes": "built by for_task; tested with the graphs of figure 5",
    "weights": "named after arrays, see test_given_weights_and_masks_change_something",
    "mask": "named after arrays, see test_given_weights_and_masks_change_something",
}


def build(circuit, option=None, value=None):
    """A circuit with one option set, built for a task (whose ports the option may rename)."""
    shown = task()
    settings = {"dtype": jnp.float64, "hidden": (6,)}
    if circuit is ModularRNN:
        settings = {"dtype": jnp.float64, "regions": 2, "neurons": 16}
    if circuit is EquilibriumPropagation:
        settings["dynamics"] = EnergyDescent("tanh", bounds=(-9.0, 9.0))
    if circuit in (PhaselessRate, PhaselessMicrocircuit):
        settings["steps"] = 4
    if option in ("inputs", "readouts"):
        setattr(shown, option, value)
    elif option == "readout":
        shown.readouts = {value: 3}
    elif value is not None:
        settings[option] = value
    return circuit.for_task(shown, **settings)


def fingerprint(net, **phases):
    """All that a user can see of a circuit before and after one batch."""
    shown = Batch({"any": jnp.asarray(X)}, {"any": jnp.asarray(TARGETS["classes"])}, {"index": jnp.arange(4)})
    outcome = net.learn(net.read(), shown, jax.random.key(0), **phases)
    steps = net.constrain(net.read(), outcome.changes) if outcome.changes else {}
    answer = net.respond(net.read(), {"any": jnp.asarray(X)})
    arrays = {**net.read(), **outcome.changes, **outcome.tree, **outcome.metrics, **steps, **answer}
    seen = {name: (np.asarray(value).dtype, np.asarray(value).tobytes()) for name, value in arrays.items()}
    return seen | {
        "populations": [population.name for population in net.populations()],
        "ports": sorted(getattr(net, "inputs", ())),
    }


CASES = [(circuit, option) for circuit, options in OPTIONS.items() for option in options if option not in UNSEEN]


@pytest.mark.parametrize(("circuit", "option"), CASES, ids=[f"{c.__name__}-{o}" for c, o in CASES])
def test_every_option_changes_something(circuit, option):
    one, other = (fingerprint(build(circuit, option, value)) for value in OPTIONS[circuit][option])
    assert one != other


@pytest.mark.parametrize("circuit", OPTIONS)
def test_given_weights_and_masks_change_something(circuit):
    drawn = build(circuit)
    name = next(name for name in drawn.plastic if drawn.read()[name].ndim == 2)
    weights = np.array(drawn.read()[name])
    mask = np.ones_like(weights)
    mask[0] = 0
    plain = fingerprint(drawn)
    assert fingerprint(build(circuit, "weights", {name: weights / 2})) != plain
    if drawn.synapses[name].mask is None:
        with pytest.raises(CircuitError, match="has no mask: every synapse of it exists"):
            build(circuit, "mask", {name: mask})
    else:
        assert fingerprint(build(circuit, "mask", {name: mask})) != plain


@pytest.mark.parametrize("circuit", OPTIONS)
def test_every_option_is_in_the_matrix(circuit):
    wanted = set()
    for call in (
        circuit,
        circuit.for_task,
        *[chain] * (circuit is ModularRNN),
        *(base.__init__ for base in circuit.__mro__[1:-1]),
    ):
        if getattr(call, "__module__", "").startswith("biocredit"):
            wanted |= set(inspect.signature(call).parameters)
    wanted -= {"self", "cls", "task", "settings", "options", "dt", "hidden", "others"}
    assert wanted - set(UNSEEN) <= set(OPTIONS[circuit])


PHASES = {
    ModularRNN: {
        "error": "end_point",
        "iterations": (8, 5),
        "error_strength": 0.5,
        "feedforward_gain": 0.5,
        "feedback_gain": 0.5,
    },
    EquilibriumPropagation: {"iterations": (20, 3), "beta": 0.4, "estimator": "symmetric"},
    PredictiveCoding: {"iterations": 20, "dt": 0.05},
}


@pytest.mark.parametrize("circuit", PHASES)
def test_every_setting_of_the_phases_changes_something(circuit):
    net = build(circuit)
    plain = fingerprint(net)
    assert set(circuit.phase_settings) == set(PHASES[circuit]) | ({"mode"} if circuit is ModularRNN else set())
    for name, value in PHASES[circuit].items():
        assert fingerprint(net, **{name: value}) != plain, name


def test_adjoint_propagation_is_the_gradient_where_its_rule_says_so():
    net = ModularRNN.for_task(task(), regions=1, neurons=12, layout_code=1, dtype=jnp.float64)
    tree, strength, phases = net.read(), 1e-5, {"iterations": (120, 120)}
    symmetric = (tree["V1.W_rec"] + tree["V1.W_rec"].T) / 2
    tree |= {"V1.W_rec": symmetric, "y~>V1.RE": tree["V1.SI->y"].T}
    error = {"error": "end_point", "error_strength": strength}
    changes = net.learn(tree, batch(), jax.random.key(0), **phases, **error).changes

    def loss(weight):
        answer = net.respond(tree | {"x->V1.RI": weight}, batch().inputs, **phases)
        return net.metrics(answer, batch().targets)["loss"]

    wanted = jax.grad(loss)(tree["x->V1.RI"])
    np.testing.assert_allclose(changes["x->V1.RI"] / strength, wanted, rtol=1e-3, atol=1e-6)
