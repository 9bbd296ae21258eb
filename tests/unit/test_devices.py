"""Seeds on eight (forced) devices: the same numbers, bit for bit, and a checkpoint goes on on another number."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import jax
import numpy as np
from biocredit.circuits import RateRNN
from biocredit.protocols import Online, tasks
from biocredit.protocols.training.checkpoint import RunError

task = tasks.delayed_xor(cue=3, delay=3, n_train=12, n_test=6)

def shards(run):
    return run.state["tree"]["W_rec"].addressable_shards

def build(seeds, devices, **more):
    net = RateRNN.for_task(task, 10, rule="modprop_wab", tau=10.0)
    return Online(net, task, update_every=3, batch_size=4, chunk=1, seeds=seeds, devices=devices, **more)

def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one.state), jax.tree.leaves(other.state)))

assert jax.device_count() == 8
for seeds in (8, 11):
    one, eight = (build(seeds, devices) for devices in (1, 8))
    assert (one.networks.devices, eight.networks.devices) == (1, 8)
    one.train(1, progress=False)
    eight.train(1, progress=False)
    assert same(one, eight), seeds
    assert all(np.array_equal(one.last[name], eight.last[name]) for name in one.last), seeds
alone, spread = one.activity()[0], eight.activity()[0]
assert all(np.array_equal(alone[name], course) for name, course in spread.items())

path, learn = sys.argv[1], build(11, 8)
inner, seen = learn.networks.learn, []

def interrupted(*where):
    seen.append(where)
    if len(seen) == 5:
        raise KeyboardInterrupt
    return inner(*where)

learn.networks.learn = interrupted
try:
    learn.train(2, record=path, progress=False)
except KeyboardInterrupt:
    pass
one.train(1, progress=False)
assert same(build(11, 2).resume(path, progress=False), one)
assert build(3, None).networks.devices == 3

for seeds, each in ((8, 1), (16, 2)):
    assert {shard.data.shape for shard in shards(build(seeds, 8))} == {(each, 10, 10)}
batch = build(1, 4, shard="batch")
assert {shard.data.shape for shard in shards(batch)} == {(1, 10, 10)}
alone = build(1, 1).train(2, progress=False)
for a, b in zip(jax.tree.leaves(alone.state), jax.tree.leaves(batch.train(2, progress=False).state)):
    assert np.allclose(a, b, rtol=1e-3, atol=1e-5)
assert batch.networks.devices == 4
try:
    build(1, 8, shard="batch")
except RunError as refusal:
    assert "4 trials cannot be cut into equal parts for 8" in str(refusal)
print("equal")
"""


def test_eight_devices_give_the_numbers_of_one(tmp_path: Path):
    surroundings = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_ENABLE_X64": "0"}
    surroundings.pop("JAX_NUM_CPU_DEVICES", None)
    surroundings.pop(
        "JAX_DISABLE_MOST_OPTIMIZATIONS", None
    )  # as users run it: XLA then compiles one and many loops alike
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "run.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=surroundings)
    assert done.stdout.splitlines()[-1:] == ["equal"], done.stderr[-2000:]
