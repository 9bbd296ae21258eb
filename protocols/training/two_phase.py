"""Two phases in every trial: without and with an output error (or a target), then plasticity."""

from biocredit.protocols.training.protocol import Protocol


class TwoPhase(Protocol):
    """Show stimuli, let the circuit settle, let the error (or the target) in, compare, change the synapses.

    All arguments are those of :class:`biocredit.protocols.training.protocol.Protocol`; the settings of the phases are
    the circuit's. For :class:`biocredit.circuits.ModularRNN`: ``error`` ("short_trajectory" or "end_point"),
    ``iterations`` (T1, T2), ``error_strength``, ``feedforward_gain``, ``feedback_gain``, ``mode``.

    Examples
    --------
    >>> from biocredit.circuits import ModularRNN
    >>> from biocredit.protocols import TwoPhase, tasks
    >>> task = tasks.digits()
    >>> net = ModularRNN.chain(task, regions=2, neurons=64)
    >>> run = TwoPhase(net, task, error="end_point").train(epochs=1, progress=False)
    >>> run.epoch
    1
    """
