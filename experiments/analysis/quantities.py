"""What claims compare: figures of a measured run, with their units."""

import statistics
from collections.abc import Callable
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

    name: str
    unit: str
    read: Callable[[Measured], float]


def of_column(name: str, unit: str, column: str) -> Quantity:
    """The figure of one column."""
    return Quantity(name, unit, lambda run: figure(run, column))


def best_epoch(name: str, sign: int) -> Quantity:
    """The epoch of the lowest (sign 1) or highest (-1) value in the history, counted from 1."""

    def read(run: Measured) -> float:
        values = [sign * value for value in figure(run, "history")[name]]
        return 1.0 + values.index(min(values))

    return Quantity(f"epoch of the best {name.replace('_', ' ')}", EPOCHS, read)


def generalisation_gap(run: Measured) -> float:
    """Validation loss less training loss."""
    return figure(run, "validation_loss") - figure(run, "train_loss")


def mean_rise(run: Measured) -> float:
    """How much the validation loss rises from one epoch to the next, on average; a fall counts as 0."""
    losses = figure(run, "history")["validation_loss"]
    rises = [max(0.0, after - before) for before, after in pairwise(losses)]
    return statistics.fmean(rises or [0.0])


TEST = of_column("test accuracy", POINTS, "test_accuracy")
TRAIN = of_column("training accuracy", POINTS, "train_accuracy")
CONVNET_TEST = of_column("test accuracy of the convnet's own head", POINTS, "convnet.test_accuracy")
MLP_TEST = of_column("test accuracy of the MLP on its features", POINTS, "mlp.test_accuracy")
GAP = Quantity("validation less training loss", LOSS, generalisation_gap)
RISE = Quantity("mean rise of the validation loss", LOSS, mean_rise)
EPOCH = of_column("best epoch", EPOCHS, "best_epoch")
OF_LOSS = best_epoch("validation_loss", 1)
OF_ACCURACY = best_epoch("validation_accuracy", -1)


def epochs_differ(run: Measured) -> bool:
    """Whether the lowest validation loss and the highest validation accuracy fall in different epochs."""
    return OF_LOSS.read(run) != OF_ACCURACY.read(run)
