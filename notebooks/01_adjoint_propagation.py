# ---
# jupyter:
#   jupytext:
#     formats: py:percent,ipynb
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Adjoint Propagation: watch an error travel through recurrent dynamics
#
# Two recurrent regions see handwritten digits. In the **inference phase** activity climbs from the retina to a readout. In
# the **learning phase** the error of the readout enters *some* neurons of the upper region (its RE block). Nothing
# carries it to the other neurons but the recurrent connections themselves: a neuron's own error is the difference of its
# activity between the two phases, and that is all its synapses see (Liu et al., eLife 2026, 15:e108237).
#
# You will build the circuit, watch the error spread, train it, and cut its feedback half way.
#
# **You will learn** how an error travels through recurrent connections, how to train, record and lesion a circuit, and what a trace holds.
# **Time:** about three minutes on two cores.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import optax
from biocredit.analysis import open_trace
from biocredit.analysis.plots import figures
from biocredit.circuits import ModularRNN, Region
from biocredit.circuits.core.initializers import SparseRecurrent
from biocredit.protocols import Record, TwoPhase, amplitude, interventions, tasks
from matplotlib.colors import SymLogNorm

folder = Path(tempfile.mkdtemp())
EPOCHS = 20  # the paper trains for 100
SEEDS = 3

# %% [markdown]
# ## The circuit
#
# Each region has four blocks: it **r**eceives and **s**ends **i**nference, **r**eceives and **s**ends **e**rror. The wiring reads
# like a methods section: pairs of ends for inference, pairs for error.

# %%
task = tasks.digits()
blocks = {"RI": 32, "SI": 32, "RE": 32, "SE": 32}


def build() -> ModularRNN:
    return ModularRNN(
        regions={"V1": Region(128, **blocks), "V2": Region(128, **blocks)},
        inputs={"retina": 64},
        readouts={"choice": 10},
        inference=[("retina", "V1.RI"), ("V1.SI", "V2.RI"), ("V2.SI", "choice")],
        feedback=[("choice", "V2.RE"), ("V2.SE", "V1.RE")],
        initial={"recurrent": SparseRecurrent(connection_rate=0.25, spectral_radius=0.8)},
    )


net = build()
net.plastic, net.variables()

# %% [markdown]
# `->` are inference projections, which learn; `~>` are error projections, random and fixed for ever.
# Everything in `net.variables()` can be recorded. Here is the anatomy, drawn from the trace of a run of no epochs:

# %%
watch = [Record(of=f"{region}.{leaf}", every=5) for region in ("V1", "V2") for leaf in ("rate", "error")]
TwoPhase(net, task, records=watch, iterations=(16, 16)).train(0, record=folder / "untrained.h5", progress=False)
figures.wiring(open_trace(folder / "untrained.h5"))

# %% [markdown]
# ## One trial, slowly
#
# Below, one digit is shown to the untrained circuit. Rows are neurons, grouped by block; time runs from left to right, one
# column an iteration (colours are logarithmic). The error *begins* in the RE neurons, because only they receive it, and
# one iteration later it is in every block, carried by recurrent synapses.


# %%
def spreading(path: Path, snapshot: int, trial: int = 0) -> plt.Figure:
    """Local error of every neuron of both regions during their own part of the learning phase."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    with open_trace(path) as trace:
        for ax, region in zip(axes, ("V2", "V1"), strict=True):
            error = trace[f"activity/{region}/error"].values[snapshot, 0, trial]
            moving = np.flatnonzero(np.abs(np.diff(error, axis=0)).sum(1) > 0)
            shown = error[moving[0] : moving[0] + 9].T
            largest = np.abs(shown).max()
            scale = SymLogNorm(linthresh=largest / 100, vmin=-largest, vmax=largest)
            picture = ax.imshow(shown, aspect="auto", cmap="RdBu_r", norm=scale, interpolation="none")
            names = list(blocks)
            ax.set_yticks([32 * k + 16 for k in range(4)], names)
            for k in (1, 2, 3):
                ax.axhline(32 * k - 0.5, color="k", linewidth=0.5)
            ax.set(title=f"{region}: local error", xlabel="iteration of the learning phase", ylabel="block")
            figure.colorbar(picture, ax=ax)
    return figure


spreading(folder / "untrained.h5", 0)
# %% [markdown]
# The two trajectories of a region, without and with the error, in the plane of its first principal components: they leave
# the origin together and part when the error comes in.

# %%
figures.trajectory(open_trace(folder / "untrained.h5"), "V2")
# %% [markdown]
# ## Training, and a lesion half way
#
# Two groups of the same three networks. In the second, the error projection from V2 to V1 is cut half way through: V1
# goes on receiving stimuli and sending inference, but no error reaches it any more.

# %%
half = EPOCHS // 2 * (task.n_train // 50)
groups = {"intact": [], "feedback to V1 cut": [interventions.lesion("V2.SE~>V1.RE", start=half)]}
for name, surgery in groups.items():
    run = TwoPhase(
        build(),
        task,
        error="short_trajectory",
        optimizer=optax.adam(3e-3),
        seeds=SEEDS,
        batch_size=50,
        interventions=surgery,
        records=[amplitude("V1.error"), amplitude("V2.error"), *watch],
    )
    run.train(EPOCHS, record=folder / f"{name}.h5", progress=False)

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for name in groups:
    with open_trace(folder / f"{name}.h5") as trace:
        for ax, series in zip(axes, ("test_accuracy", "amplitude.V1.error"), strict=True):
            values = trace[f"learning/{series}"]
            epoch, mean = values.coords["epoch"], values.values.mean(0)
            ax.plot(epoch, mean, label=name)
            ax.fill_between(epoch, values.values.min(0), values.values.max(0), alpha=0.2)
for ax, label in zip(axes, ("test accuracy", "mean |error| in V1"), strict=True):
    ax.axvline(EPOCHS // 2, color="k", linestyle=":")
    ax.set(xlabel="epoch", ylabel=label)
axes[0].legend()
# %% [markdown]
# After the cut V1's error is exactly zero: its input weights stop moving. The circuit keeps what it has learned, and the
# synapses onto V2 and the readout go on improving on V1's frozen features.

# %%
with open_trace(folder / "feedback to V1 cut.h5") as trace:
    amplitude_after = trace["learning/amplitude.V1.error"].values[:, EPOCHS // 2 :]
    print("largest error in V1 after the cut:", amplitude_after.max())
    print(trace.events.rows())

# %% [markdown]
# And the intact, trained circuit: the error still enters through RE and spreads, but it has become small, because most
# answers are right.

# %%
spreading(folder / "intact.h5", -1)

# %% [markdown]
# ## Where to go from here
#
# * `biocredit list adjoint` shows every figure of the paper as a runnable experiment.
# * Try `interventions.silence("V2.SE")`, `interventions.add_noise("V1", 0.1)`, or another `Region(..., RI=range(0, 64), SI=range(32, 96))`.
# * Raise `spectral_radius` above 1 (with `ModularRNN.chain`) and compare 2 iterations with 16.
#
# Read next: *Modulators* (02), where trials have time; *How to: lesion* in the documentation.
