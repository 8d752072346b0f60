"""Report 3's table as its own figures say it was made: all 60,000 images, no validation split, the last epoch.

Command: `python -m experiments report3/all_images --seeds 3`
"""

from experiments.engine.spec import Experiment, Row
from experiments.reports.report3 import lenet
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.runs.config import Run
from fmnist_jax.scratch.losses import SOFTMAX_TWICE

DATA = DataConfig(validation_fraction=0)


def row(entry: Row) -> Row:
    """A row of table 3 on all images."""
    run = Run(entry.run.with_training(keep="last").stages, DATA)
    return Row(entry.name, run, entry.reported)


ROWS = tuple(
    row(entry) for entry in lenet.EXPERIMENT.rows if entry.name.endswith(SOFTMAX_TWICE.name)
)
"""The report's four batch sizes."""

NOT_RUN = "batch 32"

EXPERIMENT = Experiment(
    module=__name__,
    title="Report 3, table 3, on all 60,000 training images, the last epoch kept",
    rows=tuple(one for one in ROWS if NOT_RUN not in one.name),
    columns=(
        *(column for column in lenet.EXPERIMENT.columns if column.startswith("test")),
        "best_train_loss",
    ),
    splits=("test",),
    reproduces="report 3, table 3: without a validation split",
    seconds=150,
    most_seeds=3,
    notes=(
        "The rows of report3/lenet with softmax twice, trained on all training images, and with the "
        "weights of the last of 25 epochs, as the report's loss log and its class accuracies say: "
        'docs/open-points.md. "best train loss" is the last epoch\'s. The row of batch size 32 was not run.',
    ),
)
