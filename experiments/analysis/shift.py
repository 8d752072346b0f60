"""What the release of the images changes: the shift expected between report 1's test images and today's."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from experiments.analysis.intervals import Interval
from experiments.engine.figures import Measured, figure, has_figures
from fmnist_jax.data.dataset import ReleaseName

NORMAL_95 = 1.96
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""


class Shift(NamedTuple):
    """An accuracy expected on the images that a report used, less the one measured here, in points."""

    mean: float
    error: float
    """Standard deviation by the choice of the images, as of two binomial samples."""

    @property
    def margin(self) -> float:
        """Half the width of the 95 % interval."""
        return NORMAL_95 * self.error

    @property
    def interval(self) -> Interval:
        """The 95 % interval."""
        return Interval(self.mean - self.margin, self.mean + self.margin)


def expected_shift(column: str, runs: Sequence[Measured], reported_on: ReleaseName) -> Shift | None:
    """The shift of a test accuracy that was reported on the early release; None for all other figures.

    In the early release test images are as easy as validation images, and re-splits show that nothing else
    lowers test accuracies here (docs/release.md). So the validation accuracy v is what to expect:
    the mean is v less the test accuracy, the error sqrt(v (1 - v) (1 / n_validation + 1 / n_test)).
    """
    validation = column.replace("test_", "validation_")
    confusions = [f"{column.removesuffix('accuracy')}confusion" for column in (column, validation)]
    needed = (column, validation, *confusions)
    if reported_on != "early" or not column.endswith("test_accuracy") or not runs:
        return None
    if not all(has_figures(run, needed) for run in runs):
        return None
    tests, validations = ([figure(run, name) for run in runs] for name in (column, validation))
    v = statistics.fmean(validations) / 100
    sizes = [sum(map(sum, figure(runs[0], name))) for name in confusions]
    error = 100 * math.sqrt(v * (1 - v) * sum(1 / size for size in sizes))
    return Shift(100 * v - statistics.fmean(tests), error)
