"""In which order the training trials come."""

import numpy as np
from biocredit.protocols.training.checkpoint import RunError

#: "samples": new batches at every epoch; "batches": batches are composed once and only their order changes.
SHUFFLES = ("samples", "batches", "none")

#: Bytes of fetched trials of one stretch; those of the next one come beside them.
FETCHED = 250_000_000


def epoch_order(trials: int, batch: int, shuffle: str, seed: int, epoch: int) -> np.ndarray:
    """Return the trial numbers of one epoch, ``[update, trial]``; an incomplete last batch is dropped.

    Parameters
    ----------
    trials, batch
        Training trials of one pass, and trials in a batch.
    shuffle
        One of :data:`SHUFFLES`.
    seed, epoch
        The order depends on these alone, so a resumed run meets the same trials.

    Examples
    --------
    >>> epoch_order(6, 2, "none", 0, 1).tolist()
    [[0, 1], [2, 3], [4, 5]]
    """
    updates = trials // batch
    if shuffle == "none":
        return np.arange(updates * batch, dtype=np.int32).reshape(updates, batch)
    rng = np.random.default_rng([seed, epoch])
    if shuffle == "samples":
        return rng.permutation(trials)[: updates * batch].reshape(updates, batch).astype(np.int32)
    composed = np.random.default_rng([seed]).permutation(trials)[: updates * batch]
    return composed.reshape(updates, batch)[rng.permutation(updates)].astype(np.int32)


def check_order(trials: int, batch: int, shuffle: str) -> None:
    """Refuse an order that cannot be made.

    Raises
    ------
    RunError
        For a batch larger than the task, or an unknown shuffle.
    """
    if shuffle not in SHUFFLES:
        raise RunError(f"unknown shuffle {shuffle!r}: valid are {', '.join(SHUFFLES)}")
    if not 1 <= batch <= trials:
        raise RunError(f"batch_size must be 1 to {trials} (the training trials), got {batch}")


def chunk_length(updates: int, longest: int, fetched: int = 0) -> int:
    """Return the largest divisor of ``updates`` up to ``longest``, or all of them if that would be tiny.

    Equal chunks compile once. Where trials are fetched, the length is what memory allows, and the last one may be
    shorter.

    Parameters
    ----------
    updates
        Of one pass.
    longest
        Updates of a chunk at most.
    fetched
        Bytes that are fetched for one update.

    Examples
    --------
    >>> chunk_length(120, 50), chunk_length(120, 50, 10_000_000)
    (40, 25)
    """
    if fetched:
        return max(min(updates, longest, FETCHED // fetched), 1)
    best = max(length for length in range(1, min(updates, longest) + 1) if updates % length == 0)
    return best if best * 4 >= min(updates, longest) else updates
