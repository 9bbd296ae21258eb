"""Adjoint Propagation in running time and with spikes: research, not a reproduction.

The authors answer their reviewers (eLife 2026, 15:e108237, replies R3-6 and R3-11) that temporal tasks would need a
leaky presynaptic filter as eligibility, and leave spiking neurons open. Both are tried here, see
:mod:`biocredit.circuits.recurrent.rules.adjoint` and :mod:`biocredit.circuits.modular.spiking`. What came out is in
``observed``, failures included.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from biocredit.protocols.experiments.configuration import Configuration, Run
from biocredit.protocols.experiments.experiment import Experiment
from biocredit.protocols.experiments.overrides import overridden
from biocredit.protocols.experiments.settings.circuits import Chain, RateNetwork
from biocredit.protocols.experiments.settings.credit import Rule
from biocredit.protocols.experiments.settings.measures import AngleToGradient
from biocredit.protocols.experiments.settings.optimizers import Optimizer
from biocredit.protocols.experiments.settings.phases import AdjointPhases, Online
from biocredit.protocols.experiments.settings.spiking import SpikingChain
from biocredit.protocols.experiments.settings.tasks import Images, TaskNamed

#: How the settings came about.
CHOSEN = (
    "in time: Adam at 1e-3 for every rule, 3e-4 besides for some; in spikes: the first gains and thresholds of about "
    "ten tried on one network at which more than chance was learned; no search"
)
experiment = partial(Experiment, citation="10.7554/eLife.108237", chosen=CHOSEN)

#: One region of tanh cells, a tenth of whose state is lost in a step, and three hundred steps of a sum of sines.
PATTERN = Configuration(
    task=TaskNamed(
        "pattern_generation", {"steps": 300, "inputs": 10, "frequencies": (3.0, 5.0, 8.0, 13.0), "n_train": 50}
    ),
    circuit=RateNetwork(neurons=120, tau=9.5, initial="balanced", scale=1.2, activation="tanh", dale=False),
    rule=Rule("adjoint"),
    protocol=Online(),
    optimizer=Optimizer("adam", 1e-3),
    measures={"angle": AngleToGradient(trials=1, every=10)},
    run=Run(epochs=20, seeds=3, batch_size=1),
)


def adjoint(**settings: Any) -> Mapping[str, Any]:
    """Return overrides that choose the rule with these settings."""
    return {"rule": Rule("adjoint", settings)}


EVERYWHERE = {"receivers": 1.0}
GENTLE = {"optimizer.learning_rate": 3e-4}
IN_TIME: Mapping[str, Mapping[str, Any]] = {
    "BPTT": {"rule.name": "bptt"},
    "e-prop": {"rule.name": "eprop"},
    "RFLO": {"rule.name": "rflo"},
    "readout alone": {"rule.name": "rflo", "protocol.frozen": ("W_rec", "W_in")},
    "RFLO at a quarter": adjoint(steps=1, path="fast"),
    "AP, k=2": adjoint(steps=2),
    "AP, k=5": adjoint(steps=5),
    "AP, k=20": adjoint(steps=20),
    "AP, k=5, lr=3e-4": {**adjoint(steps=5), **GENTLE},
    "AP, k=5, error at all": adjoint(steps=5, **EVERYWHERE),
    "AP, fast path, k=3": adjoint(steps=3, path="fast"),
    "AP, fast path, k=3, lr=3e-4": {**adjoint(steps=3, path="fast"), **GENTLE},
    "AP, fast path, k=3, error at all": adjoint(steps=3, path="fast", **EVERYWHERE),
    "AP, transposed path, k=3, lr=3e-4": {**adjoint(steps=3, path="transposed"), **GENTLE},
}

#: Digits, one region, error as a short trajectory from rest.
DIGITS = Configuration(
    task=Images("digits"),
    circuit=SpikingChain(regions=1, neurons=256, spectral_radius=1.0),
    protocol=AdjointPhases(iterations=(60, 60)),
    optimizer=Optimizer("adam", 5e-3),
    measures={"angle": AngleToGradient(trials=100, every=10)},
    run=Run(epochs=20, seeds=2, batch_size=50),
)
RATES = Chain(regions=1, neurons=256, spectral_radius=1.0)
IN_SPIKES: Mapping[str, Mapping[str, Any]] = {
    "tanh rates": {"circuit": RATES, "protocol.iterations": (8, 8)},
    "relu rates": {"circuit": RATES, "circuit.activation": "relu", "protocol.iterations": (8, 8)},
    "spikes": {},
    "spikes, readout alone": {"protocol.frozen": ("image->V1.RI",)},
    "spikes, finer": {"circuit.threshold": 0.03},
    "spikes, coarser": {"circuit.threshold": 0.3},
    "spikes, two regions": {"circuit.regions": 2},
    "spikes, small radius": {"circuit.spectral_radius": 0.25},
}


def conditions(base: Configuration, table: Mapping[str, Mapping[str, Any]]) -> dict[str, Configuration]:
    """Make one condition for each row of a table of overrides."""
    return {label: overridden(base, settings) for label, settings in table.items()}


EXPERIMENTS = (
    experiment(
        "adjoint-propagation/temporal",
        "own",
        "The error of Adjoint Propagation carried by running dynamics: pattern generation",
        takes="about half an hour on a busy core (measured)",
        conditions=conditions(PATTERN, IN_TIME),
        quick={"circuit.neurons": 24, "task.steps": 100, "task.n_train": 10, "run.epochs": 2, "run.seeds": 2},
        quick_conditions=("BPTT", "RFLO", "AP, k=5", "AP, fast path, k=3"),
        expected="not known: the authors expect a leaky presynaptic filter as eligibility to do",
        observed=(
            "a negative result: with the error spread through recurrent synapses, recurrent plasticity is worse than a "
            "readout that learns alone over fixed recurrent weights (normalised error 0.012 after 1000 updates): 0.022 "
            "for k = 2, 0.42 for k = 5, 0.19 for k = 20, 0.020 for k = 5 at a rate of 3e-4. Without any spreading, "
            "the receivers of error alone learning (RFLO at a quarter), it is five times better than the readout alone "
            "(0.0022), and better than RFLO in all cells (0.055) at the same rate of Adam; e-prop 0.0005, BPTT 0.0003. "
            "Angles of AP to the gradient begin at 95 degrees and end at 76 to 91. One task, one size: no ranking"
        ),
    ),
    experiment(
        "adjoint-propagation/spiking",
        "own",
        "Adjoint Propagation with filtered spikes in place of rates: digits",
        takes="about half an hour on 2 busy cores (estimated)",
        conditions=conditions(DIGITS, IN_SPIKES),
        quick={"circuit.neurons": 64, "run.epochs": 1, "run.seeds": 1, "task.train": 200, "task.test": 100},
        quick_conditions=("tanh rates", "spikes"),
        expected="not known; on MNIST take task.name=mnist",
        observed=(
            "it works in one region: 0.86 of the digits right with filtered spikes, 0.89 with tanh and 0.87 with relu "
            "rates, 0.75 where only the readout learns; the angle to the gradient (with the pseudo-derivative) "
            "falls from 95 to about 47 degrees. Limits: 60 steps of 1 ms a phase in place of 8 iterations, forward "
            "gains of 4 and a spectral radius of 1: with the published 0.25 and gain 1 what a spike adds to a rate "
            "(0.03) hides the pattern, and nothing is learned; two regions in a row lose most of it (0.24 in a first "
            "trial of 8 epochs). Cells fire at hundreds of Hz"
        ),
    ),
)
