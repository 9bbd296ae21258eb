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
# # Where do the feedback weights come from?
#
# To know how a synapse in the middle of a network contributes to an error, back-propagation sends the error down through
# *the same weights* through which activity went up. A chemical synapse conducts one way. So a brain needs a second set of
# synapses, and something has to make it fit the first one: the **weight transport problem**.
#
# Below are four circuits with one ascending stream and four descending ones. They differ in one word.
#
# **You will learn** what weight transport is, how four descending pathways do without it, and how near their changes are to the gradient.
# **Time:** about two minutes on two cores.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from biocredit.analysis import open_trace
from biocredit.analysis.metrics import alignment, spectra
from biocredit.analysis.plots import style
from biocredit.circuits import DualStream
from biocredit.circuits.dual_stream.pathways import Product
from biocredit.circuits.dual_stream.schedules import momentum_sgd, weight_decay_steps
from biocredit.protocols import TwoPhase, tasks
from biocredit.protocols.recording.measures.alignment import alignment as feedback_alignment
from biocredit.protocols.recording.measures.alignment import angle_to_gradient, reciprocity

folder = Path(tempfile.mkdtemp())
EPOCHS = 15
SEEDS = 3
PATHWAYS = {
    "transposed": "back-propagation",
    "random": "feedback alignment",
    "kolen_pollack": "Kolen-Pollack",
    "product": "product feedback",
}

# %% [markdown]
# ## Four descending streams
#
# * **Back-propagation** reads the ascending weights. No synapse can do that.
# * **Feedback alignment** uses random synapses that never change.
# * **Kolen-Pollack**: both synapses of a pair of cells change by the same product and decay alike, so that they become equal.
# * **Product feedback** goes through an intermediate population: a fixed random expansion `B`, then a plastic `R`.
#
# The rows below are what an anatomist would find in each of them at the second layer.

# %%
task = tasks.digits(standardise="global")
circuits = {name: DualStream.mlp([64, 64, 64, 10], name) for name in PATHWAYS}
for name, net in circuits.items():
    print(PATHWAYS[name])
    for row in net.projections():
        if "layer2" in row["name"] and not row["name"].endswith(".b"):
            print(f"    {row['name']:<16}{row['pre']} -> {row['post']}, {'plastic' if row['plastic'] else 'fixed'}")

# %% [markdown]
# ## Training
#
# All four learn by one rule: a synapse changes by the error of its postsynaptic cell times the rate of its presynaptic
# one. In the first epochs synapses also decay fast, which makes them forget how they were born.

# %%
updates = task.n_train // 32
decay = weight_decay_steps(0.03, [3], 0.01, updates)
measures = [feedback_alignment(), reciprocity(), angle_to_gradient()]
runs = {}
for name, net in circuits.items():
    runs[name] = TwoPhase(
        net,
        task,
        optimizer=momentum_sgd(0.05, 0.9, decay),
        seeds=SEEDS,
        batch_size=32,
        measures=[one for one in measures if not one.why_not(net)],  # some rules have no reciprocal synapses
    ).train(EPOCHS, record=folder / f"{name}.h5", progress=False)


# %%
def over_training(ax: plt.Axes, series: str, label: str) -> None:
    """Draw one series of all circuits that have it."""
    for name, colour in zip(PATHWAYS, style.PALETTE, strict=False):
        with open_trace(folder / f"{name}.h5") as trace:
            if series in trace.learning:
                found = trace.learning[series]
                style.band(ax, found.coords[found.dims[1]], found.values, color=colour, label=PATHWAYS[name])
    ax.set(xlabel="epoch", ylabel=label)


figure, axes = plt.subplots(1, 3, figsize=(12, 3.5), layout="constrained")
over_training(axes[0], "test_accuracy", "test accuracy")
over_training(axes[1], "angle.layer2", "feedback against W, layer 2 (degrees)")
over_training(axes[2], "angle_to_gradient.layer1", "change against gradient, layer 1 (degrees)")
axes[1].axhline(spectra.predicted_path_angle(1 / 10), color="k", linestyle=":", label=r"arctan$(1/\sqrt{10})$")
axes[1].legend(fontsize=7)
# %% [markdown]
# Feedback alignment learns although its feedback stays far from the ascending weights: the ascending weights turn
# a little towards it. The two plastic streams come close to the gradient without reading a weight. Product feedback goes
# to the angle that theory gives for a random expansion by ten, 17.5 degrees (dotted).
#
# ## Pairs of synapses
#
# An electrode in each of two connected cells measures both directions. Every dot is one pair of cells; for product feedback
# there is no second synapse, and the dot shows the whole path through the intermediate cells.

# %%
figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for ax, name in zip(axes, ("random", "kolen_pollack", "product"), strict=True):
    tree = {key: value[0] for key, value in runs[name].tree.items()}
    up, down = (np.asarray(one) for one in (tree["up.layer2.W"], circuits[name].effective_feedback(tree)["layer2"]))
    ax.plot(up.ravel(), down.ravel(), ".", markersize=2, alpha=0.5)
    kind = "path down" if name == "product" else "synapse down"
    ax.set(title=f"{PATHWAYS[name]}: {alignment.angle(up, down):.0f} degrees", xlabel="synapse up", ylabel=kind)
# %% [markdown]
# And what such recordings would say about the brain? In cortex about a third of the connected pairs is reciprocal, and over
# all pairs the two weights correlate by 0.2. Back-propagation and Kolen-Pollack ask for 1.

# %%
figure, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
over_training(ax, "reciprocal_correlation.layer2", "correlation of reciprocal synapses")
ax.axhline(0.2, color="k", linestyle=":", label="cortex")
ax.legend(loc="center right")
# %% [markdown]
# Product feedback is not in this figure: none of its pairs of cells is reciprocal.
#
# ## Why a random detour is almost as good as none
#
# Decay makes `R` equal to the transpose of `B` times `W`, so the path becomes $B B^T W$. With many intermediate cells
# $B B^T$ is close to the identity: its eigenvalues gather around 1, as Marchenko and Pastur found.

# %%
figure, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
for expansion, colour in zip((1, 3, 10), style.PALETTE, strict=False):
    net = DualStream.mlp([64, 400, 10], Product(expansion=expansion))
    values = spectra.gram_eigenvalues(np.asarray(net.read()["down.layer1.B"]).T)
    ax.hist(values, bins=40, density=True, color=colour, alpha=0.35, label=f"expansion {expansion}")
    grid = np.linspace(*spectra.mp_support(1 / expansion), 400)[1:]
    ax.plot(grid, spectra.mp_density(grid, 1 / expansion), color=colour)
ax.set(xlabel=r"eigenvalue of $B B^T$", ylabel="density", xlim=(0, 4), ylim=(0, 2))
ax.legend()
# %% [markdown]
# ## Where to go from here
#
# * `biocredit list product` shows the figures of Li and Benna (arXiv 2405.20594) as runnable experiments.
# * Replace `"product"` by `"product_orthogonal"`, `"usf"` or `"weight_mirror"`.
# * Thin the feedback out: `Product(sparsity=0.9)` of `biocredit.circuits.dual_stream.pathways`.
#
# Read next: *A tangle that assembles itself* (04), without any wiring plan; the cards of the pathways in the documentation.
