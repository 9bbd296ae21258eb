"""Leaky rate networks with cell types, as a BrainPy dynamical system."""

from collections.abc import Callable, Mapping
from typing import Any

from biocredit.circuits.core.activations import activation as activation_named
from biocredit.circuits.core.errors import CircuitError, choose
from biocredit.circuits.recurrent import wiring
from biocredit.circuits.recurrent.cells import LEAKS
from biocredit.circuits.recurrent.credit.step_rule import StepRule
from biocredit.circuits.recurrent.credit.temporal_rule import TemporalRule
from biocredit.circuits.recurrent.temporal_circuit import TemporalCircuit
from biocredit.circuits.recurrent.type_table import TypeTable


class RateRNN(TemporalCircuit):
    """A leaky recurrent rate network with cell types, Dale signs and a temporal credit rule chosen by name.

    s_t = keep s_{t-1} + (1 - keep) (z_{t-1} W_rec + x_t W_in + b), z_t = phi(s_t - threshold), y_t = z_t W_out + b_out,
    or with the leak after the nonlinearity, see :mod:`biocredit.circuits.recurrent.cells.leaky_rate`.

    Parameters
    ----------
    inputs, readouts
        Number of channels of each input, of outputs of each readout, by name: ``{"cue": 2}``, ``{"choice": 2}``.
    neurons
        Number of cells of each type, ``{"I": 23, "E": 97}``; a number is split 20/80 into I and E. Cells are numbered
        type by type.
    signs
        Sign of each type: 1, -1, or 0 for unconstrained. By default E... types excite, I... types inhibit, and any
        other name is unconstrained.
    tau
        Time constant in ms: a number, or one per type.
    dt
        Time step in ms.
    activation, threshold
        Name in :data:`biocredit.circuits.core.activations.ACTIVATIONS` or a function of one's own; threshold of every
        cell. ``nonlinearity`` is the old word for ``activation``.
    leak
        ``"before"`` the nonlinearity (on the current) or ``"after"`` it (on the rate).
    density
        Fraction of recurrent synapses that exist; there are no self-connections.
    rule
        Name in :data:`biocredit.circuits.recurrent.rules.RULES`, or a rule itself.
    mu, owner_gain, taps, truncation
        Mean gain; ``"exact"`` or ``"mu"`` for the cell that owns the synapse; number S of receptor taps (all by
        default); number of last recurrent transmissions over which credit passes (all by default).
    feedback, feedback_decay
        ``"symmetric"`` (readout weights), ``"random"`` (fixed) or ``"adaptive"`` (learned beside the readout) weights
        of the learning signal; fraction that readout and adaptive feedback lose at every update.
    loss, classes
        Name in :data:`biocredit.circuits.core.losses.LOSSES`, or ``loss(y, target)`` per trial and step (class numbers
        as one-hot rows); whether targets are class numbers.
    answer
        ``"last"``: the readout counts at the last step; ``"every"``: at every step. Where a task says when
        (``targets["when"]``), that is what counts.
    reduction
        ``"mean"`` or ``"sum"`` over trials.
    initial
        Name in :data:`biocredit.circuits.recurrent.wiring.INITIAL`: ``"balanced"`` (Dale, currents cancel, no outlier
        eigenvalue), ``"liu_2022"`` (the ModProp program), ``"gaussian"``.
    scale
        Factor of the drawn input and recurrent weights.
    signed_inputs
        Whether input synapses have fixed signs; by default where there are more than two inputs.
    bias
        Whether a constant current of every cell learns.
    seed, dtype, matmul_precision, weights, mask
        See :class:`biocredit.circuits.core.circuit.Circuit`.

    Raises
    ------
    CircuitError
        For values out of range, unknown names, a rule without the option asked for, or too little memory for RTRL.

    Notes
    -----
    Liu, Smith, Mihalas, Shea-Brown & Sumbul 2022, arXiv 2206.01338.

    Examples
    --------
    >>> net = RateRNN({"cue": 2}, {"I": 4, "E": 16}, {"choice": 2}, tau=10.0, rule="modprop_wab")
    >>> net.respond(net.read(), {"cue": jnp.ones((3, 5, 2))})["choice"].shape
    (3, 5, 2)
    """

    def __init__(
        self,
        inputs: Mapping[str, int],
        neurons: int | Mapping[str, int],
        readouts: Mapping[str, int],
        *,
        signs: Mapping[str, int] | None = None,
        tau: float | Mapping[str, float] = 100.0,
        dt: float = 1.0,
        activation: str | Callable | None = None,
        nonlinearity: str | Callable | None = None,
        threshold: float = 0.0,
        leak: str = "before",
        density: float = 1.0,
        rule: str | TemporalRule | StepRule = "bptt",
        mu: float = 0.25,
        owner_gain: str = "exact",
        taps: int | None = None,
        truncation: int | None = None,
        feedback: str | None = None,
        feedback_decay: float = 0.0,
        loss: str | Callable = "cross_entropy",
        classes: bool | None = None,
        answer: str | int = "last",
        reduction: str = "mean",
        initial: str = "balanced",
        scale: float = 1.0,
        signed_inputs: bool | None = None,
        bias: bool = False,
        seed: int = 0,
        dtype: Any = None,
        matmul_precision: str = "float32",
        weights: Mapping[str, Any] | None = None,
        mask: Mapping[str, Any] | None = None,
    ):
        if activation is not None and nonlinearity is not None:
            raise CircuitError("nonlinearity is the old word for activation: give one of them")
        transfer = activation or nonlinearity or "relu"
        types = TypeTable.given(neurons, signs, tau)
        kind = choose(leak, LEAKS, "place of the leak")
        cell = kind(activation_named(transfer), threshold)
        channels = sum(inputs.values())
        drawing = {
            "density": density,
            "draws": choose(initial, wiring.INITIAL, "initial distribution"),
            "signed_inputs": channels > 2 if signed_inputs is None else signed_inputs,
            "scale": scale,
        }
        super().__init__(
            inputs,
            readouts,
            types=types,
            cell=cell,
            cell_constants=cell.constants(types.keep(dt), dt),
            rule=rule,
            owner_gain=owner_gain,
            mu=mu,
            mu_fraction=None,
            taps=taps,
            truncation=truncation,
            feedback=feedback,
            feedback_decay=feedback_decay,
            loss=loss,
            classes=classes,
            answer=answer,
            reduction=reduction,
            drawing=drawing,
            readout_filter=None,
            rates=None,
            bias=bias,
            dt=dt,
            seed=seed,
            dtype=dtype,
            matmul_precision=matmul_precision,
            weights=weights,
            mask=mask,
        )

    @classmethod
    def for_task(cls, task: Any, neurons: int | Mapping[str, int], **settings: Any) -> "RateRNN":
        """Build a network with the ports, time step and loss of a temporal task."""
        return cls(task.inputs, neurons, task.readouts, **{"dt": task.dt, **getattr(task, "scoring", {}), **settings})
