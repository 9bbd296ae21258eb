"""Full-size circuits on real data, a few epochs long, beside what the authors' programs gave."""

import numpy as np
import pytest
from biocredit.analysis import open_trace
from biocredit.protocols.datasets import datasets
from biocredit.protocols.execution.job import Job
from biocredit.protocols.experiments import find
from biocredit.protocols.experiments.papers import OURS

pytestmark = pytest.mark.science

RATES = {"BPTT": 1e-3, "ModProp": 2e-3, "MDGL": 1e-3, "three-factor": 2e-3}


def ran(name, condition, path, epochs, seeds=1):
    experiment = find(name)
    settings = {"run.epochs": epochs, "run.seeds": seeds}
    configuration = experiment.configured(settings, only=[condition])[condition]
    if not all(datasets.locate(datasets.find(data)) for data in configuration.data_sets):
        pytest.skip("data not here")
    return open_trace(Job(name, condition, configuration, path).start(progress=False))


@pytest.mark.parametrize(
    ("name", "condition", "epochs", "margin"),
    [
        ("adjoint-propagation/fig2b", "AP", 3, 0.025),
        ("counter-current-learning/table1-mnist", "CCL", 5, 0.015),
        ("counter-current-learning/table1-fashion-mnist", "CCL", 5, 0.015),
        *(("product-feedback/fig2", rule, 3, 0.01) for rule in ("BP", "SF", "brSF", "frSF", "KP", "PFA")),
        *(("product-feedback/fig2", rule, 3, 0.03) for rule in ("FA", "DFA")),
    ],
)
def test_accuracy_follows_the_curve_of_the_authors_program(name, condition, epochs, margin, tmp_path):
    accuracy = np.asarray(ran(name, condition, tmp_path / "run.h5", epochs).learning["test_accuracy"].values)[0]
    known = {
        int(one.at): one.value
        for one in find(name).references
        if one.series == "test_accuracy"
        and one.condition in ("", condition)
        and not one.source.startswith(OURS)
        and one.at in range(1, epochs + 1)
    }
    assert known
    assert {at: accuracy[-1 - epochs + at] for at in known} == pytest.approx(known, abs=margin)


def test_rules_of_delayed_xor_come_in_the_order_of_figure_3b(tmp_path):
    loss = {}
    for rule, rate in RATES.items():
        trace = ran("modprop/fig3b", f"{rule}, lr={rate}", tmp_path / f"{rule}.h5", 30, seeds=3)
        loss[rule] = np.asarray(trace.learning["test_loss"].values)[:, -5:].mean()
    assert max(loss["BPTT"], loss["ModProp"]) < min(loss["MDGL"], loss["three-factor"])
