"""Early stopping: which epoch is the best, and how long ago it was."""

from typing import NamedTuple


class EarlyStopping(NamedTuple):
    """The best epoch so far; `update` returns the next state."""

    best_value: float = float("inf")
    """The lowest value so far; to monitor something that should rise, pass its negative."""
    best_epoch: int = 0
    """The epoch of that value, counted from 1; 0 before the first."""
    waited: int = 0
    """Epochs since then: the log's "Patience"."""


def update(
    stopping: EarlyStopping, epoch: int, value: float, min_delta: float = 0.0
) -> EarlyStopping:
    """Return the state after `epoch`.

    A value is a new best if it is lower than the best so far, by `min_delta` or more where that is not 0.
    """
    improvement = stopping.best_value - value
    if improvement > 0 and improvement >= min_delta:
        return EarlyStopping(value, epoch, 0)
    return stopping._replace(waited=stopping.waited + 1)
