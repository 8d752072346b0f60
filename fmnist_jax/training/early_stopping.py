"""Early stopping: which epoch is the best, and how long ago it was."""

from typing import NamedTuple


class EarlyStopping(NamedTuple):
    """What has been seen so far; `update` makes the next."""

    best_value: float = float("inf")
    """The lowest value so far; to watch something that should rise, pass its negative."""
    best_epoch: int = 0
    """The epoch of that value, counted from 1; 0 before the first."""
    waited: int = 0
    """Epochs since then: the log's "Patience"."""


def update(stopping: EarlyStopping, epoch: int, value: float) -> EarlyStopping:
    """The state after `epoch`; only a value strictly lower than all before is a new best."""
    if value < stopping.best_value:
        return EarlyStopping(value, epoch, 0)
    return stopping._replace(waited=stopping.waited + 1)
