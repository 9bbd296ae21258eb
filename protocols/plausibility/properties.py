"""Properties that follow from the measured wiring, each with the number that decides it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.analysis.metrics.audited import Property
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.recurrent.credit.signals import STATE
from biocredit.circuits.recurrent.temporal_circuit import TemporalCircuit
from biocredit.protocols.plausibility.clamp import Source
from biocredit.protocols.plausibility.exposure import Seen
from biocredit.protocols.plausibility.transport import (
    forward,
    no_symmetry,
    no_transport,
    transported,
    transported_in_time,
)
from biocredit.protocols.plausibility.wiring import LATER, Wiring, judged

NOT_MEASURED = "not measured"


# -- space --------------------------------------------------------------------------------------------------


def local(wiring: Wiring) -> Property:
    """Tell whether changes, and what teaches, depend directly only on what is pre-, postsynaptic or broadcast."""
    known = [row for row in wiring.dependences if row.of not in wiring.unresolved]
    far = [row for row in known if row.place == "nonlocal"]
    taught = [row for row in wiring.signals if row.place == "nonlocal"]
    shown = [f"{row.of} reads {row.on}" + (f" ({row.note})" if row.note else "") for row in [*far, *taught][:2]]
    how = "; ".join(shown) or "no dependence elsewhere"
    how += f" ({', '.join(sorted(wiring.unresolved))}: not resolved)" if wiring.unresolved else ""
    if far or not taught:
        return judged(not far, len(far), how)
    return Property("part", float(len(taught)), f"the teaching signal {how}")


def signals_of_a_synapse(wiring: Wiring) -> Property:
    """Count the signals that a synapse reads."""
    read = [row for row in wiring.dependences if row.kind in ("signal", "state", "input")]
    found = {name: {row.on for row in read if row.of == name} for name in wiring.exposed.clamped.changes}
    most = max(found, key=lambda name: len(found[name]))
    return Property("number", float(len(found[most])), f"at {most}: {', '.join(sorted(found[most]))}")


def broadcast(wiring: Wiring) -> Property:
    """Tell whether anything is broadcast, and of which dimension."""
    rows = [row for row in (*wiring.dependences, *wiring.signals) if row.place == "broadcast" and row.kind != "chance"]
    rows = [row for row in rows if row.of not in wiring.unresolved]
    names = sorted({row.on for row in rows})
    widths = {row.on: row.units for row in rows}
    return judged(bool(rows), sum(widths.values()), ", ".join(names) or "nothing is broadcast")


# -- weights ------------------------------------------------------------------------------------------------


def one_to_one(wiring: Wiring) -> Property:
    """Tell whether feedback joins the same two cells as every forward synapse."""
    pairs = wiring.exposed.net.reciprocal()
    return judged(bool(pairs), len(pairs), "layers whose feedback joins the same two cells")


def shared(wiring: Wiring) -> Property:
    """Tell whether one plastic weight is used at several places."""
    kernels = [name for name, value in wiring.exposed.clamped.changes.items() if value.ndim > 2]
    return judged(bool(kernels), len(kernels), ", ".join(kernels) or "no convolution")


def dale(wiring: Wiring) -> Property:
    """Tell whether a step that is much too long leaves every weight its sign."""
    net = wiring.exposed.net
    tree = net.read()
    random = np.random.default_rng(wiring.seed)
    outside = {one.name for one in net.populations() if one.kind == "input"}
    weights = [name for name in net.plastic if np.ndim(tree[name]) >= 2 and net.synapses[name].pre not in outside]
    steps = {name: jnp.asarray(random.normal(size=tree[name].shape) * 10, tree[name].dtype) for name in weights}
    after = {name: np.asarray(tree[name] + step) for name, step in net.constrain(tree, steps).items()}
    kept = [np.mean(after[name] * np.asarray(tree[name]) >= 0) for name in weights]
    share = float(np.mean(kept)) if kept else float("nan")
    return judged(share == 1.0, share, "share of weights that keep their sign in a step of random direction")


# -- order --------------------------------------------------------------------------------------------------


def phases(wiring: Wiring) -> Property:
    """Tell whether one stretch of activity does."""
    if isinstance(wiring.exposed.net, TemporalCircuit):
        return Property(NOT_MEASURED, float("nan"), "a rule in time is shown whole trials: see online")
    used = {one.phase for one in wiring.exposed.holdable if one.kind == "signal" and _acts(wiring, one)}
    used -= {"rule", "before", ""}
    return judged(len(used) <= 1, len(used) or 1, ", ".join(sorted(used)) or "one stretch of time")


def _acts(wiring: Wiring, source: Source) -> bool:
    names = {row.on for row in (*wiring.dependences, *wiring.signals)}
    return source.name in names


def no_phase_for_feedback(wiring: Wiring) -> Property:
    """Tell whether feedback learns in the phases in which everything learns, rather than in one of its own."""
    rows = (*wiring.dependences, *wiring.signals)
    own = sorted({row.phase for row in rows if row.phase in ("mirror", "feedback")})
    return judged(not own, len(own), ", ".join(own) or "no phase in which feedback alone learns")


def remembers(wiring: Wiring) -> Property:
    """Tell whether a change in a later phase needs signals of the earlier one."""
    pairs = [row for row in wiring.dependences if row.kind == "signal" and row.phase == "inference"]
    late = {row.of for row in wiring.dependences if row.phase in LATER}
    found = sorted({row.on for row in pairs if row.of in late})
    return judged(bool(found), len(found), ", ".join(found[:3]) or "nothing of an earlier phase")


def free_of_backward_locking(wiring: Wiring) -> Property:
    """Tell whether teaching streams run without waiting for ascending activity."""
    exposed = wiring.exposed
    below = {one.name for one in exposed.net.populations() if one.kind in ("descending", "intermediate")}
    streams = [one for one in exposed.holdable if one.name.rpartition(".")[0] in below and one.name.endswith(".rate")]
    streams = streams or wiring.teaching
    hidden = [one for one in streams if np.shape(exposed.values[one])[-1] not in wiring.outputs]
    if not hidden:
        return Property(NOT_MEASURED, float("nan"), "no stream that teaches hidden cells passes a probe")
    inputs = [source for source in exposed.given if source.kind == "input"]
    seen = _free_run(wiring, inputs)
    moved = [one for one in hidden if wiring.moved(seen.incoming[one], exposed.free.incoming[one]).any()]
    how = f"{len(moved)} of {len(hidden)} descending signals move with the input"
    return judged(not moved, len(moved) / len(hidden), how)


def free_of_update_locking(wiring: Wiring) -> Property:
    """Tell whether the lowest synapses can change before higher layers have been computed."""
    exposed, onward = wiring.exposed, forward(wiring)
    onward = [name for name in onward if name in exposed.net.plastic]
    if len(onward) < 2:
        return Property(NOT_MEASURED, float("nan"), "no weights above others")
    first, last = onward[0], onward[-1]
    seen = _free_run(wiring, [Source("array", last)])
    how = f"relative change of the update of {first} when {last} is another"
    return judged(
        not wiring.changed(first, seen).any(), wiring.strength(seen.changes[first], exposed.free.changes[first]), how
    )


def goes_on(wiring: Wiring) -> Property:
    """Tell whether a later phase starts from where an earlier one ended, rather than being set back."""
    rows = [row for row in wiring.signals if row.on == row.of and row.phase == "inference"]
    return judged(bool(rows), len(rows), ", ".join(sorted({row.on for row in rows})) or "no state of an earlier phase")


def _free_run(wiring: Wiring, sources: list[Source]) -> Seen:
    values = wiring.exposed.values
    for source in sources:
        values = wiring.disturbed(source, values=values)
    return wiring.exposed.run(values, ())


def trials_apart(wiring: Wiring) -> Property:
    """Tell whether the change of a batch is the sum of what single trials say, each for itself."""
    exposed = wiring.exposed
    inputs = [source for source in exposed.given if source.kind == "input"]

    def changes(*trials: int) -> dict[str, np.ndarray]:
        values = exposed.values
        for source in inputs:
            for trial in trials:
                values = wiring.disturbed(source, (trial,), values)
        return exposed.run(values, ()).changes

    still, one, other, both = exposed.free.changes, changes(0), changes(1), changes(0, 1)
    mixed = {name: both[name] - one[name] - other[name] + still[name] for name in still}
    strength = max(wiring.strength(still[name] + value, still[name]) for name, value in mixed.items())
    return judged(strength < 1e-4, strength, "part of two trials' joint effect that is not the sum of both")


# -- time ---------------------------------------------------------------------------------------------------


def online(wiring: Wiring) -> Property:
    """Tell whether the rule runs while time runs, and gives what it gives for whole trials."""
    net = wiring.exposed.net
    if not isinstance(net, TemporalCircuit):
        how = "weights change in every step" if net.self_changing else "no time within a trial"
        return Property("yes" if net.self_changing else NOT_MEASURED, float("nan"), how)
    if net.network.rule.running is None:
        return Property("no", float("nan"), "the rule has no running form")
    inputs = {source.name: value for source, value in exposed_inputs(wiring).items()}
    targets = wiring.exposed.batch.targets
    tree = net.read()
    stretch = net.arrange(Batch(inputs, targets))

    def running(tree: Any) -> Any:
        def step(state: tuple, now: Any) -> tuple:
            kept, carry = state
            carry, outcome = net.advance(tree | kept, carry, jax.tree.map(lambda value: value[None], now))
            return (kept | outcome.tree, carry), outcome.changes

        kept = {name: value for name, value in tree.items() if name.startswith(STATE)}
        changes = jax.lax.scan(step, (kept, net.begin(tree, wiring.trials)), stretch)[1]
        return {name: value.sum(0) for name, value in changes.items()}

    found = jax.jit(running)(tree)
    whole = exposed_changes(wiring)
    pairs = [(np.asarray(found[name]), whole[name]) for name in whole if name in found]
    strength = max((wiring.strength(*pair) for pair in pairs), default=float("nan"))
    how = "relative difference of changes, step by step against whole trials"
    return Property("yes" if strength < 1e-5 else "part", strength, how)


def exposed_inputs(wiring: Wiring) -> dict[Source, Any]:
    """Inputs of the batch."""
    return {source: value for source, value in wiring.exposed.given.items() if source.kind == "input"}


def exposed_changes(wiring: Wiring) -> dict[str, np.ndarray]:
    """Changes of the recurrent weights over whole trials, without a clamp."""
    net = wiring.exposed.net
    inputs = {source.name: value for source, value in exposed_inputs(wiring).items()}
    outcome = jax.jit(lambda tree: net.learn(tree, Batch(inputs, wiring.exposed.batch.targets)).changes)(net.read())
    return {name: np.asarray(value) for name, value in outcome.items() if name == "W_rec"}


def nothing_ahead(wiring: Wiring, running: Property) -> Property:
    """Tell whether credit of one step reads no activity of later ones.

    A rule that gives the same while time runs cannot: it remembers credit for activity to come.
    """
    rows = [row for row in wiring.dependences if row.times]
    if not rows:
        return Property(NOT_MEASURED, float("nan"), "no time within a trial")
    ahead = [row for row in rows if "future" in row.times]
    how = ", ".join(sorted({row.on for row in ahead})) or "past and present only"
    if ahead and running.verdict == "yes":
        return Property("yes", float(len(ahead)), f"the same step by step; credit is remembered for later {how}")
    return judged(not ahead, len(ahead), how)


# -- cost ---------------------------------------------------------------------------------------------------


def operations(wiring: Wiring) -> Property:
    """Count the operations of an update for each plastic weight and trial."""
    exposed = wiring.exposed
    count = exposed.operations
    synapses = sum(value.size for value in exposed.clamped.changes.values())
    return Property("number", count / synapses / wiring.trials, "counted operations per weight and trial")


def properties(wiring: Wiring, trained: Any = None) -> dict[str, Property]:
    """Measure all properties.

    Parameters
    ----------
    wiring
        Of a circuit laid open.
    trained
        Weights after training, by name; ``None`` if there was none.
    """
    temporal = isinstance(wiring.exposed.net, TemporalCircuit)
    carried, running = (transported_in_time if temporal else transported)(wiring), online(wiring)
    return {
        "local": local(wiring),
        "signals per synapse": signals_of_a_synapse(wiring),
        "broadcast": broadcast(wiring),
        "no transport of magnitudes": no_transport(wiring, "weights", carried),
        "no transport of signs": no_transport(wiring, "signs", carried),
        "no symmetry": no_symmetry(wiring, trained),
        "one-to-one wiring": one_to_one(wiring),
        "weight sharing": shared(wiring),
        "Dale's law": dale(wiring),
        "one phase": phases(wiring),
        "no phase for feedback alone": no_phase_for_feedback(wiring),
        "remembers a phase": remembers(wiring),
        "goes on from it": goes_on(wiring),
        "no backward locking": free_of_backward_locking(wiring),
        "no update locking": free_of_update_locking(wiring),
        "trials apart": trials_apart(wiring),
        "online": running,
        "causal": nothing_ahead(wiring, running),
        "operations per synapse": operations(wiring),
    }
