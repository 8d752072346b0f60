"""What the release of the images changes: the shift expected between report 1's test images and today's."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from experiments.analysis.release import CONVNETS, FEATURES, MLP, Share
from experiments.engine.figures import Measured, figure, has_figures
from experiments.engine.spec import Row
from fmnist_jax.config.model import ModelConfig

NORMAL_95 = 1.96
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""


class Shift(NamedTuple):
    """An accuracy expected on the images that a report used, less the one measured here, in points."""

    mean: float
    error: float
    """Standard deviation by the choice of the images and by the splits."""

    @property
    def margin(self) -> float:
        """Half the width of the 95 % interval."""
        return NORMAL_95 * self.error


def kind_of(row: Row, column: str) -> str:
    """Which kind of network a figure belongs to."""
    name = column.rpartition(".")[0] or row.run.stages[-1].name
    if name != row.run.stages[0].name:
        return FEATURES
    return MLP if takes_flattened_images(row.run.stages[0].model) else CONVNETS


def takes_flattened_images(model: ModelConfig) -> bool:
    """Whether a first stage's model is an MLP on pixels, by the shape of its inputs."""
    return len(model.input_shape) == 1


def expected_shift(
    row: Row, column: str, runs: Sequence[Measured], shares: Mapping[str, Share]
) -> Shift | None:
    """The shift of a reported test accuracy, by `shares` of the early release's experiment, else None.

    The early release's test images are expected to be as hard as those of a re-split. So the mean is the
    share s of the row's own gap g (validation less test accuracy) that re-splits remove: s g. Its error
    is sqrt(t (1 - t) / n + (se(s) g)^2), with the test accuracy t of n images, for the choice of the images
    and for the share.
    """
    validation = column.replace("test_", "validation_")
    needed = (column, validation, f"{column.removesuffix('accuracy')}confusion")
    share = shares.get(kind_of(row, column))
    if share is None or not column.endswith("test_accuracy") or not runs:
        return None
    if not all(has_figures(run, needed) for run in runs):
        return None
    test, valid = (statistics.fmean(figure(run, name) for run in runs) for name in needed[:2])
    t, gap = test / 100, valid - test
    binomial = 100 * math.sqrt(t * (1 - t) / sum(map(sum, figure(runs[0], needed[2]))))
    return Shift(share.mean * gap, math.hypot(binomial, share.error * gap))
