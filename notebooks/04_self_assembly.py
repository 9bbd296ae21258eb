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
# # A tangle that assembles itself
#
# Nobody wires the feedback of this circuit. Beside the ascending stream there is a descending one with *other numbers of
# cells*, and between neighbouring populations synapses grow at random in all directions: up (`W`), down (`Wbar`), from the
# descending to the ascending cells (`V`) and back (`Vbar`). Every synapse is plastic, by one rule: it changes with its own
# input times what the *other* pathway delivers to its cell (Liao et al. 2024, arXiv 2412.20018).
#
# At birth the error that comes down means nothing to the ascending cells. Watch it turn towards the gradient.
#
# **You will learn** how random synapses between two pathways come to carry useful errors, and how to leave a kind of synapse out.
# **Time:** about two minutes on two cores.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from biocredit.analysis import open_trace
from biocredit.analysis.plots import style
from biocredit.circuits import DualStream
from biocredit.circuits.core.initializers import Gaussian
from biocredit.circuits.dual_stream.pathways.self_assembling import Modulation, PerKind, PerKindTraining, SelfAssembling
from biocredit.protocols import TwoPhase, tasks
from biocredit.protocols.recording.measures.alignment import alignment, angle_to_gradient

folder = Path(tempfile.mkdtemp())
EPOCHS = 25
SEEDS = 3

# %% [markdown]
# ## The tangle
#
# 64 ascending cells at each of two levels, 96 and 80 descending ones. No cell has a partner.

# %%
task = tasks.digits()


def tangle(*plastic: str) -> DualStream:
    """Two streams; only these kinds of synapses learn."""
    lateral = Gaussian(0.003, "one") if "V" in plastic else Gaussian()
    stream = SelfAssembling(
        widths=(96, 80), plastic=plastic, initializers={"V": lateral, "Vbar": lateral}, modulation=Modulation(0.1)
    )
    return DualStream.mlp([64, 64, 64, 10], stream, bias=False, initializer=Gaussian())


net = tangle("W", "Wbar", "V", "Vbar")
for row in net.projections():
    print(f"{row['name']:<18}{row['pre']} -> {row['post']}")

# %% [markdown]
# ## Learning
#
# Beside the whole tangle, two that are not whole: in one the synapses between the streams stay random, in the other only the
# synapses from the descending to the ascending stream learn.

# %%
kinds = {"all plastic": ("W", "Wbar", "V", "Vbar"), "W alone": ("W",), "W and V": ("W", "V")}
training = PerKindTraining(PerKind(1.0, 0.01, 1.0, 1.0).scaled(0.3), PerKind.same(1e-4))
runs = {}
for name, plastic in kinds.items():
    runs[name] = TwoPhase(
        tangle(*plastic),
        task,
        optimizer=training.optimizer(),
        seeds=SEEDS,
        batch_size=32,
        measures=[alignment(), angle_to_gradient()],
    ).train(EPOCHS, record=folder / f"{name}.h5", progress=False)


# %%
def over_training(ax: plt.Axes, series: str, label: str) -> None:
    """Draw one series of all circuits."""
    for name, colour in zip(kinds, style.PALETTE, strict=False):
        with open_trace(folder / f"{name}.h5") as trace:
            found = trace.learning[series]
            style.band(ax, found.coords[found.dims[1]], found.values, color=colour, label=name)
    ax.set(xlabel="epoch", ylabel=label)


figure, axes = plt.subplots(1, 3, figsize=(12, 3.5), layout="constrained")
over_training(axes[0], "test_accuracy", "test accuracy")
over_training(axes[1], "angle_to_gradient.layer1", "change against gradient, layer 1 (degrees)")
over_training(axes[2], "angle.layer3", "whole path down against W, layer 3 (degrees)")
axes[0].legend()
# %% [markdown]
# Changes start at right angles to the gradient. In the whole tangle they turn towards it, without any cell knowing what a
# gradient is; where the synapses between the streams stay random, they do so less.
#
# ## What has assembled
#
# `V` and `Vbar` join the same two populations in opposite directions. They began as unrelated, weak noise. They are driven
# by the same products, in which their beginnings drown, and each becomes the transpose of the other.

# %%
born = net.initial(0)
grown = {name: np.asarray(value[0]) for name, value in runs["all plastic"].tree.items()}
figure, axes = plt.subplots(1, 4, figsize=(12, 3), layout="constrained")
pictures = {"V, born": born["down.rate1.V"], "Vbar transposed, born": born["down.rate1.Vbar"].T}
pictures |= {"V, grown": grown["down.rate1.V"], "Vbar transposed, grown": grown["down.rate1.Vbar"].T}
for ax, (title, weights) in zip(axes, pictures.items(), strict=True):
    largest = np.abs(weights).max()
    ax.imshow(weights[:32, :32], cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="none")
    ax.set(title=title, xlabel="descending cell", ylabel="ascending cell")
# %% [markdown]
# ## What a descending current is good for at once
#
# The currents that teach the ascending cells can also act on them, while the stimulus is still there. In the first
# epoch that makes little difference; once the circuit has assembled itself, it lowers the loss of the present trial.

# %%
with open_trace(folder / "all plastic.h5") as trace:
    before, after = (trace.learning[name] for name in ("loss", "modulated_loss"))
    figure, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
    style.band(ax, before.coords["epoch"], before.values, color=style.PALETTE[0], label="without the currents")
    style.band(ax, after.coords["epoch"], after.values, color=style.PALETTE[1], label="with them")
    ax.set(xlabel="epoch", ylabel="loss of training trials", yscale="log")
    ax.legend()
# %% [markdown]
# ## Where to go from here
#
# * `biocredit list self` shows the tables and figures of the paper as runnable experiments.
# * Let other kinds learn: `tangle("W", "Wbar", "V")`. Which one is decisive?
# * Change `widths`: does a circuit with few descending cells assemble too?
#
# Read next: *Two streams that run against each other* (05); *How to: extend* for a pathway of your own.
