"""ModProp: credit over many synapses by modulators whose receptors filter in time (arXiv 2206.01338).

Cells on the way hand a message on with one mean gain mu; through the synapses themselves (``modprop``) or as
type-specific modulators (``modprop_wab``; ``_fixed``: with type weights that never change). Rules named ``_self`` keep
the reset and the adaptation of the cells on the way, which spiking credit needs to stay bounded (own derivation);
those without are the literal transcription of the published rule, a leak only. ``_online`` pairs what is known at a
step with traces that the readout has filtered. ``nspec`` has one mean gain per neuron. For rate cells ``_self`` and
``_online`` change nothing.
"""

from dataclasses import replace

from biocredit.circuits.recurrent.credit.family import (
    FIXED_TYPES,
    FULL,
    LINEAR,
    LIU_2022,
    SYNAPSES,
    TYPES,
    reverse_rule,
    with_mu_for_all,
)
from biocredit.circuits.recurrent.credit.reverse import Credit, mean_gain, neuron_gain, through_synapses, through_types

#: The learning signal, and messages over many synapses that are handed on with one mean gain.
MESSAGES = (
    r"\Delta_{qp} = \sum_t \Bigl( L_{t,p} + \sum_j V_{pj}\, b_{t+1,j} \Bigr) e_{t,qp}, \qquad "
    r"b_{t,j} = a_{t,j} + \mu \sum_k V_{jk}\, b_{t+1,k} + \alpha\, b_{t+1,j}, \qquad a_{t,j} = L_{t,j}\, h_{t,j}"
)
TYPED = {"citation": LIU_2022, "equation": MESSAGES, "exact_when": f"{LINEAR}, one cell a type"}
PLAIN = {"citation": LIU_2022, "equation": MESSAGES, "exact_when": LINEAR}

by_synapses = Credit(through_synapses, mean_gain, paths="none")
by_types = Credit(through_types("type_means"), mean_gain, paths="none")
by_fixed_types = Credit(through_types("fixed_type_means"), mean_gain, paths="none")
per_neuron = Credit(through_synapses, neuron_gain)


def both(name: str, credit: Credit, *signals: str, own: str, **declared: str) -> tuple:
    """Return a rule and the form called ``own`` that keeps reset and adaptation, with and without mu for the owner."""
    kept = replace(credit, paths="local")
    forms = ((name, credit), (own, kept))
    return tuple(rule for form in forms for rule in with_mu_for_all(*form, *signals, **declared))


RULES = (
    *both("modprop", by_synapses, *SYNAPSES, *FULL, own="modprop_self", **PLAIN),
    *both("modprop_wab", by_types, *TYPES, *FULL, own="modprop_wab_self", means="type_means", **TYPED),
    *both(
        "modprop_wab_fixed",
        by_fixed_types,
        *FIXED_TYPES,
        *FULL,
        own="modprop_wab_self_fixed",
        means="fixed_type_means",
        **TYPED,
    ),
    *(
        reverse_rule(
            f"{name}_online", replace(by_types, causal=True, paths=paths), *TYPES, *FULL, means="type_means", **TYPED
        )
        for name, paths in (("modprop_wab", "none"), ("modprop_wab_self", "local"))
    ),
    *with_mu_for_all("nspec", per_neuron, *SYNAPSES, "mean_gain", "mu", "window", **PLAIN),
)
