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
# # Spikes: what a synapse of a spiking cell can know
#
# Cells fire or do not fire: their output has no slope. Credit passes nevertheless, through a **pseudo-derivative** that
# is large where a voltage comes near its threshold. Half of the cells here **adapt**: every spike raises their
# threshold, which falls back over hundreds of milliseconds, and is a memory. Each synapse keeps an **eligibility trace**
# of both (e-prop: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y; cell-type-specific modulators: Liu et al. 2021,
# doi:10.1073/pnas.2111821118).
#
# You will look at spikes and thresholds, see what a synapse remembers, compare how four rules learn, and block a
# modulator. About five minutes on two cores.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import optax
from biocredit.analysis.metrics.spikes import cv_of_intervals, spikes_in

from biocredit import ALIF, LIF, FiringRate, Online, Record, SpikingRNN, figures, interventions, open_trace, tasks

folder = Path(tempfile.mkdtemp())
EPOCHS = 30  # ten updates each
SEEDS = 2

# %% [markdown]
# ## A network that accumulates evidence
#
# Cues come on the left and on the right; after a delay, say on which side there were more. Groups of ten input cells
# stand for left, right, "answer now", and noise. The network: 10 cells that inhibit, 15 that excite, 15 that excite and
# adapt. `LIF` and `ALIF` are cell models; a type of cells has a model, a sign and a count.

# %%
task = tasks.evidence_accumulation(3, cue=40, interval=60, delay=120, recall=60, rate=80.0, n_train=160, n_test=64)
membrane = {"tau": 20.0, "threshold": 0.6, "refractory": 4.0, "current_gain": "unit"}
cells = {
    "I": LIF(**membrane),
    "E": LIF(**membrane),
    "EA": ALIF(**membrane, tau_adaptation=300.0, beta=0.1, adaptation_gain="unit"),
}


def build(rule: str = "eprop", **settings) -> SpikingRNN:
    rates = FiringRate(60.0, 0.015)  # keep cells near 15 Hz
    types = {"I": 10, "E": 15, "EA": 15}
    return SpikingRNN.for_task(task, types, cells=cells, rule=rule, rates=rates, initial="balanced", **settings)


net = build()
net.variables()

# %%
watch = [Record(name) for name in ("cells.spike", "cells.voltage", "cells.adaptation", "cells.trace", "output")]
watch += [Record(name) for name in ("cells.pseudo_derivative", "cells.learning_signal")]
run = Online(net, task, batch_size=16, optimizer=optax.adam(5e-3), records=watch, probe_trials=8)
run.train(0, record=folder / "untrained.h5", progress=False)
before = open_trace(folder / "untrained.h5")
figures.raster(before)

# %% [markdown]
# A spike is an event: the trace holds who fired when, and nothing of the silence in between. `spikes_in` reads them;
# `biocredit export untrained.h5 --to nwb` writes them as units that every NWB reader opens. How regular are the cells?
# The coefficient of variation of their intervals is 0 for a clock and about 1 for chance.

# %%
spikes = spikes_in(before)
rates, variation = spikes.rates(), cv_of_intervals(spikes)
for kind in ("I", "E", "EA"):
    mine = spikes.blocks == kind
    print(f"{kind:>2}: {rates[mine].mean():5.1f} Hz, CV of intervals {np.nanmean(variation[mine]):.2f}")

# %% [markdown]
# ## Adaptation
#
# The busiest adaptive cell in one trial: its voltage (with the reset a step after each spike), and its threshold, which
# every spike raises by `beta`.

# %%
trial = 0
one = spikes.only(trial=trial, update=0, seed=0)
adaptive = np.flatnonzero(spikes.blocks == "EA")
busy = int(adaptive[np.argmax(one.rates()[adaptive])])


def course(variable: str) -> np.ndarray:
    """Time course of a variable of the busy cell."""
    return before[f"activity/cells/{variable}"].values[0, 0, trial, :, busy]


def shade(ax: plt.Axes) -> None:
    """Mark the periods of the task."""
    for period, colour in zip(task.periods, ("0.93", "1.0", "0.85"), strict=True):
        ax.axvspan(period.start, period.stop, color=colour, zorder=0)


figure, (upper, lower) = plt.subplots(2, 1, figsize=(8, 4), sharex=True, layout="constrained")
threshold = 0.6 + 0.1 * course("adaptation")
fired = one.time[one.neuron == busy].astype(int)
upper.plot(course("voltage"), lw=1, label="voltage")
upper.plot(threshold, lw=1, label="threshold")
upper.plot(fired, course("voltage")[fired], "|", color="k", ms=12, label="spike")
upper.set(ylabel="voltage", title=f"cell {busy}")
upper.legend(loc="lower left", ncols=3, fontsize=8)
lower.plot(course("pseudo_derivative"), lw=1, color="tab:green")
lower.set(ylabel="pseudo-derivative", xlabel="time (ms)")
for ax in (upper, lower):
    shade(ax)

