"""Reference cases, replayed through the public circuits, rules and metrics.

    python -m tests.conformance FILE.npz ...            every array: deviation, tolerance, pass or fail
    python -m tests.conformance --quiet FILE.npz ...    failures and summaries only

How to add a topic
------------------
A case is called ``<topic>_<case>.npz``. Put one file ``adapters/<topic>.py`` in place (of several that fit, the
longest name wins) with one function:

    from collections.abc import Iterator, Mapping
    import numpy as np
    from tests.conformance.harness import Check

    def replay(name: str, case: Mapping[str, np.ndarray]) -> Iterator[Check]:
        net = ...build from case["W_init"], float(case["learning_rate"]) ...
        yield Check("loss", net.loss(case["x"]), atol=1e-9)

* ``name`` is the file name without ``.npz``; ``case`` holds its arrays (read one by one when asked for).
* A `Check` names an array of the file and gives *our* value of the same shape. It passes if
  ``|ours - reference| <= atol + rtol * |reference|`` everywhere; with ``relative_to="largest"`` the reference's largest
  entry takes the place of ``|reference|`` (specifications that say "relative to the largest entry"). With
  ``bound="at_least"`` a larger value of ours also passes. NaN agrees with NaN.
* Every size and hyper-parameter is read from the file; nothing about a case is written in an adapter. An adapter
  translates names and layouts and calls the public API. A formula in an adapter is a defect: it belongs in the
  product.
* Arrays that an adapter neither read nor checked are listed as a note, so that nothing is overlooked silently.

Everything runs in float64: this package switches it on before anything imports JAX. Cases carried along live in
``cases/``; `test_conformance.py` replays each of them, and skips topics that have no adapter.
"""

import os
import sys

os.environ["JAX_ENABLE_X64"] = "1"
if "jax" in sys.modules:
    sys.modules["jax"].config.update("jax_enable_x64", True)
