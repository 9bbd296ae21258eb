"""Temporal credit rules by name. A new rule is one entry of :data:`RULES`."""

from dataclasses import replace

from biocredit.circuits.core.credit_rule import Rule
from biocredit.circuits.core.errors import choose, require
from biocredit.circuits.recurrent.online_family import FAMILY as ONLINE_FAMILY
from biocredit.circuits.recurrent.online_family import stepwise
from biocredit.circuits.recurrent.rules.forward import influence_rule
from biocredit.circuits.recurrent.rules.reverse import (
    LOCAL,
    Credit,
    mean_gain,
    neuron_gain,
    next_synapses,
    next_types,
    through_synapses,
    through_types,
)

LIU_2022 = "arXiv:2206.01338"
BELLEC_2020 = "10.1038/s41467-020-17236-y"
MURRAY_2019 = "10.7554/eLife.43299"
LIU_2021 = "10.1073/pnas.2111821118"
WERBOS_1990 = "10.1109/5.58337"
WILLIAMS_1989 = "10.1162/neco.1989.1.2.270"
MENICK_2020 = "arXiv:2006.07232"

SYNAPSES = (*LOCAL, "recurrent_weights")
INFLUENCE = tuple(name for name in SYNAPSES if name != "rate")
TYPES = (*LOCAL, "membership", "types", "type_means")
FIXED_TYPES = (*LOCAL, "membership", "types", "fixed_type_means")

through_means = through_types("type_means")
through_fixed = through_types("fixed_type_means")


FULL = ("mu", "taps", "window")
LINEAR = "linear neurons and mu = 1"

#: Rules of the reverse family: name, credit, signals, citation, regime in which they are exact.
_REVERSE = (
    ("bptt", Credit(through_synapses), (*SYNAPSES, "window"), WERBOS_1990, ""),
    ("bptt_wab", Credit(through_means), (*TYPES, "window"), LIU_2022, "equal weights in a type"),
    ("three_factor", Credit(), LOCAL, BELLEC_2020, "no recurrent synapses"),
    ("rflo", Credit(), LOCAL, MURRAY_2019, "no recurrent synapses and symmetric feedback"),
    ("mdgl", Credit(next_synapses), SYNAPSES, LIU_2021, "two time steps"),
    ("mdgl_wab", Credit(next_types), TYPES, LIU_2021, "two time steps and equal weights in a type"),
    ("modprop", Credit(through_synapses, mean_gain), (*SYNAPSES, *FULL), LIU_2022, LINEAR),
    ("modprop_wab", Credit(through_means, mean_gain), (*TYPES, *FULL), LIU_2022, f"{LINEAR}, one cell a type"),
    ("modprop_wab_fixed", Credit(through_fixed, mean_gain), (*FIXED_TYPES, *FULL), LIU_2022, f"{LINEAR}, true weights"),
    ("nspec", Credit(through_synapses, neuron_gain), (*SYNAPSES, "mean_gain", "mu", "window"), LIU_2022, LINEAR),
)
#: Rules that carry influence forward: name, number of synapses it may span, citation, regime in which they are exact.
_FORWARD = (
    ("rtrl", None, WILLIAMS_1989, ""),
    ("snap1", 0, MENICK_2020, "no recurrent synapses"),
    ("snap2", 1, MENICK_2020, "dense synapses"),
)


def _family() -> dict[str, Credit]:
    """All members; a rule that uses mu exists also with mu for the gain of the owner (the released program)."""
    family = {}
    for name, credit, signals, *_ in _REVERSE:
        family[name] = credit
        if "mu" in signals:
            family[f"{name}_mu_all"] = replace(credit, owner=credit.path)
    return family


def _rules() -> dict[str, Rule]:
    rules = {}
    for name, _, signals, citation, exact_when in _REVERSE:
        for full in (name, f"{name}_mu_all"):
            if full in FAMILY:
                rules[full] = Rule(
                    full,
                    FAMILY[full].update,
                    signals=signals,
                    phases=2 if "bptt" in name else 1,
                    exact=not exact_when,
                    exact_when=exact_when,
                    memory="O(T N)",
                    operations="O(T N^2)",
                    citation=citation,
                )
    for name, synapses, citation, exact_when in _FORWARD:
        rules[name] = Rule(
            name,
            influence_rule(synapses),
            signals=INFLUENCE,
            exact=not exact_when,
            exact_when=exact_when,
            memory="O(N^3)",
            operations="O(T N^4)",
            citation=citation,
        )
    for name, make in ONLINE_FAMILY.items():
        if name not in rules:
            rules[name] = stepwise(make())
    return rules


FAMILY: dict[str, Credit] = _family()
REACH: dict[str, int | None] = {name: synapses for name, synapses, *_ in _FORWARD}
RULES: dict[str, Rule] = _rules()


def rule_named(name: str | Rule, owner_gain: str = "exact") -> Rule:
    """Return a rule by name.

    Parameters
    ----------
    name
        Key of :data:`RULES`, or a rule itself: ``stepwise(future_bptt(horizon=40))``.
    owner_gain
        ``"exact"`` as in the paper, or ``"mu"`` as in the program released with it, which replaces the gain of the
        cell that owns the synapse, too; then the entry ``<name>_mu_all`` is taken.

    Raises
    ------
    CircuitError
        For an unknown name, or where the rule has no gain to replace.

    Examples
    --------
    >>> rule_named("modprop", owner_gain="mu").name
    'modprop_mu_all'
    """
    require(owner_gain in ("exact", "mu"), f"owner_gain must be 'exact' or 'mu', got {owner_gain!r}")
    if isinstance(name, Rule) and owner_gain == "exact":
        return name
    if owner_gain == "exact":
        return choose(name, RULES, "rule")
    choose(name, RULES, "rule")
    require(f"{name}_mu_all" in RULES, f"rule {name!r} does not use mu: owner_gain='mu' has no meaning for it")
    return RULES[f"{name}_mu_all"]
