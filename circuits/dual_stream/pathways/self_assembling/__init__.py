"""Self-assembling learning (arXiv 2412.20018): four plastic matrices between neighbouring levels of two streams.

Equations: the text that was open to us lacks the paper's formulas. They are derived from its proof steps and special
cases, and where a choice remained it is said which was made.

``kinds.py``       the four kinds of synapses and a number for each
``levels.py``      the levels at which the two streams face each other
``transfers.py``   what descending cells do with what they receive
``plasticity.py``  the heterosynaptic product, competition, local losses
``stream.py``      the descending stream
``modulation.py``  the third phase: descending currents added back to the ascending cells
``training.py``    a rate, a decay and a regulariser for each kind; clipping
"""

from biocredit.circuits.dual_stream.pathways.self_assembling.kinds import KINDS, PerKind
from biocredit.circuits.dual_stream.pathways.self_assembling.modulation import Modulation
from biocredit.circuits.dual_stream.pathways.self_assembling.pathway import SelfAssembling, TiedSelfAssembling
from biocredit.circuits.dual_stream.pathways.self_assembling.training import PerKindTraining, advice

__all__ = ["KINDS", "Modulation", "PerKind", "PerKindTraining", "SelfAssembling", "TiedSelfAssembling", "advice"]
