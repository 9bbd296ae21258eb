"""The shelf of cognitive tasks: values by hand, shares of conditions, masks, ideal and fixating observers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits import RateRNN
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols import tasks
from biocredit.protocols.tasks.cognitive.timeline import draw_duration
from biocredit.protocols.tasks.cognitive.trial import ideal_choices
from scipy.stats import chisquare

KEY = jax.random.key(0, impl="unsafe_rbg")  # compiles several times faster
#: Every task with periods and choices, made easy for an ideal observer (high coherence, coarse steps).
SHELF = {
    "perceptual_decision": {"coherences": [51.2]},
    "delayed_response": {"coherences": [51.2]},
    "context_decision": {"coherences": [50]},
    "multisensory": {"coherences": [50]},
    "delayed_match_to_sample": {},
    "dms_distractors": {},
    "delayed_comparison": {"sigma": 0.5},
    "go_nogo": {},
    "anti_reach": {"size": 8},
    "delayed_paired_association": {},
    "interval_discrimination": {},
    "ready_set_go": {},
    "yang20": {"sigma": 0.2},
}


def made(name, **settings):
    return getattr(tasks, name)(**{"dt": 100, **SHELF.get(name, {}), **settings})


def drawn(task, trials=8, key=KEY):
    draw = jax.jit(lambda arrays, key: task.draw(arrays, jnp.arange(trials), key))
    return jax.tree.map(np.asarray, draw(task.arrays, key))


@pytest.mark.parametrize("name", SHELF)
def test_trials_are_what_the_task_says(name):
    task = made(name)
    task.check()
    batch, again, other = drawn(task), drawn(task), drawn(task, key=jax.random.key(1, impl="unsafe_rbg"))
    jax.tree.map(np.testing.assert_array_equal, batch, again)
    assert not np.array_equal(batch.inputs["stimulus"], other.inputs["stimulus"])
    start, stop = (batch.trials[f"decision_{end}"][:, None] for end in ("start", "stop"))
    time, when, target = np.arange(task.steps)[None] * task.dt, batch.targets["when"], batch.targets["choice"]
    np.testing.assert_array_equal(when, np.where(time < start, 1.0, np.where(time < stop, 5.0, 0.0)))
    assert not target[time < start].any()
    if name != "ready_set_go":
        label = batch.trials["label"]
        inside = (time >= start) & (time < stop)
        np.testing.assert_array_equal(target[inside], np.broadcast_to(label[:, None], inside.shape)[inside])
    assert not batch.inputs["stimulus"][(time >= stop) & (name != "dms_distractors")].any()


@pytest.mark.parametrize("name", SHELF)
def test_an_ideal_observer_solves_it_and_fixating_is_a_guess(name):
    task = made(name)
    choice, batch = ideal_choices(task, 600)
    assert (choice == np.asarray(batch.trials[task.observed])).mean() > 0.95
    still = jnp.zeros((600, task.steps, len(task.choices))).at[..., 0].set(1.0)
    score = jax.jit(lambda output: task.score({"choice": output}, batch))
    scores = score(still)
    spread = 4 * np.sqrt(task.chance * (1 - task.chance) / 600)
    assert abs(float(scores["decision_accuracy"]) - task.chance) <= spread
    assert float(scores["fixation_breaks"]) == 0
    right = jax.nn.one_hot(batch.targets["choice"], len(task.choices))
    assert float(score(right)["decision_accuracy"]) == 1


@pytest.mark.parametrize("name", SHELF)
def test_conditions_are_equally_likely(name):
    task = made(name)
    drawn = jax.jit(lambda key: task.conditions(key, 10_000))(KEY)
    if name == "delayed_comparison":
        drawn = {"pair": 100 * drawn["f1"] + drawn["f2"]}
    for column, values in drawn.items():
        levels, counts = np.unique(np.asarray(values), return_counts=True)
        uneven = name == "yang20" and column not in ("rule", "place", "ring")
        if 1 < len(levels) < 40 and not uneven and not column.startswith("stimulus_"):
            assert chisquare(counts).pvalue > 1e-4, column


@pytest.mark.parametrize("name", ["perceptual_decision", "delayed_match_to_sample", "go_nogo", "anti_reach", "yang20"])
def test_half_the_step_is_the_same_trial(name):
    coarse, fine = (drawn(made(name, dt=dt, sigma=0)) for dt in (100, 50))
    assert set(coarse.trials) == set(fine.trials)
    for column, values in coarse.trials.items():
        np.testing.assert_allclose(values, fine.trials[column], err_msg=column)
    np.testing.assert_allclose(coarse.inputs["stimulus"], fine.inputs["stimulus"][:, ::2])
    np.testing.assert_array_equal(coarse.targets["choice"], fine.targets["choice"][:, ::2])


def test_values_of_the_table_without_noise():
    batch = drawn(made("perceptual_decision", sigma=0))
    for x, side in zip(batch.inputs["stimulus"], batch.trials["side"], strict=True):
        np.testing.assert_allclose(x[0], [1, 0, 0])
        np.testing.assert_allclose(x[5], [1, 0.756 - side * 0.512, 0.244 + side * 0.512])
        np.testing.assert_allclose(x[21], [0, 0, 0])
    batch = drawn(made("delayed_match_to_sample", sigma=0))
    for x, sample, match in zip(batch.inputs["stimulus"], batch.trials["sample"], batch.trials["match"], strict=True):
        np.testing.assert_allclose(x[3, 1:], [1 - sample, sample], atol=1e-12)
        np.testing.assert_allclose(x[18, 1:], [1 - sample, sample] if match else [sample, 1 - sample], atol=1e-12)
        np.testing.assert_allclose(x[10], [1, 0, 0])
    batch = drawn(made("delayed_comparison", sigma=0))
    coded = {10: 0.5, 14: 7 / 12, 18: 2 / 3, 22: 0.75, 26: 5 / 6, 30: 11 / 12, 34: 1.0}
    for x, first, second in zip(batch.inputs["stimulus"], batch.trials["f1"], batch.trials["f2"], strict=True):
        np.testing.assert_allclose(x[[5, 20], 1], [coded[int(first)], coded[int(second)]])
    batch = drawn(made("anti_reach", sigma=0))
    for x, place, label, anti in zip(
        batch.inputs["stimulus"], *(batch.trials[k] for k in ("place", "label", "anti")), strict=True
    ):
        np.testing.assert_allclose(x[5, 1:9], np.cos(2 * np.pi * (np.arange(8) - place) / 8), atol=1e-12)
        np.testing.assert_allclose(x[2, 9:], [1 - anti, anti])
        assert label == 1 + (place + 4 * anti) % 8
    batch = drawn(made("yang20", rules=["go"], sigma=0))
    around = np.abs((np.arange(16) - batch.trials["place"][:, None] + 8) % 16 - 8)
    both = batch.inputs["stimulus"][:, 5, 1:17] + batch.inputs["stimulus"][:, 5, 17:33]
    np.testing.assert_allclose(both, 0.8 * np.exp(-(around**2) / 2))


def test_noise_of_both_conventions():
    task = made("perceptual_decision", sigma=2.0, dt=20)
    x = drawn(task, 200).inputs["stimulus"]
    assert x[:, 10:100, 1:].std(axis=(0, 1)).mean() == pytest.approx(np.hypot(2 / np.sqrt(20), 0.256), rel=0.03)
    assert set(x[..., 0].ravel()) == {0.0, 1.0}
    everywhere = drawn(made("go_nogo", sigma=0.5, dt=20, noise="everywhere", tau=100), 400).inputs["stimulus"]
    assert everywhere[:, 30:45].std(axis=(0, 1)) == pytest.approx([0.5 * np.sqrt(0.4)] * 3, rel=0.05)


def test_durations_are_drawn_as_said():
    wait = np.asarray(draw_duration(("exponential", 600, 300, 3000), KEY, 20_000))
    assert wait.min() >= 300
    assert wait.max() <= 3000
    lost = 2700 * np.exp(-2700 / 600) / (1 - np.exp(-2700 / 600))
    assert wait.mean() == pytest.approx(300 + 600 - lost, rel=0.02)
    even = np.asarray(draw_duration(("uniform", 800, 1500), KEY, 20_000))
    assert (even.min(), even.max(), even.mean()) == pytest.approx((800, 1500, 1150), rel=0.01)


def test_going_late_is_scored_in_ms():
    task = made("ready_set_go", dt=20)
    batch = drawn(task, 40)
    due = jax.nn.one_hot(batch.targets["choice"], 2)
    assert float(task.score({"choice": due}, batch)["timing_error"]) <= 10
    late = jnp.roll(due, 5, axis=1)
    assert float(task.score({"choice": late}, batch)["timing_error"]) == pytest.approx(100, abs=10)
    measured = batch.trials["measure"]
    set_at = batch.inputs["stimulus"][..., 2] > 0.6
    np.testing.assert_allclose(measured, 20 * (set_at.argmax(1) - 9), atol=40)


def test_memory_tasks():
    task = tasks.flip_flop(2, steps=200)
    task.check()
    batch = drawn(task)
    held = np.zeros((8, 2))
    for t in range(200):
        now = batch.inputs["pulses"][:, t]
        held = np.where(now != 0, now, held)
        np.testing.assert_array_equal(batch.targets["bits"][:, t], held)
    assert (batch.inputs["pulses"] != 0).mean() == pytest.approx(0.02, abs=0.01)
    assert float(task.score({"bits": batch.targets["bits"]}, batch)["sign_accuracy"]) == 1
    task = tasks.copy_memory(3, 5, symbols=4)
    task.check()
    batch = drawn(task)
    shown = batch.inputs["symbol"].argmax(-1)
    np.testing.assert_array_equal(shown[:, 3:], [[4] * 4 + [5] + [4] * 3] * 8)
    np.testing.assert_array_equal(batch.targets["symbol"][:, -3:], 1 + shown[:, :3])
    assert not batch.targets["symbol"][:, :-3].any()
    blank = jax.nn.one_hot(jnp.zeros((8, task.steps), int), 5)
    assert float(task.score({"symbol": blank}, batch)["recall_accuracy"]) < 0.7
    task = tasks.adding_problem(20)
    task.check()
    batch = drawn(task)
    numbers, marks = np.moveaxis(batch.inputs["stream"], -1, 0)
    np.testing.assert_allclose(batch.targets["sum"][:, -1, 0], (numbers * marks).sum(1), rtol=1e-6)
    np.testing.assert_array_equal([marks[:, :10].sum(1), marks[:, 10:].sum(1)], np.ones((2, 8)))


def test_cues_pass_and_the_majority_counts():
    task = tasks.evidence_accumulation(3, delay=300, spikes=False, dt=10)
    task.check()
    batch = drawn(task, 200)
    x = batch.inputs["spikes"]
    assert task.steps == 3 * 15 + 30 + 15
    cues = (x[:, 14:45:15, 10] > 0).astype(int)
    np.testing.assert_array_equal(cues.sum(1), batch.trials["right_cues"])
    np.testing.assert_array_equal(batch.trials["label"], cues.sum(1) > 1)
    np.testing.assert_array_equal(x[:, :5, :20], 0)
    np.testing.assert_array_equal(x[:, -15:, 20:30], 1)
    assert x[0, 0, 30] == pytest.approx(0.25)
    spikes = drawn(tasks.evidence_accumulation(3, delay=300), 20).inputs["spikes"]
    assert spikes[:, -150:, 20:30].mean() == pytest.approx(0.04, rel=0.1)


BAD = {
    "period": ("go_nogo", {"timing": {"stimulsu": 100}}, "did you mean 'stimulus'"),
    "duration": ("go_nogo", {"timing": {"stimulus": "long"}}, "wanted ms, "),
    "too short": ("go_nogo", {"timing": {"stimulus": 30}}, "stimulus of 30 ms is shorter than a step of 100 ms"),
    "no decision": ("go_nogo", {"timing": {"decision": 0}}, "the decision takes no time"),
    "dt": ("go_nogo", {"dt": 0}, "dt and tau must be positive"),
    "noise": ("go_nogo", {"noise": "stimuli"}, "did you mean 'stimulus'"),
    "coherence": ("perceptual_decision", {"coherences": [200]}, "wanted per cents"),
    "pairs": ("delayed_comparison", {"pairs": [(1, 1)]}, "wanted pairs of different frequencies"),
    "no cue": ("anti_reach", {"cue": False}, "without a cue nobody can know the rule"),
    "rule": ("yang20", {"rules": ["dms1"]}, "did you mean 'dms'"),
    "ties": ("evidence_accumulation", {"cues": 4}, "an even number of cues may tie"),
    "gain": ("ready_set_go", {"gain": 0}, "gain must be positive"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_settings_are_one_line(name):
    task, settings, words = BAD[name]
    with pytest.raises(CircuitError, match=words) as caught:
        made(task, **settings)
    assert "\n" not in str(caught.value)


class Space:
    """Names of channels or choices."""

    def __init__(self, n, name):
        self.n, self.name = n, name


class Dots:
    """An environment with NeuroGym's trial interface: two sides, a delay of random length."""

    dt = 20
    observation_space = Space(3, {"fixation": 0, "stimulus": [1, 2]})
    action_space = Space(3, {"fixation": 0, "choice": [1, 2]})

    def reset(self, seed=None):
        self.rng = np.random.default_rng(seed)

    def new_trial(self, side=None):
        side = self.rng.integers(2) if side is None else side
        wait = int(self.rng.integers(3, 7))
        self.ob = np.zeros((10 + wait, 3))
        self.ob[:-2, 0], self.ob[2:8, 1 + side] = 1, 1
        self.gt = np.zeros(10 + wait, int)
        self.gt[-2:] = 1 + side
        self.start_t = {"fixation": 0, "decision": (8 + wait) * 20}
        self.end_t = {"fixation": 40, "decision": (10 + wait) * 20}
        self.trial = {"side": int(side), "kind": "left" if side else "right"}
        return self.trial


