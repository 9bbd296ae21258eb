"""Temporal credit rules by name. A new rule is a file here with a tuple ``RULES``, and one word in the table."""

from biocredit.circuits.core.errors import choose, require
from biocredit.circuits.recurrent.credit.step_rule import StepRule
from biocredit.circuits.recurrent.credit.stepwise import stepwise
from biocredit.circuits.recurrent.credit.temporal_rule import TemporalRule
from biocredit.circuits.recurrent.rules import adjoint, bptt, eprop, mdgl, modprop, rflo, rtrl, snap
from biocredit.circuits.recurrent.rules.dni import dni
from biocredit.circuits.recurrent.rules.efficient_bptt import efficient_bptt
from biocredit.circuits.recurrent.rules.future_bptt import future_bptt
from biocredit.circuits.recurrent.rules.kernl import kernl
from biocredit.circuits.recurrent.rules.kf_rtrl import kf_rtrl
from biocredit.circuits.recurrent.rules.reverse_kf_rtrl import reverse_kf_rtrl
from biocredit.circuits.recurrent.rules.uoro import uoro

#: Makers of rules that are told step by step; their arguments are settings of the rule.
STEP_RULES = {make.__name__: make for make in (uoro, kf_rtrl, reverse_kf_rtrl, kernl, dni, future_bptt, efficient_bptt)}

RULES: dict[str, TemporalRule] = {
    rule.name: rule
    for rule in (
        *(rule for module in (bptt, eprop, rflo, mdgl, modprop, rtrl, snap, adjoint) for rule in module.RULES),
        *(stepwise(make()) for make in STEP_RULES.values()),
    )
}


def rule_named(name: str | TemporalRule | StepRule, owner_gain: str = "exact") -> TemporalRule:
    """Return a rule by name, or the rule that was given.

    Parameters
    ----------
    name
        Key of :data:`RULES`, or a rule itself: ``future_bptt(horizon=40)``, or one of your own.
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
    if isinstance(name, StepRule):
        name = stepwise(name)
    if isinstance(name, TemporalRule):
        require(owner_gain == "exact", "owner_gain chooses between rules of the table: leave it out with a rule itself")
        return name
    choose(name, RULES, "rule")
    if owner_gain == "exact":
        return RULES[name]
    require(f"{name}_mu_all" in RULES, f"rule {name!r} does not use mu: owner_gain='mu' has no meaning for it")
    return RULES[f"{name}_mu_all"]
