"""A transfer function of one's own."""

import jax.numpy as jnp
from biocredit.protocols.experiments.configuration import Configuration, Run
from biocredit.protocols.experiments.settings.circuits import Layers
from biocredit.protocols.experiments.settings.tasks import Images


def saturating(current):
    """Rate of a cell that saturates slowly."""
    return current / (1 + jnp.abs(current))


configuration = Configuration(
    task=Images("digits", train=200, test=50),
    circuit=Layers((16,), activation=saturating),
    run=Run(epochs=2, seeds=2, batch_size=50),
)
