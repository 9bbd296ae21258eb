"""When a run counts as diverged, and what is said then."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import numpy as np
from biocredit.protocols.training.checkpoint import RunError


@dataclass(frozen=True)
class Divergence:
    """What counts as divergence, besides a loss or a weight that is not finite.

    Parameters
    ----------
    factor
        Largest loss of an update, over that of the first update; any by default.
    remedy
        What to say besides: which settings led there, what may help.

    Examples
    --------
    >>> try:
    ...     Divergence(10.0).check(np.array([[2.0, 30.0]]), {}, np.array([2.0]), update=100, epoch=3)
    ... except RunError as error:
    ...     print(error)
    the run diverged in epoch 3: the loss of update 101 is 30, more than 10 times the 2 of the first update
    """

    factor: float = inf
    remedy: str = ""

    def check(
        self, loss: np.ndarray, finite: Mapping[str, np.ndarray], first_loss: np.ndarray, *, update: int, epoch: int
    ) -> None:
        """Refuse to go on after a stretch of updates in which the networks diverged.

        Parameters
        ----------
        loss, finite
            Loss, and whether each weight array is finite by name, ``[seed, update]``.
        first_loss
            Loss of the very first update, ``[seed]``.
        update, epoch
            Number of the first update of the stretch, and of its epoch.

        Raises
        ------
        RunError
            With what went wrong first.
        """
        grown = loss > self.factor * first_loss[:, None]
        bad = {"loss grown": grown, "loss": ~np.isfinite(loss)} | {name: ~flags for name, flags in finite.items()}
        first = {name: np.argwhere(flags)[:, 1].min() for name, flags in bad.items() if flags.any()}
        if not first:
            return
        name = min(first, key=first.get)
        what = f"{name!r} is not finite first, at update {update + first[name]}"
        if name == "loss grown":
            seed = int(np.argmax(grown[:, first[name]]))
            what = f"the loss of update {update + first[name]} is {loss[seed, first[name]]:.3g}, "
            what += f"more than {self.factor:g} times the {first_loss[seed]:.3g} of the first update"
        raise RunError(f"the run diverged in epoch {epoch}: {what}" + (f"; {self.remedy}" if self.remedy else ""))
