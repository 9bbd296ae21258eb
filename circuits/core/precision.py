"""How precisely matrix products are computed, by name, and the circuits' way of saying it to JAX."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import jax

#: JAX's name for the precision of single-precision products. CPUs compute in float32 whatever is asked; only the
#: relaxation of modular regions casts its operands by itself (:mod:`biocredit.circuits.modular.dynamics`).
MATMUL_PRECISIONS = {"float32": "highest", "tensorfloat32": "tensorfloat32", "bfloat16": "BF16_BF16_F32"}
#: Methods of circuits that compute.
COMPUTING = ("learn", "respond", "trial", "advance", "update")


def precise(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method of a circuit compute its matrix products with the circuit's ``matmul_precision``."""

    @wraps(method)
    def compute(self: Any, *args: Any, **settings: Any) -> Any:
        with jax.default_matmul_precision(MATMUL_PRECISIONS[self.matmul_precision]):
            return method(self, *args, **settings)

    return compute
