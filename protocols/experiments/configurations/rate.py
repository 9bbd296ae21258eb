"""Configurations of rate networks that learn temporal tasks (arXiv 2206.01338)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from biocredit.protocols.experiments.experiment import Configuration
from biocredit.protocols.experiments.parts import Images, Optimizer, Recording, Run

if TYPE_CHECKING:
    import optax
    from biocredit.circuits import RateRNN
    from biocredit.protocols.recording.measures.measure import Measure
    from biocredit.protocols.tasks.task import Task
    from biocredit.protocols.training.protocol import Protocol


@dataclass(frozen=True)
class Network:
    """A leaky rate network, see :class:`biocredit.circuits.RateRNN`.

    Parameters
    ----------
    neurons
        Number of cells, 20 % I and 80 % E.
    rule, tau, mu, initial
        See there.
    dale
        Whether cells excite or inhibit; otherwise their signs are free.
    """

    neurons: int = 120
    rule: str = "bptt"
    tau: float = 100.0
    mu: float = 0.25
    initial: Literal["balanced", "liu_2022", "gaussian"] = "liu_2022"
    dale: bool = True

    def build(self, task: "Task", seed: int) -> "RateRNN":
        """Build the network for a task."""
        from biocredit.circuits import RateRNN

        signs = None if self.dale else {"E": 0, "I": 0}
        settings = {"tau": self.tau, "mu": self.mu, "initial": self.initial, "signs": signs}
        return RateRNN.for_task(task, self.neurons, rule=self.rule, seed=seed, **settings)


@dataclass(frozen=True)
class Xor:
    """Delayed exclusive-or, see :class:`biocredit.protocols.tasks.temporal.delayed_xor`."""

    cue: int = 100
    delay: int = 700
    bump_sd: float = 25.0
    noise: float = 0.01
    n_train: int = 640
    n_test: int = 320

    def load(self) -> "Task":
        """Load the task."""
        from dataclasses import asdict

        from biocredit.protocols.tasks import delayed_xor

        return delayed_xor(**asdict(self))

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Data sets that are needed."""
        return ()


@dataclass(frozen=True)
class Pattern:
    """Pattern generation, see ``pattern_generation``; all seeds of a run share one."""

    steps: int = 2000
    inputs: int = 50
    frequencies: tuple[float, ...] = (0.5, 1.0, 2.0, 3.0, 4.0)
    seed: int = 0
    n_train: int = 20

    def load(self) -> "Task":
        """Load the task."""
        from dataclasses import asdict

        from biocredit.protocols.tasks import pattern_generation

        return pattern_generation(**asdict(self))

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Data sets that are needed."""
        return ()


@dataclass(frozen=True)
class Pixels(Images):
    """A data set of grey images, shown pixel by pixel."""

    name: str = "mnist"

    def load(self, **options: Any) -> "Task":
        """Load the task."""
        from biocredit.protocols.tasks import pixel_by_pixel

        return pixel_by_pixel(super().load(**options))


@dataclass(frozen=True)
class Rewiring:
    """The optimiser of the released program, see :func:`biocredit.circuits.recurrent.deep_rewiring`.

    Parameters
    ----------
    learning_rate
        At the start.
    factor, every
        The learning rate is multiplied by ``factor`` after every so many updates.
    l1, l2, connectivity
        See there.
    """

    learning_rate: float = 5e-4
    factor: float = 0.8
    every: int = 300
    l1: float = 0.01
    l2: float = 5e-4
    connectivity: float = 0.99

    def make(self) -> "optax.GradientTransformation":
        """Make the optax transformation."""
        import optax
        from biocredit.circuits.recurrent import deep_rewiring

        rate = optax.exponential_decay(self.learning_rate, self.every, self.factor, staircase=True)
        return deep_rewiring(rate, l1=self.l1, l2=self.l2, connectivity=self.connectivity)


@dataclass(frozen=True, kw_only=True)
class RatesOnXor(Configuration):
    """A rate network learns delayed exclusive-or, as in the released program.

    Parameters
    ----------
    update_every
        See :class:`biocredit.protocols.training.online.Online`.
    compared
        Rules whose gradients are compared with that of the rule that learns, at the same weights, after every epoch.
    """

    task: Xor = Xor()
    circuit: Network = Network()
    optimizer: Rewiring = Rewiring()
    record: Recording = Recording()  # noqa: RUF009  (frozen)
    run: Run = Run(epochs=150, batch_size=32)  # noqa: RUF009  (frozen)
    update_every: int | Literal["trial"] = "trial"
    compared: tuple[str, ...] = ()

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        from biocredit.protocols import Online

        task, run = self.task.load(), self.run
        return Online(
            self.circuit.build(task, run.seed),
            task,
            update_every=self.update_every,
            optimizer=self.optimizer.make(),
            seeds=run.seeds,
            batch_size=min(run.batch_size, task.n_train),
            shuffle=run.shuffle,
            records=self.record.records(("error",)),
            probe_trials=self.record.trials,
            measures=self.measures(task),
        )

    def measures(self, task: "Task") -> "tuple[Measure, ...]":
        """Measure angles between gradients, if rules are to be compared."""
        from dataclasses import replace

        from biocredit.protocols.recording.measures.gradient_angles import gradient_angles

        circuits = {rule: replace(self.circuit, rule=rule).build(task, self.run.seed) for rule in self.compared}
        return (gradient_angles(circuits),) if circuits else ()


@dataclass(frozen=True, kw_only=True)
class RatesOnPattern(RatesOnXor):
    """A rate network learns to generate a pattern. Its length in updates and the batch are not published."""

    task: Pattern = Pattern()
    circuit: Network = Network(neurons=400, tau=30.0)
    optimizer: Optimizer = Optimizer()  # noqa: RUF009  (frozen)
    run: Run = Run(epochs=50, batch_size=1)  # noqa: RUF009  (frozen)


@dataclass(frozen=True, kw_only=True)
class RatesOnPixels(RatesOnXor):
    """A rate network of cells without fixed signs classifies images pixel by pixel."""

    task: Pixels = Pixels()
    circuit: Network = Network(neurons=200, tau=20.0, dale=False)
    optimizer: Optimizer = Optimizer()  # noqa: RUF009  (frozen)
    run: Run = Run(epochs=5, batch_size=256)  # noqa: RUF009  (frozen)
