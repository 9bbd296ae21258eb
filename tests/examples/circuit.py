"""A circuit of one's own: one layer of cells that learn by the delta rule."""

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits import Batch, Circuit, Outcome
from biocredit.circuits.core.probes import untouched
from biocredit.circuits.core.projections import Projection
from biocredit.protocols.experiments.configuration import Configuration, Run
from biocredit.protocols.experiments.settings.circuits import CircuitNamed
from biocredit.protocols.experiments.settings.tasks import Images


class OneLayer(Circuit):
    """Cells ``softmax(gain * x W)``, one a class; ``dW`` is input times error."""

    def __init__(self, task, gain: float = 1.0, seed: int = 0):
        super().__init__(seed=seed)
        (self.inputs, *_), (self.classes, *_), self.gain = task.inputs.values(), task.readouts.values(), gain
        self.connect(Projection("W", "image", "choice", "inference"))
        self.persistent("W", self.initial(seed)["W"], plastic=True)

    def initial(self, seed):
        return {"W": np.random.default_rng(seed).normal(0, 0.1, (self.inputs, self.classes))}

    def respond(self, tree, inputs, probe=untouched):
        return {"choice": self.gain * inputs["image"] @ probe("W", "inference", tree["W"])}

    def learn(self, tree, batch: Batch, key, probe=untouched):
        """Answer, and say how the weights should change."""
        scores = self.respond(tree, batch.inputs, probe)
        target = jax.nn.one_hot(batch.targets["choice"], self.classes, dtype=self.dtype)
        error = jax.nn.softmax(scores["choice"]) - target
        change = jnp.einsum("ni,nc->ic", batch.inputs["image"], error) / len(error)
        return Outcome({"W": change}, {}, self.metrics(scores, batch.targets))


configuration = Configuration(task=Images("digits"), circuit=CircuitNamed(OneLayer, {"gain": 0.5}), run=Run(2))
