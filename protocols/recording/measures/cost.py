"""What one update costs: operations of its matrix products, memory, and time of this machine."""

import time
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.described import described
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.flops import product_operations
from biocredit.protocols.recording.measures.measure import Measure
from biocredit.protocols.recording.view import RunView

#: Seconds that a timing takes at least, and calls that it takes at most.
LEAST, MOST_CALLS = 0.02, 1024


@described
def cost_of_update(repetitions: int = 5) -> Measure:
    """Measure what it costs one network to learn from one batch of trials (the step of the optimiser is not counted).

    ``cost.operations``: multiplications and additions of matrix products and convolutions, read from the program (NaN
    where a loop has no length known beforehand); ``cost.bytes``: memory that the compiled program needs besides weights
    and trials; ``cost.seconds``: processor time, the shortest of some repetitions.

    Parameters
    ----------
    repetitions
        Of the timing.
    """
    require(repetitions >= 1, f"timing takes 1 or more repetitions, got {repetitions}")

    def of(run: RunView) -> Mapping[str, np.ndarray]:
        tree = next(run.networks())
        index = jnp.arange(run.batch_size, dtype=jnp.int32)
        batch = run.task.draw(jax.tree.map(jnp.asarray, run.task.arrays), index, jax.random.key(0))

        def learn(tree: Any, batch: Any) -> Any:
            outcome = run.circuit.learn(tree, batch, jax.random.key(1), **run.settings[0])
            return outcome.changes, outcome.tree

        program = jax.jit(learn).lower(tree, batch).compile()
        found = {
            "operations": _operations(learn, tree, batch),
            "bytes": float(getattr(program.memory_analysis(), "temp_size_in_bytes", np.nan)),
            "seconds": min(_seconds(program, tree, batch) for _ in range(repetitions)),
        }
        return {f"cost.{name}": np.full((len(run.seeds), 1), value) for name, value in found.items()}

    return Measure(of, {"one_update": np.array([1.0])}, "cost of one update")


def _operations(learn: Any, *arguments: Any) -> float:
    try:
        return float(product_operations(learn, *arguments))
    except ValueError:
        return float("nan")


def _seconds(program: Any, *arguments: Any) -> float:
    """Processor time of a call, over as many calls as take a while."""
    calls, spent = 1, _spent(program, arguments, 1)
    while spent < LEAST and calls < MOST_CALLS:
        calls *= 4
        spent = _spent(program, arguments, calls)
    return spent / calls


def _spent(program: Any, arguments: tuple, calls: int) -> float:
    begun = time.process_time()
    for _ in range(calls):
        jax.block_until_ready(program(*arguments))
    return time.process_time() - begun
