"""Memory: bits that flip, sequences to copy, two numbers to add."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import require
from biocredit.protocols.tasks.task import Task
from biocredit.protocols.tasks.temporal import consecutive, positive


class flip_flop(Task):
    """Hold the sign of the last pulse on each channel (Sussillo and Barak 2013).

    Pulses of +1 and -1 come at random; before the first one on a channel zero is wanted there.

    Parameters
    ----------
    bits
        Number of channels.
    steps, dt
        Length of a trial in steps, and of a step in ms.
    rate
        Pulses a step and channel.
    n_train, n_test
        Trials that count as one pass.

    Examples
    --------
    >>> batch = flip_flop(2, steps=50).draw({}, jnp.arange(3), jax.random.key(0))
    >>> batch.inputs["pulses"].shape, sorted(set(batch.targets["bits"].ravel().tolist()))
    ((3, 50, 2), [-1.0, 0.0, 1.0])
    """

    citation = "10.1162/NECO_a_00409"
    scoring: Mapping[str, str] = {"loss": "half_squared_error", "answer": "every"}
    kinds: Mapping[str, str] = {"bits": "values"}
    units: Mapping[str, str] = {"bits": "1"}
    chance = 0.5

    def __init__(
        self,
        bits: int = 3,
        *,
        steps: int = 600,
        rate: float = 0.02,
        dt: float = 20.0,
        n_train: int = 640,
        n_test: int = 320,
    ):
        positive(bits=bits, steps=steps, rate=rate, dt=dt, n_train=n_train, n_test=n_test)
        require(rate <= 1, f"flip_flop: more than one pulse a step cannot be, got a rate of {rate}")
        self.name, self.rate, self.steps, self.dt = "flip_flop", rate, int(steps), float(dt)
        self.inputs, self.readouts = {"pulses": bits}, {"bits": bits}
        self.n_train, self.n_test, self.arrays = n_train, n_test, {}
        self.periods = consecutive(dt, memory=steps)

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw fresh trials; the indices only say how many."""
        come, sign = jax.random.split(key)
        shape = (len(index), self.steps, self.inputs["pulses"])
        here, up = jax.random.bernoulli(come, self.rate, shape), jax.random.bernoulli(sign, 0.5, shape)
        pulses = jnp.where(here, jnp.where(up, 1.0, -1.0), 0.0)
        last = jax.lax.cummax(jnp.where(here, jnp.arange(self.steps)[None, :, None], -1), axis=1)
        held = jnp.take_along_axis(pulses, jnp.maximum(last, 0), axis=1)
        bits = jnp.where(last >= 0, held, 0.0)
        return Batch({"pulses": pulses}, {"bits": bits}, {"pulses": here.sum((1, 2))})

    def score(self, outputs: Any, batch: Batch) -> dict[str, jax.Array]:
        """Count how often the sign is right, from the first pulse on."""
        wanted = batch.targets["bits"]
        right = jnp.where(wanted == 0, 0.0, jnp.where(jnp.sign(outputs["bits"]) == wanted, 1.0, 0.0))
        return {"sign_accuracy": right.sum() / jnp.maximum((wanted != 0).sum(), 1)}


