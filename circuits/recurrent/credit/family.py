"""Making rules of the reverse family: a credit and its running forms become a declared rule."""

from dataclasses import replace
from functools import partial
from typing import Any

from biocredit.circuits.recurrent.credit.history import History
from biocredit.circuits.recurrent.credit.local import Local
from biocredit.circuits.recurrent.credit.modulated import Modulated
from biocredit.circuits.recurrent.credit.reverse import LOCAL, Credit
from biocredit.circuits.recurrent.credit.temporal_rule import TemporalRule, needs, transported

LIU_2022 = "arXiv:2206.01338"

SYNAPSES = ("recurrent_weights",)
TYPES = ("membership", "types", "type_means")
FIXED_TYPES = ("membership", "types", "fixed_type_means")
#: Signals of rules whose messages pass many synapses with the mean gain.
FULL = ("mu", "taps", "window")
#: What a message from another cell is made of.
OF_OTHERS = ("gain", "mean_gain", "direction", "learning_signal", "causal_signal", "rate_signal")
LINEAR = "linear neurons and mu = 1"


def reverse_rule(
    name: str, credit: Credit, *signals: str, means: str | None = None, elsewhere: tuple = (), **declared: Any
) -> TemporalRule:
    """Declare a rule of the reverse family.

    Parameters
    ----------
    name, credit
        Name, and what the rule does.
    *signals
        Signals besides those of every rule of the family.
    means
        Signal that holds the type weights, for a rule whose modulators have all lags.
    elsewhere
        Which of the signals it needs of other cells, too, although messages are those of types. Where they return
        through single synapses, these are all that a message is made of.
    **declared
        What else a :class:`TemporalRule` declares.
    """
    running = None
    if means is not None:
        running = Modulated(credit, means)
    elif not {"window", "taps"} & set(signals):
        running = Local(credit)
    windowed = History(credit) if {"window", "taps"} & set(signals) else None
    common = {"memory": "O(T N)", "operations": "O(T N^2)", "exact": not declared.get("exact_when", "")}
    single = {"recurrent_weights", "partner_means"} & set(signals)
    asked = (*LOCAL, *signals)
    far = [name for name in OF_OTHERS if name in asked] if single else elsewhere
    asks = needs(*asked, elsewhere=far)
    remake = partial(_with_own, name, credit, signals, means, declared | {"elsewhere": elsewhere})
    common |= {"sends": credit.route is not None, "paths": credit.paths, "with_own": remake}
    parts = {
        "update": credit.update,
        "needs": asks,
        "transports": transported(asks),
        "running": running,
        "windowed": windowed,
    }
    return TemporalRule(name=name, **{**common, **parts, **declared})


def _with_own(name: str, credit: Credit, signals: tuple, means: str | None, declared: dict, own: str) -> TemporalRule:
    return reverse_rule(name, replace(credit, own=own), *signals, means=means, **declared)


def with_mu_for_all(name: str, credit: Credit, *signals: str, **declared: Any) -> tuple[TemporalRule, TemporalRule]:
    """Return a rule that uses mu, and its form with mu for the gain of the owner too (the released program)."""
    owner = replace(credit, owner=credit.path)
    full = f"{name}_mu_all"
    return reverse_rule(name, credit, *signals, **declared), reverse_rule(full, owner, *signals, **declared)
