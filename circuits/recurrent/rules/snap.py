"""SnAp: RTRL that keeps the influence over few synapses (Menick et al. 2020, arXiv:2006.07232).

SnAp-n keeps dx_t[j] / dW[., p] only where j is reached from p over at most n - 1 synapses.
"""

from biocredit.circuits.recurrent.rules.rtrl import influence_rule

MENICK_2020 = "arXiv:2006.07232"

RULES = (
    influence_rule("snap1", 0, MENICK_2020, "no recurrent synapses"),
    influence_rule("snap2", 1, MENICK_2020, "dense synapses"),
)
