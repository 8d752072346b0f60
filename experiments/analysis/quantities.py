"""What claims compare: figures of a measured run, with their units."""

import statistics
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from experiments.engine.figures import Measured, figure

POINTS, LOSS, EPOCHS, RUNS = "points", "loss", "epochs", "% of runs"
"""Units: percentage points of accuracy, nats of loss, epochs, percent of runs."""

MATTERS = {POINTS: 0.1, LOSS: 0.01, EPOCHS: 1.0, RUNS: 5.0}
"""The smallest difference that matters, by unit. A tenth of a point is ten of the test images; the reports'
own comparisons turn on differences of that size."""


class Quantity(NamedTuple):
    """A figure of a run."""

    unit: str
    read: Callable[[Measured], float]


def _column(unit: str, column: str) -> Quantity:
    return Quantity(unit, partial(figure, column=column))


def _best_epoch(run: Measured, name: str, sign: int) -> float:
    """The epoch of the lowest (sign 1) or highest (-1) value in the history, counted from 1."""
    values = [sign * value for value in figure(run, "history")[name]]
    return 1.0 + values.index(min(values))


def mean_rise(run: Measured) -> float:
    """How much the validation loss rises from one epoch to the next, on average; a fall counts as 0."""
    losses = figure(run, "history")["validation_loss"]
    rises = [max(0.0, after - before) for before, after in pairwise(losses)]
    return statistics.fmean(rises or [0.0])


TEST = _column(POINTS, "test_accuracy")
TRAIN = _column(POINTS, "train_accuracy")
CONVNET_TEST = _column(POINTS, "convnet.test_accuracy")
MLP_TEST = _column(POINTS, "mlp.test_accuracy")
GAP = Quantity(LOSS, lambda run: figure(run, "validation_loss") - figure(run, "train_loss"))
RISE = Quantity(LOSS, mean_rise)
EPOCH = _column(EPOCHS, "best_epoch")
OF_LOSS = Quantity(EPOCHS, partial(_best_epoch, name="validation_loss", sign=1))
OF_ACCURACY = Quantity(EPOCHS, partial(_best_epoch, name="validation_accuracy", sign=-1))


def epochs_differ(run: Measured) -> bool:
    """Whether the lowest validation loss and the highest validation accuracy fall in different epochs."""
    return OF_LOSS.read(run) != OF_ACCURACY.read(run)