class copy_memory(Task):
    """Say a sequence of symbols again after a delay (Hochreiter and Schmidhuber 1997; Arjovsky et al. 2016).

    Input channels: one for each symbol, the last but one "blank", the last one "go" (a single step, after the delay).
    Symbol 0 of the readout is "blank".

    Parameters
    ----------
    length, delay
        Symbols of the sequence, and blank steps before "go".
    symbols
        Different symbols.
    dt, n_train, n_test
        Step in ms, trials that count as one pass.

    Examples
    --------
    >>> task = copy_memory(3, 4, symbols=2)
    >>> task.steps, task.draw({}, jnp.arange(1), jax.random.key(0)).targets["symbol"].shape
    (10, (1, 10))
    """

    citation = "arXiv:1511.06464"
    scoring: Mapping[str, str] = {"loss": "cross_entropy", "answer": "every"}

    def __init__(
        self,
        length: int = 10,
        delay: int = 100,
        *,
        symbols: int = 8,
        dt: float = 1.0,
        n_train: int = 640,
        n_test: int = 320,
    ):
        positive(length=length, delay=delay, symbols=symbols, dt=dt, n_train=n_train, n_test=n_test)
        self.name, self.length, self.delay, self.symbols = "copy_memory", length, delay, symbols
        self.steps, self.dt = 2 * length + delay, float(dt)
        self.inputs, self.readouts, self.chance = {"symbol": symbols + 2}, {"symbol": symbols + 1}, 1 / symbols
        self.n_train, self.n_test, self.arrays = n_train, n_test, {}
        self.periods = consecutive(dt, sequence=length, delay=delay, recall=length)

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw fresh trials; the indices only say how many."""
        trials = len(index)
        sequence = jax.random.randint(key, (trials, self.length), 0, self.symbols)
        blank, go = (jnp.full((trials, n), self.symbols + k) for k, n in enumerate((self.delay + self.length - 1, 1)))
        shown = jnp.concatenate([sequence, blank[:, : self.delay - 1], go, blank[:, self.delay - 1 :]], axis=1)
        wanted = jnp.concatenate([jnp.zeros((trials, self.length + self.delay), jnp.int32), 1 + sequence], axis=1)
        return Batch({"symbol": jax.nn.one_hot(shown, self.symbols + 2)}, {"symbol": wanted}, {})

    def score(self, outputs: Any, batch: Batch) -> dict[str, jax.Array]:
        """Count the symbols that are said again, among all but "blank"."""
        said = outputs["symbol"][:, -self.length :, 1:].argmax(-1) + 1
        right = said == batch.targets["symbol"][:, -self.length :]
        return {"recall_accuracy": jnp.mean(right, dtype=outputs["symbol"].dtype)}


class adding_problem(Task):
    """Add the two numbers that were marked, one in each half of a stream (Hochreiter and Schmidhuber 1997).

    Numbers are uniform in [0, 1]; the sum is due at the last step. To say 1 always has a squared error of 1/6.

    Parameters
    ----------
    steps, dt
        Length of the stream in steps, and of a step in ms.
    n_train, n_test
        Trials that count as one pass.

    Examples
    --------
    >>> adding_problem(10).draw({}, jnp.arange(2), jax.random.key(0)).targets["sum"].shape
    (2, 10, 1)
    """

    citation = "10.1162/neco.1997.9.8.1735"
    scoring: Mapping[str, str] = {"loss": "half_squared_error", "answer": "last"}
    kinds: Mapping[str, str] = {"sum": "values"}
    units: Mapping[str, str] = {"sum": "1"}

    def __init__(self, steps: int = 100, *, dt: float = 1.0, n_train: int = 640, n_test: int = 320):
        positive(dt=dt, n_train=n_train, n_test=n_test)
        require(steps >= 2, f"adding_problem: two numbers are marked, got {steps} steps")
        self.name, self.steps, self.dt = "adding_problem", int(steps), float(dt)
        self.inputs, self.readouts = {"stream": 2}, {"sum": 1}
        self.n_train, self.n_test, self.arrays = n_train, n_test, {}
        self.periods, self.trial_units = consecutive(dt, stream=steps), {"first": "ms", "second": "ms"}

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw fresh trials; the indices only say how many."""
        number, first, second = jax.random.split(key, 3)
        half, trials = self.steps // 2, len(index)
        numbers = jax.random.uniform(number, (trials, self.steps))
        at = (jax.random.randint(first, (trials,), 0, half), jax.random.randint(second, (trials,), half, self.steps))
        marks = sum(jax.nn.one_hot(one, self.steps, dtype=numbers.dtype) for one in at)
        total = jnp.broadcast_to((numbers * marks).sum(1)[:, None, None], (trials, self.steps, 1))
        table = {"first": at[0] * self.dt, "second": at[1] * self.dt}
        return Batch({"stream": jnp.stack([numbers, marks], axis=-1)}, {"sum": total}, table)

    def score(self, outputs: Any, batch: Batch) -> dict[str, jax.Array]:
        """Give the mean squared error at the last step."""
        error = outputs["sum"][:, -1] - batch.targets["sum"][:, -1]
        return {"squared_error": jnp.mean(error**2)}
