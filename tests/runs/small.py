"""A small run, for tests of what surrounds training."""

from fmnist_jax.data.scaling import UNIT
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.lock import Origin
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import EpochRecord

RUN = Run((Stage("mlp", MLPConfig((784, 10)), TrainingConfig(), UNIT),))
TWO_STAGES = Run(
    (
        Stage("first", MLPConfig((784, 5, 10)), TrainingConfig(), UNIT),
        Stage("second", MLPConfig((5, 10)), TrainingConfig(), UNIT),
    )
)
ORIGIN = Origin("of the images")
RECORD = EpochRecord(1, 0.5, 0.8, 0.6, 0.75, 0.001, 0)
