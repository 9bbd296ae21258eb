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
# # Two streams that run against each other
#
# Here no error comes down. While an image goes up one network, the *wanted answer* goes down another: a second stream turns
# every class into patterns of activity, level by level, down to the input. At each level the two streams compare what
# they have, and every synapse learns from the comparison at its own level alone: in the manner of a heat exchanger, what is
# rich in information about the image meets what is rich in information about the answer (Kao and Hariharan 2024, arXiv
# 2409.19841).
#
# **You will learn** how a stream of wanted answers teaches a stream of images level by level, and how to measure that the two meet.
# **Time:** about two minutes on two cores.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from biocredit.analysis import open_trace
from biocredit.analysis.plots import style
from biocredit.circuits import DualStream
from biocredit.circuits.dual_stream.pathways.counter_current.architectures import dense
from biocredit.circuits.dual_stream.pathways.counter_current.training import TRAININGS
from biocredit.protocols import TwoPhase, tasks
from biocredit.protocols.recording.measures.streams import embedding_of_streams, similarity_of_streams, weights_facing

plt.rcParams.update(style.STYLE)
folder = Path(tempfile.mkdtemp())
EPOCHS = 30
SEEDS = 3
LEVELS = 5

# %% [markdown]
# ## The circuit
#
# The same stack as any other dual stream; the descending one is a network of its own, with its own random weights. Nothing
# is copied between them.

# %%
task = tasks.digits()
net = DualStream(*dense([64, 64, 64, 64, 10]), "counter_current")
for row in net.projections():
    print(f"{row['name']:<16}{row['pre']} -> {row['post']}")

# %% [markdown]
# ## Training
#
# Both streams learn at the same time, with the settings of the authors' program.

# %%
updates = task.n_train // 32
every = max(1, EPOCHS // 3)
run = TwoPhase(
    net,
    task,
    optimizer=TRAININGS["dense"].optimizer(updates),
    seeds=SEEDS,
    batch_size=32,
    measures=[
        similarity_of_streams(LEVELS, trials=360, every=every),
        embedding_of_streams([3], trials=150, every=every),
        weights_facing(net, every=1),
    ],
).train(EPOCHS, record=folder / "streams.h5", progress=False)
trace = open_trace(folder / "streams.h5")

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
curve = trace.learning["test_accuracy"]
style.band(axes[0], curve.coords["epoch"], 100 * curve.values)
axes[0].set(xlabel="epoch", ylabel="test accuracy (%)")
cosines = trace.learning["weight_cosine.plain"]
for layer, colour in enumerate(style.colours(LEVELS - 1, ordered=True)):
    style.band(
        axes[1], cosines.coords["every_1_epochs"], cosines.values[..., layer], color=colour, label=str(layer + 1)
    )
axes[1].set(xlabel="epoch", ylabel="cosine of W up and W down")
axes[1].legend(title="layer", loc="center left", bbox_to_anchor=(1, 0.5))
# %% [markdown]
# The weights of the two streams become similar, most of all at the top, although no synapse sees another.
#
# ## The streams meet
#
# How similar are the representations of the same digits in the two streams? Each square compares a level of the descending
# stream (rows, the answer at the bottom) with a level of the ascending one (columns, the image at the left).

# %%
similarity = trace.learning["cka"]
moments = similarity.coords[f"every_{every}_epochs"]
lowest, highest = similarity.values.mean(0).min(), similarity.values.mean(0).max()
figure, axes = plt.subplots(1, len(moments), figsize=(3 * len(moments), 3), layout="constrained", squeeze=False)
for ax, moment, matrix in zip(axes[0], moments, similarity.values.mean(0), strict=True):
    picture = ax.imshow(matrix[::-1], vmin=lowest, vmax=highest, cmap="viridis", interpolation="none")
    ax.grid(visible=False)
    ax.set(title=f"epoch {moment:.0f}", xlabel="ascending level", ylabel="descending level")
    ax.set(xticks=range(LEVELS), yticks=range(LEVELS))
figure.colorbar(picture, ax=axes[0], label="centred kernel alignment")
# %% [markdown]
# At first the output of the ascending stream resembles nothing in the descending one. With learning the squares brighten,
# most of all where the descending stream is still close to the answer (the lower rows).
#
# ## In one picture
#
# Dots are test images at the third level of the ascending stream, crosses what the descending stream makes of the ten
# classes at the same level, embedded together; colours are classes. Every picture is an embedding of its own, so that
# only who is beside whom means something, not where.

# %%
embedded = trace.learning["tsne.level3"]
figure, axes = plt.subplots(1, len(moments), figsize=(3 * len(moments), 3), layout="constrained", squeeze=False)
for ax, moment, points in zip(axes[0], moments, embedded.values[0], strict=True):
    for down, marker, size in ((0, ".", 12), (1, "X", 70)):
        x, y, label, _ = points[points[:, 3] == down].T
        ax.scatter(
            x, y, c=label, cmap="tab10", marker=marker, s=size, edgecolors="k" if down else "none", linewidths=0.5
        )
    ax.set(title=f"epoch {moment:.0f}", xticks=[], yticks=[])
axes[0, 0].plot([], [], ".", color=style.QUIET, label="ascending: an image")
axes[0, 0].plot([], [], "X", color=style.QUIET, mec="k", label="descending: a class")
figure.legend(loc="outside lower center", ncols=2, frameon=False)
# %% [markdown]
# The images gather by class. The ten classes of the descending stream draw together between them; in a run of this length
# they do not yet enter the clouds of their own images, as they do in the paper after hundreds of thousands of trials.
#
# ## Where to go from here
#
# * `biocredit list counter` shows the tables and figures of the paper as runnable experiments.
# * Let trials, and not classes, run down: `CounterCurrent(pairing="same_class")` of `biocredit.circuits.dual_stream.pathways`.
# * `"counter_current_printed"` is the loss as the paper prints it. Does it learn as well as the released one?
#
# Read next: *Beside a recording* (07); the page of the paper in the documentation, with all numbers.
