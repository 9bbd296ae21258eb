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
# # Four rules on one bench
#
# **What you will learn.** How to compare rules of different families without favouring one: the same task, as many cells, the
# same search for constants. How to lesion the same pathway in all of them. What each of their synapses needs to know.
#
# **How long.** About an hour with the questions; a few minutes of computing.
#
# The four: back-propagation (BP), feedback alignment (FA), product feedback (PFA), and direct random target projection (DRTP),
# in which hidden cells hear of the target and never of the error.

# %%
import matplotlib.pyplot as plt
import numpy as np
import optax
from biocredit.analysis.metrics.intervals import mean_interval, paired_interval
from biocredit.analysis.plots import style
from biocredit.circuits import DualStream
from biocredit.circuits.core.optimizers import decaying_momentum
from biocredit.circuits.dual_stream.pathways.target_propagation import DirectRandomTarget
from biocredit.protocols import TwoPhase, interventions, tasks
from biocredit.protocols.recording.measures.alignment import angle_to_gradient
from biocredit.protocols.recording.measures.cost import cost_of_update
from biocredit.protocols.recording.measures.robustness import silenced_cells

EPOCHS = 15
SEEDS = 3
RATES = [0.003, 0.01, 0.03, 0.1, 0.3]
MEAN = DirectRandomTarget(reduction="mean")  # hidden changes are means over trials, as in the others
RULES = {"BP": "transposed", "FA": "random", "PFA": "product", "DRTP": MEAN}

task = tasks.digits()
circuits = {rule: DualStream.mlp([64, 32, 32, 10], pathway) for rule, pathway in RULES.items()}

# %% [markdown]
# ## The search
#
# A rule is only as good as its learning rate, and each wants another one. So all of them get the same grid. The rates are one
# axis with the seeds: one program, five networks at once. What decides is a part of the *training* images, held out.

# %%
held_out = tasks.by_validation(task, 0.2)
optimizer = optax.inject_hyperparams(decaying_momentum)(learning_rate=0.1, decay=1e-4)
chosen = {}
for rule, net in circuits.items():
    run = TwoPhase(net, held_out, seeds=len(RATES), batch_size=32, optimizer=optimizer, vary={"learning_rate": RATES})
    scores = run.train(EPOCHS, progress=False).last["test_accuracy"]
    chosen[rule] = RATES[int(np.nanargmax(scores))]
    print(f"{rule:5}", "  ".join(f"{rate:g}: {score:.3f}" for rate, score in zip(RATES, scores, strict=True)))

# %% [markdown]
# **Try it.** How much would FA lose with the rate of BP? How wide is the plateau of each rule?
#
# ## The last word
#
# Fresh networks, the chosen rates, the test images. BP and the others share initial weights and the order of images, so that
# networks are compared in pairs. With so few seeds an interval is wide: where it includes zero we say nothing.

# %%
runs = {}
for rule, pathway in RULES.items():
    net = DualStream.mlp([64, 32, 32, 10], pathway, seed=100)
    measures = [angle_to_gradient(trials=200, every=max(EPOCHS // 5, 1)), silenced_cells(), cost_of_update()]
    step = decaying_momentum(chosen[rule], 1e-4)
    runs[rule] = TwoPhase(net, task, seeds=SEEDS, batch_size=32, optimizer=step, measures=measures)
    runs[rule].train(EPOCHS, progress=False)
for rule, run in runs.items():
    score, gap = (
        run.last["test_accuracy"],
        paired_interval(run.last["test_accuracy"], runs["BP"].last["test_accuracy"]),
    )
    print(f"{rule:5} {mean_interval(score).mean:.3f}; to BP {gap.mean:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})")

# %% [markdown]
# ## The same lesion in all of them
#
# Silence a part of the hidden cells after learning; then cut, in each circuit, what reaches the output from the second layer.

# %%
for rule, run in runs.items():
    cut = run.test(interventions.lesion("up.layer3.W"))["accuracy"].mean()
    left = run.measured["silenced.accuracy"].mean(0)
    print(f"{rule:5} a tenth, a third, half silent: {np.round(left, 3)}; output cut: {cut:.3f}")

# %% [markdown]
# ## What a synapse needs to know
#
# What each rule declares of itself: the signals, and where a synapse finds them. The audit (`biocredit audit`) measures the
# same: it clamps every signal, disturbs one, and looks which weights change.

# %%
for rule, net in circuits.items():
    print(f"{rule:5} phases {net.rule.phases}, copies {net.rule.transports}; {dict(net.rule.needs)}")

# %% [markdown]
# ## The summary
#
# Score, angle to the gradient, robustness and cost on one sheet.


# %%
@style.styled
def summary():
    """Four panels over the four rules."""
    figure, axes = style.canvas(1, 4, (2.5, 2.6))
    names = list(runs)
    for number, run in enumerate(runs.values()):
        colour = style.PALETTE[number]
        axes[0].plot(np.full(SEEDS, number), 100 * run.last["test_accuracy"], "o", color=colour, ms=4)
        angles = run.measured["angle_to_gradient.layer2"].mean(0)
        axes[1].plot(angles, color=colour, label=names[number])
        axes[2].plot([10, 33, 50], 100 * run.measured["silenced.accuracy"].mean(0), "o-", ms=3, color=colour)
        ratio = run.measured["cost.operations"][0, 0] / runs["BP"].measured["cost.operations"][0, 0]
        axes[3].plot(number, ratio, "o", color=colour)
    axes[0].set(title="accuracy (%)", xticks=range(len(names)), xticklabels=names)
    axes[1].set(title="angle, layer 2 (degree)", xlabel="measurement", ylim=(0, 120))
    axes[1].legend()
    axes[2].set(title="accuracy (%), lesioned", xlabel="silent cells (%)")
    axes[3].set(title="operations over BP", xticks=range(len(names)), xticklabels=names)
    return figure


figure = summary()
plt.show()

# %% [markdown]
# **Try it.** Why does DRTP cost less than BP? Which rule loses most when half of the cells are silent, and is it the one with
# the lowest score? What changes with `hidden` layers half as wide?
#
# ## What next
#
# All rules, with every measure, as one page:
#
#     biocredit bench static --quick
#     biocredit bench temporal --quick
#     biocredit bench static --quick --rule my_rule.py
#
# `docs/how-to/bench.md` says how the bench tunes, and how to put a rule of your own on it.