# %% [markdown]
# ## What a synapse remembers
#
# An eligibility trace tells how a weight would have changed the spikes of its own cell. For a cell that does not adapt
# it is a leaky filter of the presynaptic spikes, gone after a few membrane time constants. Through the threshold of an
# adaptive cell it lasts as long as the threshold does. The next cell works both out from the equations, for one synapse
# of the busy cell; the third factor is the **learning signal**, the error of the readout, which comes at the end only.

# %%
pre = int(np.argmax(np.where(np.arange(40) == busy, 0, one.rates())))
sent = np.zeros(task.steps)
sent[one.time[one.neuron == pre].astype(int)] = 1
alpha, rho, beta = np.exp(-1 / 20.0), np.exp(-1 / 300.0), 0.1
fast, slow, eligible = np.zeros(task.steps), np.zeros(task.steps), np.zeros(task.steps)
for t in range(1, task.steps):
    fast[t] = alpha * fast[t - 1] + sent[t - 1]
    slow[t] = rho * slow[t - 1] + eligible[t - 1]
    eligible[t] = course("pseudo_derivative")[t] * (fast[t] - beta * slow[t])
figure, axes = plt.subplots(3, 1, figsize=(8, 5), sharex=True, layout="constrained")
for ax, values, name in zip(
    axes, (fast, slow, course("learning_signal")), ("membrane part", "threshold part", "learning signal"), strict=True
):
    ax.plot(values, lw=1.2)
    ax.set(ylabel=name)
    shade(ax)
axes[0].set_title(f"synapse from cell {pre} onto cell {busy}")
axes[-1].set_xlabel("time (ms)")

# %% [markdown]
# ## Four rules
#
# Back-propagation through time needs the whole future. E-prop takes the local trace and the readout's error. Multidigraph
# learning (MDGL) lets the cells that a cell projects to report back once; ModProp lets such reports travel on, at the
# price of one number in place of every gain on the way.

# %%
rules = {"BPTT": "bptt", "e-prop": "eprop", "MDGL": "mdgl", "ModProp": "modprop_self"}
for label, rule in rules.items():
    learner = Online(build(rule), task, batch_size=16, optimizer=optax.adam(5e-3), seeds=SEEDS, records=[watch[0]])
    learner.train(EPOCHS, record=folder / f"{label}.h5", progress=False)
traces = {label: open_trace(folder / f"{label}.h5") for label in rules}
figures.learning_curve(*traces.values(), series="test_decision_accuracy")

# %%
figures.raster(traces["e-prop"])

# %% [markdown]
# ## Block a modulator
#
# With modulators of cell types (`modprop_wab_self`) a synapse hears three concentrations and no single cell. Block one
# receptor and the synapses onto one type of cells no longer hear another type. The change of the weights that it makes:


# %%
def changes(*what) -> dict:
    """Changes of the weights after a batch, with these interventions."""
    net = build("modprop_wab_self")
    learner = Online(net, task, batch_size=16, optimizer=optax.sgd(1.0), interventions=list(what))
    old = {name: np.asarray(value[0]) for name, value in learner.tree.items()}
    learner.train(1, progress=False)
    return {name: np.asarray(learner.tree[name][0]) - old[name] for name in ("W_in", "W_rec")}


whole = changes()
for blocked in ("receptor.E~>E", "receptor.EA~>E", "receptor.E~>EA", "receptor.EA~>EA"):
    without = changes(interventions.lesion(blocked))
    shift = {name: np.linalg.norm(without[name] - whole[name]) / np.linalg.norm(whole[name]) for name in whole}
    print(f"{blocked:18s} changes of W_in differ by {shift['W_in']:.0%}, of W_rec by {shift['W_rec']:.0%}")

# %% [markdown]
# ## Try
#
# * Take the adaptation away (`beta=0`): which rules still bridge the delay? Make the delay longer.
# * `feedback="random"` in `build`: does e-prop need the readout's own weights?
# * `reset_gradient="local"`: let the traces keep the reset.
# * `interventions.silence("cells.EA", after=180, before=300)`: is the memory in the adaptive cells?
#
# Next: notebook 09 designs a task and follows a network through it. `biocredit list` shows the full experiments
# (`eprop/evidence`, `mdgl/evidence`, `temporal-tasks/...`), `docs/how-to/extend.md` how to write a cell model.
