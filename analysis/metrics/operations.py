"""Arithmetic operations that one sample costs under each learning rule.

Only matrix products count; one multiply-add is two operations. The counts reproduce table 2 of the counter-current
learning article (arXiv 2409.19841); "lean" counts what an algorithm needs, "released" what the released programs of
the target-propagation family (arXiv 2212.10352) execute.

Every rule is one row of `COUNTS`: a function of the layer sizes and of the settings it needs, by name.
"""

import difflib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from biocredit.analysis.metrics import operations_released as released
from biocredit.analysis.metrics.layer_sizes import LayerSizes

__all__ = ["COUNTS", "operation_table", "operations"]


def _back_propagation(net: LayerSizes) -> float:
    return 2 * net.products + net.upper_products


def _separate_outer_products(net: LayerSizes) -> float:
    return 2 * net.products + 2 * net.upper_products


def _direct_feedback(net: LayerSizes) -> float:
    return 2 * net.products + net.sizes[-1] * sum(net.sizes[1:-1])


def _table_look_up(net: LayerSizes) -> float:
    return 2 * net.products


def _product_feedback(net: LayerSizes, expansion: float) -> float:
    pairs = zip(net.sizes[1:-1], net.sizes[2:], strict=True)
    return 2 * net.products + sum(expansion * above**2 + 2 * below * expansion * above for below, above in pairs)


def _counter_current(net: LayerSizes, prototypes: int, batch_size: int) -> float:
    similarities = prototypes * (3 * sum(net.sizes[:-1]) - net.sizes[0])
    return 2 * net.products + 2 * net.products * prototypes / batch_size + similarities


def _counter_current_labels(net: LayerSizes, batch_size: int) -> float:
    return _counter_current(net, prototypes=batch_size, batch_size=batch_size)


def _difference_targets(net: LayerSizes, iterations: int) -> float:
    return _separate_outer_products(net) + 3 * iterations * net.upper_products


def _local_difference_reconstruction(net: LayerSizes, iterations: int) -> float:
    return _separate_outer_products(net) + 6 * iterations * net.upper_products


def _difference_reconstruction(net: LayerSizes, iterations: int) -> float:
    chains = sum(2 * net.product_sum(start) + net.product(start) for start in net.upper_layers)
    return _separate_outer_products(net) + iterations * (net.upper_products + chains)


def _equilibrium(net: LayerSizes, free_steps: int, nudged_steps: int) -> float:
    return (free_steps + nudged_steps) * (net.products + net.upper_products) + 2 * net.products


def _symmetric_equilibrium(net: LayerSizes, free_steps: int, nudged_steps: int) -> float:
    return _equilibrium(net, free_steps, 2 * nudged_steps)


COUNTS: dict[str, Callable[..., float]] = {
    "bp": _back_propagation,
    "fa": _back_propagation,
    "dfa": _direct_feedback,
    "drtp_dense": _direct_feedback,
    "drtp_lookup": _table_look_up,
    "kp_shared_outer_product": _back_propagation,
    "kp_separate": _separate_outer_products,
    "pfa": _product_feedback,
    "ccl_released": _counter_current,
    "ccl_per_sample_labels": _counter_current_labels,
    "fwdtp_lean": _separate_outer_products,
    "dtp_lean": _difference_targets,
    "ldrl_lean": _local_difference_reconstruction,
    "drl_lean": _difference_reconstruction,
    "ep": _equilibrium,
    "ep_symmetric": _symmetric_equilibrium,
    **released.COUNTS,
}
"""Rule name -> multiply-adds of one sample, as a function of `LayerSizes` and named settings."""


def operations(rule: str, sizes: Sequence[float], **settings: Any) -> float:
    """Operations of one sample and one update under a rule.

    Parameters
    ----------
    rule : str
        A name in `COUNTS`.
    sizes : sequence of whole numbers
        Units of the input and of every layer.
    **settings
        Those that the rule needs: `batch_size`, `prototypes` (rows of labels that run through the feedback network),
        `expansion` (of the intermediate population), `iterations` (of feedback learning), `free_steps`,
        `nudged_steps`. Others are ignored, so that one set of settings serves all rules.

    Raises
    ------
    ValueError
        If the rule is unknown, a setting is missing, or a number is not positive.

    Examples
    --------
    >>> operations("bp", [784, 256, 256, 256, 256, 256, 10])
    2391040
    >>> operations("ccl_released", [784, 256, 256, 256, 256, 256, 10], prototypes=10, batch_size=32)
    2551552.0
    """
    if rule not in COUNTS:
        near = difflib.get_close_matches(rule, COUNTS, n=1, cutoff=0.0)[0]
        raise ValueError(f"rule: got {rule!r}, wanted one of {sorted(COUNTS)}; did you mean {near!r}?")
    needed = _settings_of(rule)
    missing = [name for name in needed if name not in settings]
    if missing:
        raise ValueError(f"{missing[0]}: the rule {rule!r} needs this setting; got {sorted(settings)}")
    for name in needed:
        if not settings[name] >= 0:
            raise ValueError(f"{name}: wanted a number that is not negative, got {settings[name]}")
    return 2 * COUNTS[rule](LayerSizes(tuple(sizes)), **{name: settings[name] for name in needed})


def operation_table(sizes: Sequence[float], **settings: Any) -> dict[str, float]:
    """Operations of one sample for every rule whose settings are given.

    Parameters as in `operations`.

    Examples
    --------
    >>> operation_table([20, 10, 5])["fa"]
    1100
    """
    rules = [rule for rule in COUNTS if set(_settings_of(rule)) <= set(settings)]
    return {rule: operations(rule, sizes, **settings) for rule in rules}


def _settings_of(rule: str) -> list[str]:
    return list(inspect.signature(COUNTS[rule]).parameters)[1:]
