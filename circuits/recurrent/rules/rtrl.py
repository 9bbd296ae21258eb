"""Real-time recurrent learning: the exact gradient, forward in time (Williams & Zipser 1989).

doi:10.1162/neco.1989.1.2.270. dx_t / dW of every state is carried along; its sparse versions are in ``snap``.
"""

from typing import Any

from biocredit.circuits.recurrent.credit.influence import INFLUENCE, Influence, check_memory
from biocredit.circuits.recurrent.credit.temporal_rule import TemporalRule, needs, transported


def influence_rule(
    name: str, synapses: int | None, citation: str, exact_when: str = "", **declared: Any
) -> TemporalRule:
    """Declare a rule that keeps the influence of a weight over at most this many synapses."""
    form, others = Influence(synapses), ("gain", "learning_signal", "causal_signal", "direction", "rate_signal")
    asks = needs(*INFLUENCE, elsewhere=() if synapses == 0 else others)
    asks |= {"recurrent_weights": "post"} if synapses == 0 else {}
    return TemporalRule(
        name=name,
        update=form.update,
        running=form,
        needs=asks,
        transports=transported(asks),
        citation=citation,
        exact=not exact_when,
        exact_when=exact_when,
        memory="O(N^3)",
        operations="O(T N^4)",
        check=check_memory,
        equation=r"\Delta_{qp} = \sum_t \sum_i \delta^{\mathrm{now}}_{t,i}\, M_{t,i,qp}, "
        r"\qquad M_t = J_t M_{t-1} + P_t",
        **declared,
    )


RULES = (influence_rule("rtrl", None, "10.1162/neco.1989.1.2.270"),)
