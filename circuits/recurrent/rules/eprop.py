"""E-prop, the three-factor rule: local eligibility times a learning signal (doi:10.1038/s41467-020-17236-y).

dW[q, p] = sum over t of L_t[p] e_t[q, p]: nothing travels between cells. ``eprop`` leaves the reset out of the
eligibility trace, as the authors' program does; ``three_factor`` keeps all that happens within the cell. For rate
cells the two are one.
"""

from biocredit.circuits.recurrent.credit.family import reverse_rule
from biocredit.circuits.recurrent.credit.reverse import Credit

BELLEC_2020 = "10.1038/s41467-020-17236-y"

#: Eligibility trace times learning signal.
THREE_FACTORS = r"\Delta_{qp} = \sum_t L_{t,p}\, e_{t,qp}, \qquad e_{t,qp} = h_{t,p}\, \varepsilon_{t,q}"

RULES = (
    reverse_rule(
        "eprop",
        Credit(own="cut"),
        citation=BELLEC_2020,
        exact_when="no recurrent synapses and no reset",
        equation=THREE_FACTORS,
    ),
    reverse_rule(
        "three_factor", Credit(), citation=BELLEC_2020, exact_when="no recurrent synapses", equation=THREE_FACTORS
    ),
)
