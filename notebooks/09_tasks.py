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
# # Tasks: from a design to a psychometric curve
#
# A trial is a row of periods; a task says what is shown in them and what is asked. You will look at trials of a classic,
# train a network on it, read its psychometric and chronometric curves and its trajectories, lesion it, and design a
# task of your own. About five minutes on two cores.
#
# The shelf (`biocredit.tasks`) holds seventeen such tasks with the numbers of the literature; every one runs on rates
# and on spikes, under every temporal rule.

# %%
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from biocredit.protocols.tasks.cognitive.timeline import shown
from biocredit.protocols.tasks.cognitive.trial import CognitiveTask, ideal_choices

from biocredit import LIF, FiringRate, Online, RateRNN, Record, SpikingRNN, figures, interventions, open_trace, tasks

folder = Path(tempfile.mkdtemp())
EPOCHS = 15
SEEDS = 2

# %% [markdown]
# ## Look at trials
#
# Random dots move to the left or to the right, few of them or many. The first input says "fixate" until the decision;
# steps before it weigh little in the loss here (`fixation_weight`), so that a short training goes into the decision.

# %%
task = tasks.perceptual_decision(dt=20.0, timing={"stimulus": 600.0}, fixation_weight=0.1, n_train=640, n_test=400)
batch = task.draw(task.arrays, jnp.arange(4), jax.random.key(1))
task.periods, task.channels, task.choices, sorted(batch.trials)

# %%
figure, axes = plt.subplots(1, 4, figsize=(11, 2.6), sharey=True, layout="constrained")
time = task.dt * np.arange(task.steps)
for k, ax in enumerate(axes):
    for channel, name in enumerate(task.channels):
        ax.plot(time, batch.inputs["stimulus"][k, :, channel], lw=1, label=name)
    coherence, answer = float(batch.trials["coherence"][k]), task.choices[int(batch.trials["label"][k])]
    ax.set(title=f"{coherence:g} %: {answer}", xlabel="time (ms)")
axes[0].legend(fontsize=7)

# %% [markdown]
# Could anybody do it? An ideal observer who averages the stimulus sets the bound; whoever always fixates scores chance,
# because decisions alone are scored.

# %%
choice, seen = ideal_choices(task, 2000)
right, coherences = choice == np.asarray(seen.trials["label"]), np.asarray(seen.trials["coherence"])
{f"{level:g} %": round(float(right[coherences == level].mean()), 2) for level in np.unique(coherences)}

# %% [markdown]
# ## Train
#
# The same task under back-propagation through time and under the three-factor rule.

# %%
records = [Record("output"), Record("cells.rate")]
runs = {}
for rule in ("bptt", "three_factor"):
    net = RateRNN.for_task(task, {"E": 40, "I": 10}, tau=100.0, rule=rule)
    settings = {"batch_size": 32, "optimizer": optax.adam(3e-3), "seeds": SEEDS}
    runs[rule] = Online(net, task, records=records, probe_trials=400, **settings)
    runs[rule].train(EPOCHS, record=folder / f"{rule}.h5", progress=False)
traces = [open_trace(folder / f"{rule}.h5") for rule in runs]
figures.learning_curve(*traces, series="test_decision_accuracy")

# %% [markdown]
# ## Psychometric and chronometric curves, and the state of the network
#
# Everything below is read from the trace: the trial table came with it.

# %%
figures.choices(*traces)

# %%
figures.behaviour(*traces)

# %%
figures.trajectories(traces[0], by="label")

# %% [markdown]
# ## Lesion
#
# Silence the inhibitory cells, all the time, or only while the decision is made.

# %%
last = task.periods[-1]
for what, done in {
    "intact": [],
    "no inhibition": interventions.silence("cells.I"),
    "no inhibition in the decision": interventions.silence("cells.I", after=last.start, before=last.stop),
    "recurrent weights halved": interventions.scale("W_rec", 0.5),
    "no recurrent weights": interventions.lesion("W_rec"),
}.items():
    scores = runs["bptt"].test(interventions=done)["decision_accuracy"]
    print(f"{what:30s} {np.round(scores, 2)}")

# %% [markdown]
# ## Design a task
#
# Three things are asked of a task: the conditions of a trial, what is shown, and the right answer. Here a tone comes
# early or late within a window, and the answer is which. Periods are in ms, so that it runs at any time step.


# %%
class early_or_late(CognitiveTask):
    """Say whether a tone came in the first or in the second half of a window."""

    timing = {"fixation": 100.0, "window": 600.0, "delay": 200.0, "decision": 200.0}
    channels = ("fixation", "tone")
    choices = ("fixate", "early", "late")
    noisy = ("window",)
    units_of_conditions = {"onset": "ms"}

    def conditions(self, key, trials):
        slots = jax.random.randint(key, (trials,), 0, 6)
        return {"onset": 100.0 * slots}

    def stimulus(self, drawn, time):
        since = self.dt * (jnp.arange(self.steps)[None] - time.start["window"][:, None])
        on = time.during("window") & (since >= drawn["onset"][:, None]) & (since < drawn["onset"][:, None] + 100)
        return shown(on, jnp.ones((len(drawn["onset"]), 1)))

    def answer(self, drawn):
        return jnp.where(drawn["onset"] < 300, 1, 2)


own = early_or_late(dt=20.0, sigma=0.5, n_train=640, n_test=300)
net = RateRNN.for_task(own, {"E": 40, "I": 10}, tau=100.0, rule="bptt")
run = Online(net, own, batch_size=32, optimizer=optax.adam(3e-3), records=records, probe_trials=300)
run.train(EPOCHS, record=folder / "own.h5", progress=False)
figures.choices(open_trace(folder / "own.h5"), against="onset")

# %% [markdown]
# ## The same on spikes
#
# A spiking network takes the same task at a finer step.

# %%
rates = FiringRate(100.0, 0.02)  # about 20 Hz
fine = early_or_late(dt=10.0, sigma=0.5, n_train=320, n_test=100)
spiking = SpikingRNN.for_task(
    fine, {"E": 40, "I": 10}, cells=LIF(tau=50.0, threshold=0.5), tau_out=50.0, rule="eprop", rates=rates
)
run = Online(spiking, fine, batch_size=32, optimizer=optax.adam(1e-3), records=[Record("cells.spike")], probe_trials=50)
run.train(EPOCHS, record=folder / "spiking.h5", progress=False)
figures.raster(open_trace(folder / "spiking.h5"))

# %%
figures.trajectories(open_trace(folder / "spiking.h5"), by="onset")

# %% [markdown]
# ## Try
#
# * `tasks.context_decision`, `tasks.delayed_match_to_sample`, `tasks.ready_set_go`: which need memory?
# * Another step: `dt=50.0`. Does the network still solve it? Which time constants must it have?
# * `tasks.from_arrays(inputs, targets, conditions=...)` takes trials of your own experiment, `tasks.from_gym(env)` an
#   environment, `tasks.curriculum` a sequence of ever harder tasks.
#
# Next: `biocredit list` shows `temporal-tasks/...`, every task of the shelf under four rules on rates and on spikes.
