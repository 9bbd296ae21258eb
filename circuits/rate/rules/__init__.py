"""Temporal credit rules by name. A new rule is one entry of :data:`RULES`."""

from circuits.errors import choose, require
from circuits.rate.rules.forward import influence_rule
from circuits.rate.rules.reverse import (
    LOCAL,
    Credit,
    mean_gain,
    neuron_gain,
    next_synapses,
    next_types,
    through_synapses,
    through_types,
)
from circuits.rule import Rule

LIU_2022 = "arXiv:2206.01338"
BELLEC_2020 = "doi:10.1038/s41467-020-17236-y"
MURRAY_2019 = "doi:10.7554/eLife.43299"
LIU_2021 = "doi:10.1073/pnas.2111821118"
WERBOS_1990 = "doi:10.1109/5.58337"
WILLIAMS_1989 = "doi:10.1162/neco.1989.1.2.270"
MENICK_2020 = "arXiv:2006.07232"

SYNAPSES = (*LOCAL, "recurrent_weights")
TYPES = (*LOCAL, "membership", "types", "type_means")
FIXED_TYPES = (*LOCAL, "membership", "types", "fixed_type_means")

through_means = through_types("type_means")
through_fixed = through_types("fixed_type_means")


def _reverse(name: str, credit: Credit, signals: tuple[str, ...], citation: str = LIU_2022, **declared) -> Rule:
    cost = {"memory": "O(T N)", "operations": "O(T N^2)"}
    return Rule(name, credit.update, signals=signals, citation=citation, **(cost | declared))


def _influence(name: str, synapses: int | None, citation: str, **declared) -> Rule:
    return Rule(name, influence_rule(synapses), signals=SYNAPSES, citation=citation, **declared)


LINEAR = "linear neurons and mu = 1"
FULL = ("mu", "taps", "window")

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        _reverse("bptt", Credit(through_synapses), (*SYNAPSES, "window"), WERBOS_1990, phases=2, exact=True),
        _reverse("bptt_wab", Credit(through_means), (*TYPES, "window"), phases=2, exact_when="equal weights in a type"),
        _reverse("three_factor", Credit(), LOCAL, BELLEC_2020, exact_when="no recurrent synapses"),
        _reverse("rflo", Credit(), LOCAL, MURRAY_2019, exact_when="no recurrent synapses, symmetric feedback"),
        _reverse("mdgl", Credit(next_synapses), SYNAPSES, LIU_2021, exact_when="two time steps"),
        _reverse("mdgl_wab", Credit(next_types), TYPES, LIU_2021, exact_when="two time steps, equal weights in a type"),
        _reverse("modprop", Credit(through_synapses, mean_gain), (*SYNAPSES, *FULL), exact_when=LINEAR),
        _reverse(
            "modprop_mu_all", Credit(through_synapses, mean_gain, mean_gain), (*SYNAPSES, *FULL), exact_when=LINEAR
        ),
        _reverse(
            "modprop_wab", Credit(through_means, mean_gain), (*TYPES, *FULL), exact_when=f"{LINEAR}, one cell a type"
        ),
        _reverse(
            "modprop_wab_mu_all",
            Credit(through_means, mean_gain, mean_gain),
            (*TYPES, *FULL),
            exact_when=f"{LINEAR}, one cell a type",
        ),
        _reverse(
            "modprop_wab_fixed",
            Credit(through_fixed, mean_gain),
            (*FIXED_TYPES, *FULL),
            exact_when=f"{LINEAR}, one cell a type with its own weights",
        ),
        _reverse(
            "modprop_wab_fixed_mu_all",
            Credit(through_fixed, mean_gain, mean_gain),
            (*FIXED_TYPES, *FULL),
            exact_when=f"{LINEAR}, one cell a type with its own weights",
        ),
        _reverse(
            "nspec", Credit(through_synapses, neuron_gain), (*SYNAPSES, "mean_gain", "mu", "window"), exact_when=LINEAR
        ),
        _reverse(
            "nspec_mu_all",
            Credit(through_synapses, neuron_gain, neuron_gain),
            (*SYNAPSES, "mean_gain", "mu", "window"),
            exact_when=LINEAR,
        ),
        _influence("rtrl", None, WILLIAMS_1989, exact=True, memory="O(N^3)", operations="O(T N^4)"),
        _influence("snap1", 0, MENICK_2020, memory="O(N^3)", operations="O(T N^4)", exact_when="no recurrent synapses"),
        _influence("snap2", 1, MENICK_2020, memory="O(N^3)", operations="O(T N^4)", exact_when="dense synapses"),
    )
}


def rule_named(name: str, owner_gain: str = "exact") -> Rule:
    """Return a rule by name.

    Parameters
    ----------
    name
        Key of :data:`RULES`.
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
    if owner_gain == "exact":
        return choose(name, RULES, "rule")
    choose(name, RULES, "rule")
    require(f"{name}_mu_all" in RULES, f"rule {name!r} does not use mu: owner_gain='mu' has no meaning for it")
    return RULES[f"{name}_mu_all"]
