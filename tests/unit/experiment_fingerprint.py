"""What an experiment builds and what its first epoch gives, in a few numbers.

``python -m tests.unit.experiment_fingerprint FILE`` freezes them.
"""

import json
import sys
from pathlib import Path

import numpy as np
from biocredit.protocols.experiments import every

#: One experiment of every kind whose first epoch is compared, too.
LEARNING = (
    "adjoint-propagation/fig2a",
    "adjoint-propagation/fig5-pathB-alternating",
    "adjoint-propagation/table1",
    "adjoint-propagation/appendix2",
    "product-feedback/fig2",
    "product-feedback/fig3",
    "product-feedback/table1",
    "self-assembling-learning/table1-mnist",
    "self-assembling-learning/fig2-activation",
    "self-assembling-learning/modulation",
    "counter-current-learning/table1-mnist",
    "counter-current-learning/table2-mnist",
    "counter-current-learning/fig6",
    "modprop/fig3a",
    "modprop/fig3b",
    "modprop/fig3c",
    "modprop/fig5a",
    "modprop/fig8-xor",
)


def small(configuration, **more):
    """Make a configuration of a quick look smaller still."""
    from biocredit.protocols.experiments.overrides import flat, overridden

    neurons = {} if flat(configuration).get("circuit.receivers_of_error") else {"circuit.neurons": 24}
    sizes = {**neurons, "run.seeds": 1, "task.train": 100, "task.test": 50, "task.n_train": 40, **more}
    return overridden(configuration, {name: size for name, size in sizes.items() if name in flat(configuration)})


def built(configuration):
    """Describe the protocol that a configuration builds."""
    run = configuration.build()
    weights = [np.asarray(value, np.float64) for value in run.circuit.read().values()]
    return {
        "circuit": type(run.circuit).__name__,
        "protocol": type(run).__name__,
        "weights": sorted([*map(int, one.shape)] for one in weights),
        "checksum": float(f"{sum(np.abs(one).sum() for one in weights):.5g}"),
        "task": [run.task.name, run.task.n_train, run.task.n_test, run.task.steps],
        "inputs": [*map(int, run.task.inputs.values())],
        "readouts": [*map(int, run.task.readouts.values())],
        "training": [run.batch_size, run.shuffle, len(run.seeds), run.updates_per_pass, len(run.settings)],
        "settings": json.loads(json.dumps([sorted(one.items()) for one in run.settings])),
        "records": sorted([one.label, one.every] for one in run.records),
        "measures": sorted([one.meaning, one.every or 0] for one in run.measures),
        "divergence": [run.divergence.factor, bool(run.divergence.remedy)],
    }


def learned(configuration):
    """Learn for one epoch; return the running averages and scores."""
    if configuration.run.epochs == 0:
        return {}
    run = configuration.build().train(1, progress=False)
    return {name: float(f"{value.mean():.6g}") for name, value in sorted(run.last.items())}


def conditions(name):
    """First and last condition of the quick look."""
    quick = every()[name].configured(quick=True)
    return {label: quick[label] for label in (next(iter(quick)), list(quick)[-1])}


def fingerprint(name):
    """Describe two conditions of an experiment."""
    found = {}
    for label, configuration in conditions(name).items():
        found[label] = built(small(configuration))
        if name in LEARNING:
            found[label]["learned"] = learned(small(configuration))
    return found


if __name__ == "__main__":
    from tests import conftest  # noqa: F401

    table = {}
    for name in every():
        table[name] = fingerprint(name)
    Path(sys.argv[1]).write_text(json.dumps(table, sort_keys=True))
