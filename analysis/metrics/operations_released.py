"""Multiply-adds of the released target-propagation programs (arXiv 2212.10352), as an operation counter sees them.

These programs multiply by explicit identity matrices and send gradients through the whole chain, which is why they
cost several times what the algorithms need. Rows of `biocredit.analysis.metrics.operations.COUNTS`.
"""

from collections.abc import Callable

from biocredit.analysis.metrics.layer_sizes import LayerSizes

__all__ = ["COUNTS"]


def _forward(net: LayerSizes) -> int:
    return net.products + net.identity_sum()


def _target_step(net: LayerSizes) -> int:
    backward = net.products + net.upper_products + net.identity_sum(2)
    return _forward(net) + backward + 3 * net.upper_products + net.identity_sum(2)


def _update_step(net: LayerSizes) -> int:
    gradients = (net.product_sum(1, top) + net.product_sum(2, top) + net.identity_sum(2, top) for top in net.layers)
    return _forward(net) + sum(gradients)


def _dtp_iteration(net: LayerSizes) -> int:
    return _forward(net) + 5 * net.upper_products + net.identity_sum(2)


def _ldrl_iteration(net: LayerSizes) -> int:
    return _forward(net) + 14 * net.upper_products + 4 * net.identity_sum(2)


def _drl_iteration(net: LayerSizes) -> int:
    def chain(start: int) -> int:
        down = 8 * net.product_sum(start) + 3 * net.identity_sum(start)
        return down + net.product_sum(start + 1) + net.identity_sum(start + 1)

    return _forward(net) + sum(chain(start) for start in net.upper_layers)


def _fixed_weights(net: LayerSizes) -> int:
    return _target_step(net) + _update_step(net)


def _with_feedback(iteration: Callable[[LayerSizes], int]) -> Callable[..., int]:
    def total(net: LayerSizes, iterations: int) -> int:
        return _fixed_weights(net) + iterations * iteration(net)

    return total


COUNTS: dict[str, Callable[..., int]] = {
    "tp_released_target_step": _target_step,
    "tp_released_update_step": _update_step,
    "tp_released_feedback_iteration_dtp": _dtp_iteration,
    "tp_released_feedback_iteration_drl": _drl_iteration,
    "tp_released_feedback_iteration_ldrl": _ldrl_iteration,
    "fwdtp_released": _fixed_weights,
    "dtp_released": _with_feedback(_dtp_iteration),
    "drl_released": _with_feedback(_drl_iteration),
    "ldrl_released": _with_feedback(_ldrl_iteration),
}
"""Rule or part of a rule -> multiply-adds of one sample."""
