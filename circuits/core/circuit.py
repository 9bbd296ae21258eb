"""The base class of every circuit: a BrainPy dynamical system with a register of synapses and a pure layer."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.backend import bm, bp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.described import Described
from biocredit.circuits.core.door import alike, conform, enclosed, given_first, unknown
from biocredit.circuits.core.errors import CircuitError, nearest, require
from biocredit.circuits.core.losses import LOSSES
from biocredit.circuits.core.passages import Passages, passages, union
from biocredit.circuits.core.precision import COMPUTING, MATMUL_PRECISIONS, precise
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.core.projections import Population, Projection, constrain_update, keep_sign, projection_row
from biocredit.circuits.core.pure import PureSystem
from biocredit.circuits.core.scores import score
from biocredit.circuits.core.view import View


class Batch(NamedTuple):
    """Trials that run at the same time.

    Attributes
    ----------
    inputs, targets
        Arrays by name of the input or readout, the leading axis is the trial.
    trials
        Conditions of each trial (orientation, cue, ...), for the trial table.
    """

    inputs: Mapping[str, jax.Array]
    targets: Mapping[str, jax.Array]
    trials: Mapping[str, jax.Array] = {}


class Outcome(NamedTuple):
    """What one batch of trials did to a circuit.

    Attributes
    ----------
    changes
        Gradient estimates, keyed and shaped like the plastic weights that may change now.
    tree
        Other persistent arrays that changed: running statistics, rule state.
    metrics
        Scalars such as ``"loss"`` and ``"accuracy"``.
    outputs
        Readouts of a stretch of time, ``[trial, time, output]`` by name: a circuit with a running form hands them to
        the protocol, which scores the presentation as a whole.
    """

    changes: Tree
    tree: Tree
    metrics: dict[str, jax.Array]
    outputs: Mapping[str, jax.Array] = {}


class Circuit(Described, bp.DynamicalSystem):
    """A circuit of populations and projections.

    Persistent arrays (weights, masks, fixed feedback, running statistics) form the circuit's *tree*, a flat
    dictionary keyed by relative variable name. A subclass adds them with :meth:`persistent`, adds activity with
    :meth:`activity`, and defines :meth:`initial`, :meth:`learn`, :meth:`respond`, :meth:`trial` and BrainPy's
    ``update``. The last four must keep their maths in pure functions of the tree.

    Parameters
    ----------
    seed
        Seed of the initial weights; ``initial(seed)`` draws them again, or others.
    dtype
        Floating-point type of every array, decided here for good.
    matmul_precision
        Of matrix products: ``"float32"``, ``"tensorfloat32"``, or ``"bfloat16"`` operands with float32 accumulation
        (see :data:`biocredit.circuits.core.precision.MATMUL_PRECISIONS` for what CPUs do).

    weights
        Given weights (a connectome) and other arrays, by name: what every seed starts from. A projection with a mask
        gets the synapses that are not zero, unless its mask is given, too.
    mask
        Which synapses exist, 0 or 1, by name of the projection, for every seed.

    Raises
    ------
    CircuitError
        If ``dtype`` is float64 while JAX runs without 64-bit types; for an unknown precision.
    """

    #: What the axes of a weight array are.
    weight_axes: tuple[str, ...] = ("pre", "post")
    #: Keyword arguments of :meth:`learn` that a protocol may set, with their defaults.
    phase_settings: Mapping[str, Any] = {}
    #: Whether probes are told the step of the trial (``at``); a step then lasts ``dt`` ms.
    clocked: bool = False
    #: Whether weights change by themselves while time runs: a probe sees each change, in the phase "plasticity".
    self_changing: bool = False

    def __init_subclass__(cls, **settings: Any):
        super().__init_subclass__(**settings)
        for name in COMPUTING:
            if name in vars(cls):
                setattr(cls, name, precise(vars(cls)[name]))
        if "initial" in vars(cls):
            cls.initial = given_first(vars(cls)["initial"])

    def __init__(
        self,
        *,
        seed: int = 0,
        dtype: Any = None,
        matmul_precision: str = "float32",
        weights: Mapping[str, Any] | None = None,
        mask: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        self.seed = seed
        self._given, self._masks = dict(weights or {}), dict(mask or {})
        known = f"unknown matmul_precision {matmul_precision!r}: {nearest(matmul_precision, MATMUL_PRECISIONS)}"
        require(matmul_precision in MATMUL_PRECISIONS, known)
        self.matmul_precision = matmul_precision
        self.dtype = jnp.dtype(dtype or jnp.float32)
        wide = self.dtype == jnp.float64
        require(
            not wide or jax.config.jax_enable_x64,
            "dtype float64 was asked for, but JAX runs without it: set JAX_ENABLE_X64=1 before the first import",
        )
        self.synapses: dict[str, Projection] = {}
        self._persistent: dict[str, bm.Variable] = {}
        self._activity: dict[str, bm.Variable] = {}
        self._passages: dict[Any, Passages] = {}

    # -- construction -------------------------------------------------------------------------------------

    def persistent(self, name: str, value: Any, *, plastic: bool = False) -> None:
        """Add an array that outlives a trial; ``name`` may be dotted (``"V1.W_rec"``)."""
        kind = bm.TrainVar if plastic else bm.Variable
        self._persistent[name] = self._place(name, kind(self._cast(value)))

    def activity(self, name: str, size: int | tuple[int, ...]) -> None:
        """Add a variable of the dynamics with shape ``(trial, *size)``; it starts at zero for one trial."""
        shape = (1, size) if isinstance(size, int) else (1, *size)
        self._activity[name] = self._place(name, bm.Variable(jnp.zeros(shape, self.dtype), batch_axis=0))

    def connect(self, synapses: Projection) -> None:
        """Enter a weight array in the register of synapses."""
        self.synapses[synapses.name] = synapses

    def _cast(self, value: Any) -> jax.Array:
        value = np.asarray(value)
        return jnp.asarray(value, self.dtype) if np.issubdtype(value.dtype, np.floating) else jnp.asarray(value)

    def _place(self, name: str, variable: bm.Variable) -> bm.Variable:
        """Hang the variable below the population that its dotted name begins with."""
        owner, _, leaf = name.rpartition(".") if name.count(".") == 1 and "->" not in name else ("", "", name)
        owner = f"{owner}_state" if owner == "rule" else owner  # the rule itself is at ``rule``
        node = self
        if owner:
            if owner not in self.__dict__:
                require(not hasattr(self, owner), f"a population cannot be called {owner!r}: the name is taken")
                setattr(self, owner, bp.DynamicalSystem())
            node = getattr(self, owner)
        setattr(node, leaf, variable)
        return variable

    # -- the tree -----------------------------------------------------------------------------------------

    @property
    def plastic(self) -> tuple[str, ...]:
        """Names of the weights that a rule may change."""
        return tuple(name for name, entry in self.synapses.items() if entry.plastic)

    def read(self) -> Tree:
        """Return copies of all persistent arrays by name."""
        self.check_given()
        return {name: jnp.array(variable.value) for name, variable in self._persistent.items()}

    def write(self, tree: Mapping[str, Any], *, fit: bool = False) -> list[str]:
        """Set persistent arrays by name, held to what training holds them to; names left out keep their values.

        Parameters
        ----------
        tree
            Arrays by name.
        fit
            Whether weights that break an invariant (of synapses that do not exist, of the wrong sign, of a cell onto
            itself) are set to zero rather than refused.

        Returns
        -------
        list
            What was changed of what was given, or follows from it, a line each.

        Raises
        ------
        CircuitError
            For an unknown name, a wrong shape, or weights that break an invariant: it names the cells.
        """
        unknown(tree, self._persistent, "weights")
        held = {name: np.asarray(variable.value) for name, variable in self._persistent.items()}
        whole = held | {name: alike(name, value, held[name]) for name, value in tree.items()}
        follows = self.follows(whole, tree)
        fitted, lines = conform(self.synapses, whole | follows, self.kept_signs(whole | follows), fit=fit)
        for name, value in fitted.items():
            if name in tree or value is not whole[name]:
                self._persistent[name].value = jnp.asarray(value, held[name].dtype)
        return [*lines, *(f"{name} follows from what was given" for name in follows)]

    def kept_signs(self, tree: Tree) -> Tree:
        """Signs that weights must keep, by name: 1, -1, or 0 where they are free; they broadcast against the weights.

        By default those of projections declared ``sign="E"`` or ``sign="I"``.
        """
        sign = {"E": 1.0, "I": -1.0}
        return {name: sign[entry.sign] for name, entry in self.synapses.items() if entry.sign in sign}

    def follows(self, tree: Mapping[str, Any], given: Mapping[str, Any]) -> Tree:
        """Other persistent arrays that follow from given ones; none by default."""
        return {}

    def enclosed(self, drawn: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Put the weights and masks that the circuit was built with in place of drawn ones.

        Raises
        ------
        CircuitError
            If they do not fit, or break an invariant of training.
        """
        if not (self._given or self._masks):
            return dict(drawn)
        values = enclosed(drawn, self.synapses, self._given, self._masks)
        values |= self.follows(values, self._given)
        known = {name: entry for name, entry in self.synapses.items() if name in values}
        return conform(known, values, self.kept_signs(values), fit=False)[0]

    def check_given(self) -> None:
        """Refuse weights or masks of a name that this circuit does not have, once all its arrays are there."""
        unknown(self._given, self._persistent, "weights")
        unknown(self._masks, self.synapses, "projection")

    def initial(self, seed: int) -> dict[str, np.ndarray]:
        """Draw fresh persistent arrays; the same seed gives the same arrays."""
        raise CircuitError(f"{type(self).__name__} does not define initial(seed)")

    # -- activity -----------------------------------------------------------------------------------------

    def variables(self) -> tuple[str, ...]:
        """Names of the activity variables whose time course :meth:`trial` returns."""
        return tuple(self._activity)

    def spikes(self) -> tuple[str, ...]:
        """Names of the activity variables that are 1 where a cell fires and 0 elsewhere: recorded as events."""
        return ()

    def stretch(self, phase: str | None, **settings: Any) -> slice:
        """Return which time steps of :meth:`trial` belong to a phase; all of them where there is only one."""
        require(phase is None, f"{type(self).__name__} has no phase {phase!r} in time: record the whole trial")
        return slice(None)

    def schedule(self, **settings: Any) -> list[tuple[str, str, int, int]]:
        """List when populations evolve in :meth:`trial`: ``(phase, population, first step, end)``."""
        return []

    def signals(self) -> tuple[str, ...]:
        """Names of signals besides weights and rates that an intervention may act on (modulators, receptors)."""
        return ()

    def firing(self) -> tuple[str, ...]:
        """Names of populations whose rates pass a probe: the ones that an intervention can silence."""
        rates = {name.removesuffix(".rate") for name in self.variables() if name.endswith(".rate")}
        return tuple(population.name for population in self.populations() if population.name in rates)

    def view(self, tree: Tree, probe: Probe = untouched, phase: str = "inference") -> View:
        """Return what a pure function of this circuit sees of its weights and signals: all of it through the probe."""
        return View(tree, probe, phase, post_first=self.weight_axes[0] == "post")

    def derived(self) -> tuple[str, ...]:
        """Names of weights that pass a probe but are made from others in every batch, and so are not in the tree."""
        return ()

    def example(self, trials: int = 2) -> Batch:
        """Return trials of the right shapes, all zero: what :meth:`probed` evaluates.

        By default ``[trial, channel]`` for every population of kind "input" (``[trial, time, channel]`` if the circuit
        is clocked), and a label for every population of kind "readout".
        """
        time = (4,) if self.clocked else ()
        sizes = {kind: {p.name: p.size for p in self.populations() if p.kind == kind} for kind in ("input", "readout")}
        both = all(sizes.values())
        require(both, f"{type(self).__name__}: define example(), or list populations of kind 'input' and 'readout'")
        inputs = {name: jnp.zeros((trials, *time, size), self.dtype) for name, size in sizes["input"].items()}
        labels = {name: jnp.zeros(trials, jnp.int32) for name in sizes["readout"]}
        return Batch(inputs, labels, {"index": jnp.arange(trials)})

    def duration(self, batch: Batch) -> float | None:
        """How long trials last, in ms; ``None`` where steps have no duration."""
        return next(iter(batch.inputs.values())).shape[1] * self.dt if self.clocked else None

    def probed(self, batch: Batch | None = None, **settings: Any) -> Passages:
        """List every signal and weight that really passes a probe, while the circuit learns and while it responds.

        Parameters
        ----------
        batch
            Trials of a task, or their shapes; :meth:`example` by default.
        **settings
            Settings of the phases, as in :meth:`learn`.

        Returns
        -------
        dict
            By name and phase: whether the probe is told the step of the trial. Only what the outcome depends on.

        Examples
        --------
        >>> from biocredit.circuits import RateRNN
        >>> net = RateRNN({"cue": 2}, {"I": 4, "E": 16}, {"choice": 2}, rule="three_factor")
        >>> net.probed()["W_in"]
        {'inference': True}
        """
        batch = self.example() if batch is None else batch
        shapes = jax.tree.map(lambda value: jax.ShapeDtypeStruct(value.shape, value.dtype), batch)
        key = str((shapes, settings))

        def learn(probe: Probe, tree: Tree, trials: Batch, random: jax.Array) -> Any:
            return self.learn(tree, trials, random, probe, **settings)

        def respond(probe: Probe, tree: Tree, inputs: Any) -> Any:
            return self.respond(tree, inputs, probe, **settings)

        if key not in self._passages:
            learned = passages(learn, self.read(), shapes, jax.random.key(0))
            self._passages[key] = union(learned, passages(respond, self.read(), shapes.inputs))
        return self._passages[key]

    def reset_state(self, batch_size: int = 1, **_: Any) -> None:
        """Set every activity variable to zero for ``batch_size`` trials."""
        for variable in self._activity.values():
            variable.value = jnp.zeros((batch_size, *variable.shape[1:]), variable.dtype)

    def pure(self, *example: jax.Array) -> PureSystem:
        """Return the pure view ``step(tree, *inputs) -> (tree, output)`` of ``update``, traced once."""
        return PureSystem(self, *example)

    # -- what a protocol asks for -------------------------------------------------------------------------

    def learn(self, tree: Tree, batch: Batch, key: jax.Array, probe: Probe = untouched) -> Outcome:
        """Run one batch of trials through all phases and say how the plastic weights should change."""
        raise CircuitError(f"{type(self).__name__} does not define learn")

    def respond(self, tree: Tree, inputs: Mapping[str, jax.Array], probe: Probe = untouched) -> Tree:
        """Run the inference phase alone and return the readouts by name."""
        raise CircuitError(f"{type(self).__name__} does not define respond")

    def begin(self, tree: Tree, trials: int = 1) -> Any:
        """Return the state with which a presentation begins, for circuits that learn while time runs."""
        raise CircuitError(f"{type(self).__name__} has no running form: its plasticity acts once a trial")

    def advance(self, tree: Tree, carry: Any, stretch: Any, probe: Probe = untouched) -> tuple[Any, Outcome]:
        """Run a stretch of time from a state, and say how the plastic weights should change."""
        raise CircuitError(f"{type(self).__name__} has no running form: its plasticity acts once a trial")

    def metrics(self, outputs: Tree, targets: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """Score readouts ``[trial, class]`` against integer labels: mean cross-entropy and fraction correct."""
        return score(LOSSES["cross_entropy"], outputs, targets)

    @property
    def loss_unit(self) -> str:
        """Unit of the loss: nat for classes and labels, empty where it is that of the target or there is none."""
        loss = getattr(self, "loss", LOSSES["cross_entropy"])
        return str(getattr(loss, "unit", ""))

    def advice(self, metrics: Mapping[str, Any]) -> dict[str, str]:
        """Say in one line each what a user should know of what :meth:`learn` told, ``[seed]`` or a number by name."""
        return {}

    def trial(self, tree: Tree, batch: Batch, key: jax.Array, probe: Probe = untouched) -> Tree:
        """Run one batch slowly: every activity variable by name as ``[time, trial, neuron]``."""
        raise CircuitError(f"{type(self).__name__} does not define trial")

    def constrain(self, tree: Tree, updates: Tree) -> Tree:
        """Apply masks, factors and decay to the optimiser's additive updates; a sign that must stay, stays."""
        updates = {name: constrain_update(self.synapses[name], tree, update) for name, update in updates.items()}
        signed = {name: sign for name, sign in self.kept_signs(tree).items() if name in updates}
        return updates | {name: keep_sign(tree[name], updates[name], sign) for name, sign in signed.items()}

    def forward_weights(self, tree: Tree) -> Tree:
        """Forward weights that have feedback weights beside them, by name of the layer; none by default."""
        return {}

    def effective_feedback(self, tree: Tree) -> Tree:
        """Feedback that acts beside forward weights, in their layout, by name of the layer; none by default."""
        return {}

    def reciprocal(self) -> set[str]:
        """Layers whose feedback is one synapse between the same two cells as the forward weight; none by default."""
        return set()

    # -- what the trace stores ----------------------------------------------------------------------------

    def populations(self) -> list[Population]:
        """List the populations for the trace."""
        return []

    def projections(self) -> list[dict[str, Any]]:
        """List the projections for the trace: name, pre, post, kind, plastic, sign, density."""
        return [projection_row(entry, self._persistent) for entry in self.synapses.values()]
