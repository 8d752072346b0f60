"""What claims compare: figures of runs, and how they are held against each other."""

import statistics
from itertools import pairwise
from operator import itemgetter

from experiments.analysis.effects import (
    EPOCHS,
    LOSS,
    POINTS,
    Comparison,
    Figure,
    Pair,
    Quantity,
    Runs,
)

MATTERS = {POINTS: 0.1, LOSS: 0.01, EPOCHS: 1.0}
"""The least effect that counts as one: "does not hold" is said where the whole interval is below it. A
tenth of a point is ten of the test images, and what the reports' own comparisons turn on."""


def best_epoch(name: str, sign: int) -> Quantity:
    """The epoch of the lowest (sign 1) or highest (-1) figure of that name, counted from 1."""

    def read(run: Runs) -> float:
        values = [sign * value for value in run["history"][name]]
        return 1.0 + values.index(min(values))

    return Quantity(f"epoch of the best {name.replace('_', ' ')}", EPOCHS, read)


def mean_rise(run: Runs) -> float:
    """How much the validation loss rises from an epoch to the next, falls counting as none, on average."""
    losses = run["history"]["validation_loss"]
    steps = [max(0.0, after - before) for before, after in pairwise(losses)]
    return statistics.fmean(steps or [0.0])


TEST = Quantity("test accuracy", POINTS, itemgetter("test_accuracy"))
TRAIN = Quantity("training accuracy", POINTS, itemgetter("train_accuracy"))
HEAD = Quantity("own head's test accuracy", POINTS, itemgetter("cnn_test_accuracy"))
FEATURES = Quantity("test accuracy of the MLP on features", POINTS, itemgetter("mlp_test_accuracy"))
GAP = Quantity(
    "validation less training loss", LOSS, lambda run: run["validation_loss"] - run["train_loss"]
)
RISE = Quantity("mean rise of the validation loss", LOSS, mean_rise)
EPOCH = Quantity("best epoch", EPOCHS, itemgetter("best_epoch"))
OF_LOSS = best_epoch("validation_loss", 1)
OF_ACCURACY = best_epoch("validation_accuracy", -1)


def epochs_differ(run: Runs) -> bool:
    """Whether the lowest validation loss and the highest validation accuracy fall in different epochs."""
    return OF_LOSS.read(run) != OF_ACCURACY.read(run)


def pair(quantity: Quantity, experiment: str, more: str, less: str) -> Pair:
    """Two rows of one experiment."""
    return across(quantity, (experiment, more), (experiment, less))


def across(quantity: Quantity, more: tuple[str, str], less: tuple[str, str]) -> Pair:
    """Two rows, each by its experiment and name."""
    return Figure(*more, quantity), Figure(*less, quantity)


def greater(name: str, *pairs: Pair) -> Comparison:
    """First more than second."""
    return Comparison(name, pairs, 0.0, MATTERS[pairs[0][0].quantity.unit])


def no_less(name: str, margin: float, *pairs: Pair) -> Comparison:
    """First no less than second, give or take the margin."""
    return Comparison(f"{name}, give or take {margin:g}", pairs, -margin, -margin)
