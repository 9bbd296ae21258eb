"""What an online rule must remember of the past, in six forms.

Each form says how its memory starts and what a stretch of k steps adds: ``learn`` returns the change of all synapses
onto the cells, ``[pre, post]`` with pre = cells, inputs, bias, and the new memory. Within the stretch the per-trial
form of the rule is used; the memory carries what synapses remember from before.
"""

from typing import Any

from biocredit.circuits.recurrent.memories.influence import Influence
from biocredit.circuits.recurrent.memories.modulated import Modulated
from biocredit.circuits.recurrent.memories.short import History, Local, PreviousStep
from biocredit.circuits.recurrent.memories.stepwise import Stepwise
from biocredit.circuits.recurrent.online_family import StepwiseRule
from biocredit.circuits.recurrent.rules import REACH

Memory = type[Local] | type[PreviousStep] | type[Modulated] | type[Influence] | type[History] | type[Stepwise]

#: Forms of rules whose credit has a bounded reach or a recursion of its own; every other rule keeps a history.
MEMORIES: dict[str, Memory] = {
    "three_factor": Local,
    "rflo": Local,
    "mdgl": PreviousStep,
    "mdgl_wab": PreviousStep,
    "modprop_wab": Modulated,
    "modprop_wab_mu_all": Modulated,
    "modprop_wab_fixed": Modulated,
    "modprop_wab_fixed_mu_all": Modulated,
    **{name: Influence for name in REACH},
}


def memory_of(network: Any) -> Memory:
    """Return the form that a network's rule needs; with a finite number of taps it is a history."""
    if isinstance(network.rule, StepwiseRule):
        return Stepwise
    return History if network.taps is not None else MEMORIES.get(network.rule.name, History)
