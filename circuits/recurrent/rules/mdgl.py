"""Multidigraph learning: e-prop and one modulatory message (Liu et al. 2021, doi:10.1073/pnas.2111821118).

Cell j secretes a_j = L_j gain_j; a cell p that projects to j senses it in the next step and multiplies its previous
trace: credit of p at t is L_t[p] + ci sum over j of V[p, j] a_{t+1}[j]. V are the weights (``mdgl``), their means
over existing synapses of a pair of types, at existing synapses (``mdgl_types``), or over all pairs (``mdgl_wab``, also
called ``mdgl_nonlocal``). ``mdgl_online`` is ``mdgl_types`` with what is known at a step, paired with
traces that the readout has filtered.
"""

from dataclasses import replace

from biocredit.circuits.recurrent.credit.family import SYNAPSES, TYPES, reverse_rule
from biocredit.circuits.recurrent.credit.reverse import Credit, next_synapses, next_types

LIU_2021 = "10.1073/pnas.2111821118"
STEPS = "two time steps"

#: The learning signal, and one message from the cells that the owner projects to.
ONE_MESSAGE = (
    r"\Delta_{qp} = \sum_t \Bigl( L_{t,p} + c \sum_j V_{pj}\, a_{t+1,j} \Bigr) e_{t,qp}, "
    r"\qquad a_{t,j} = L_{t,j}\, h_{t,j}"
)
DECLARED = {"citation": LIU_2021, "equation": ONE_MESSAGE}

through_types = reverse_rule(
    "mdgl_wab", Credit(next_types), *TYPES, **DECLARED, exact_when=f"{STEPS} and equal weights in a type"
)

RULES = (
    reverse_rule("mdgl", Credit(next_synapses()), *SYNAPSES, **DECLARED, exact_when=STEPS),
    reverse_rule(
        "mdgl_types",
        Credit(next_synapses("partner_means")),
        "partner_means",
        **DECLARED,
        exact_when=f"{STEPS} and equal weights of the synapses of a pair of types",
    ),
    through_types,
    replace(through_types, name="mdgl_nonlocal"),
    reverse_rule(
        "mdgl_online",
        Credit(next_synapses("partner_means"), causal=True),
        "partner_means",
        **DECLARED,
        exact_when=f"{STEPS}, no filter, and equal weights of the synapses of a pair of types",
    ),
)