def test_a_foreign_environment_becomes_a_task():
    task = tasks.from_gym(Dots(), n_train=30, n_test=20)
    task.check()
    assert (task.n_train, task.n_test, task.steps, task.dt) == (30, 20, 16, 20.0)
    assert task.classes == ("fixation", "choice_0", "choice_1")
    assert task.channels == ("fixation", "stimulus_0", "stimulus_1")
    batch = jax.tree.map(np.asarray, task.draw_part(task.arrays, jnp.arange(20), KEY, "test"))
    np.testing.assert_array_equal(batch.trials["label"], 1 + batch.trials["side"])
    np.testing.assert_array_equal(batch.targets["when"].sum(1) * 20, batch.trials["decision_stop"])
    still = jax.nn.one_hot(jnp.zeros((20, 16), int), 3)
    scores = task.score({"choice": still}, batch)
    assert float(scores["decision_accuracy"]) == pytest.approx((batch.trials["side"] == 0).mean())
    one_side = tasks.from_gym(Dots(), n_train=5, n_test=5, conditions={"side": 1})
    assert set(one_side.arrays["train"]["trials"]["side"]) == {1.0}
    with pytest.raises(CircuitError, match="object has no 'reset'; wanted NeuroGym's trial interface"):
        tasks.from_gym(object())


