"""A credit rule of one's own: the three-factor rule, of which a synapse keeps the sign and not the size."""

from dataclasses import replace

import jax.numpy as jnp
from biocredit.circuits.recurrent.rules import RULES
from biocredit.protocols.experiments.configuration import Configuration, Run
from biocredit.protocols.experiments.settings.circuits import RateNetwork
from biocredit.protocols.experiments.settings.credit import Rule
from biocredit.protocols.experiments.settings.phases import Online
from biocredit.protocols.experiments.settings.tasks import DelayedXor

LOCAL = RULES["three_factor"]


def update(state, signals):
    """Return the state of the rule, and the direction of every weight's change."""
    state, changes = LOCAL.update(state, signals)
    return state, {name: jnp.sign(change) for name, change in changes.items()}


configuration = Configuration(
    task=DelayedXor(cue=5, delay=10, bump_sd=2.0, n_train=32, n_test=16),
    circuit=RateNetwork(neurons=10, tau=10.0),
    rule=Rule(replace(LOCAL, name="sign_of_three_factor", update=update)),
    protocol=Online(),
    run=Run(epochs=2, seeds=1, batch_size=16),
)
