"""Back-propagation through time (Werbos 1990, doi:10.1109/5.58337), through spikes with a pseudo-derivative.

Credit of every cell, exact gains on the way: L_t + the credit that comes back through all synapses.
``bptt_reset_cut`` leaves the path from a spike through the reset out; ``bptt_wab`` sends credit through mean weights
of cell types (arXiv 2206.01338).
"""

from biocredit.circuits.recurrent.credit.family import LIU_2022, SYNAPSES, TYPES, reverse_rule
from biocredit.circuits.recurrent.credit.reverse import Credit, through_synapses, through_types

WERBOS_1990 = "10.1109/5.58337"

#: Exact credit of every state, and the product with what arrives at the synapse.
BACK = (
    r"\Delta_{qp} = \sum_t \delta_{t,p}\, x_{t,q}, \qquad "
    r"\delta_{t,p} = h_{t,p} \Bigl( L_{t,p} + \sum_j V_{pj}\, \delta_{t+1,j} \Bigr) + \alpha\, \delta_{t+1,p}"
)

through_means = Credit(through_types("type_means"), spreads=True)
reset_cut = Credit(through_synapses, own="cut", paths="cut", spreads=True)

RULES = (
    reverse_rule(
        "bptt",
        Credit(through_synapses, spreads=True),
        *SYNAPSES,
        "window",
        citation=WERBOS_1990,
        phases=2,
        equation=BACK,
    ),
    reverse_rule(
        "bptt_reset_cut",
        reset_cut,
        *SYNAPSES,
        "window",
        citation=WERBOS_1990,
        phases=2,
        exact_when="no reset",
        equation=BACK,
    ),
    reverse_rule(
        "bptt_wab",
        through_means,
        *TYPES,
        "window",
        elsewhere=("gain",),
        citation=LIU_2022,
        phases=2,
        exact_when="equal weights in a type",
        equation=BACK,
    ),
)