@pytest.mark.parametrize("name", ["PerceptualDecisionMaking-v0", "ContextDecisionMaking-v0", "DelayMatchSample-v0"])
def test_environments_of_neurogym(name):
    neurogym = pytest.importorskip("neurogym", reason="NeuroGym is not installed (its pins conflict)")
    tasks.from_gym(neurogym.make(name), n_train=20, n_test=10).check()


def test_a_curriculum_goes_on_when_the_score_is_reached():
    easy, hard = (made("perceptual_decision", coherences=c, sigma=0) for c in ([51.2], [6.4]))
    task = tasks.curriculum([easy, hard], {"test_decision_accuracy": 0.9})
    task.check()
    assert set(drawn(task).trials["coherence"]) == {51.2}
    assert task.after_epoch({"test_decision_accuracy": np.array([0.8, 0.9])}) == ""
    assert task.after_epoch({"test_decision_accuracy": np.array([0.9, 1.0])}).startswith("stage 2 of 2")
    assert set(drawn(task).trials["coherence"]) == {6.4}
    assert task.after_epoch({"test_decision_accuracy": np.array([1.0])}) == ""
    with pytest.raises(CircuitError, match="no score 'test_decision_accuracy'; it has loss"):
        task.after_epoch({"loss": 1.0})
    with pytest.raises(CircuitError, match="steps of stage 2 is"):
        tasks.curriculum([easy, made("delayed_response")], {"loss": 1.0})


@pytest.mark.parametrize("name", ["dms_distractors", "yang20"])
def test_a_network_learns_from_every_step_that_counts(name):
    task = made(name)
    net = RateRNN.for_task(task, 10, density=0.5)
    batch = task.draw({}, jnp.arange(3), KEY)
    outcome = net.learn(net.read(), batch)
    assert all(bool(jnp.isfinite(change).all()) and bool(change.any()) for change in outcome.changes.values())
