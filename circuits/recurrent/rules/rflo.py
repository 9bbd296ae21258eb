"""Random-feedback local online learning (Murray 2019, doi:10.7554/eLife.43299).

dW[q, p] = sum over t of L_t[p] gain_t[p] eps_t[q], with the leaky presynaptic filter alone as memory of a synapse
(no reset, no adaptation) and fixed random weights in place of the readout's in L.
"""

from biocredit.circuits.recurrent.credit.family import reverse_rule
from biocredit.circuits.recurrent.credit.reverse import Credit

RULES = (
    reverse_rule(
        "rflo",
        Credit(own="none"),
        citation="10.7554/eLife.43299",
        exact_when="no recurrent synapses, no reset, no adaptation, and symmetric feedback",
        random_feedback=True,
        equation=r"\Delta_{qp} = \sum_t L_{t,p}\, h_{t,p}\, \varepsilon_{t,q}, \qquad "
        r"\varepsilon_{t,q} = \alpha\, \varepsilon_{t-1,q} + x_{t,q}",
    ),
)
