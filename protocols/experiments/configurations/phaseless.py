"""Configurations of phaseless alignment learning (arXiv 2212.10249)."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from biocredit.protocols.experiments.experiment import Configuration
from biocredit.protocols.experiments.parts import Images, Run

if TYPE_CHECKING:
    from biocredit.protocols.training.protocol import Protocol


@dataclass(frozen=True)
class Noisy:
    """Rate cells whose noise teaches the feedback.

    Parameters
    ----------
    transfer, steps
        Transfer function of the hidden layers, time steps for which a pattern is shown.
    noise, decay
        Standard deviation of the noise of hidden cells, decay of the feedback.
    slowed
        Factor of the forward learning rates of the released program. 0.1 is ours, the better of 1 and 0.1 on 5,000
        images of MNIST: with 1 the forward weights outrun the feedback.
    """

    transfer: str = "tanh"
    steps: int = 100
    noise: float = 0.05
    decay: float = 5e-5
    slowed: float = 0.1


@dataclass(frozen=True, kw_only=True)
class PhaselessOnImages(Configuration):
    """Fully connected layers learn images while time runs, feedback and forward weights at once."""

    task: Images = Images("mnist", "global")  # noqa: RUF009  (frozen)
    hidden: tuple[int, ...] = (512, 512)
    circuit: Noisy = Noisy()
    run: Run = Run(epochs=40, seeds=5, batch_size=64, shuffle="samples")  # noqa: RUF009  (frozen)

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        from biocredit.circuits import PhaselessRate
        from biocredit.circuits.microcircuit.rate_level import released
        from biocredit.protocols import TwoPhase
        from biocredit.protocols.recording.measures.alignment import alignment, reciprocity

        own, run, task = self.circuit, self.run, self.task.load()
        (inputs,), (classes,) = task.inputs.values(), task.readouts.values()
        constants = released(len(self.hidden) + 1, own.transfer, own.steps)
        constants = replace(
            constants,
            learning_rate=tuple(own.slowed * rate for rate in constants.learning_rate),
            sigma=tuple(own.noise * (sigma > 0) for sigma in constants.sigma),
            decay=(own.decay,) * len(constants.decay),
        )
        sizes = (inputs, *self.hidden, classes)
        net = PhaselessRate(sizes, own.transfer, steps=own.steps, constants=constants, seed=run.seed)
        return TwoPhase(
            net,
            task,
            seeds=run.seeds,
            batch_size=min(run.batch_size, task.n_train),
            shuffle=run.shuffle,
            measures=(alignment(), reciprocity()),
        )
