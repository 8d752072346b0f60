"""Report 1's pipeline beyond the report's protocol: rates, dropout and augmentation, on validation.

Command: `python -m experiments report1/tuned_selection --seeds 1`
"""

from typing import Any

from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.reports.report1 import table2
from fmnist_jax.models.five_conv import FiveConv
from fmnist_jax.runs.config import Run
from fmnist_jax.runs.presets.pipeline import NETWORK, pipeline
from fmnist_jax.training.augmentation import Augmentation, flip, flip_and_shift

MAIN_JOB = pipeline()

BEST = "wide, cosine, batch 64, mirrored and moved, 20 epochs"
"""The row that report1/tuned tests: the best one on validation."""


def with_training(**changes: Any) -> Run:
    """The main job with another training of its convolutional network."""
    return change(MAIN_JOB, "convnet", training=changes)


def with_augmentation(network: FiveConv, augmentation: Augmentation, **training: Any) -> Run:
    """The main job for a network, with random changes of its training images."""
    return change(
        pipeline(network),
        "convnet",
        training={
            "augmentation": augmentation, "monitor": "accuracy", "patience": None, **training,
        },
    )  # fmt: skip


EXPERIMENT = Experiment(
    module=__name__,
    title="Report 1's pipeline, tuned on the validation split",
    rows=(
        Row("table 2's training", table2.EXPERIMENT.row("max 16,32,64,128,256 3x3 random").run),
        Row("cosine", MAIN_JOB),
        Row("cosine, epoch by accuracy", with_training(monitor="accuracy")),
        Row("cosine from 0.002", with_training(learning_rate=0.002)),
        Row("cosine from 0.002, batch 64", with_training(learning_rate=0.002, batch_size=64)),
        Row("cosine, MLP dropout 0.2", change(MAIN_JOB, "mlp", model={"dropout": 0.2})),
        Row("cosine, MLP dropout 0.5", change(MAIN_JOB, "mlp", model={"dropout": 0.5})),
        Row("cosine, mirrored", with_augmentation(NETWORK, flip)),
        Row(
            "cosine, mirrored and moved, 20 epochs",
            with_augmentation(NETWORK, flip_and_shift, epochs=20),
        ),
        Row(BEST, with_augmentation(FiveConv(), flip_and_shift, epochs=20, batch_size=64)),
    ),
    columns=(
        "convnet.validation_accuracy", "convnet.best_validation_loss", "mlp.validation_accuracy",
        "mlp.best_validation_loss", "convnet.best_epoch", "mlp.best_epoch",
    ),
    splits=("train", "validation"),
    reproduces="report 1: the pipeline, tuned on validation",
    seconds=150,
    most_seeds=1,
    notes=(
        "All rows but the last train the network of table 2's fourth row, for ten epochs as in "
        "the report, unless the name says otherwise. The first row is table 2's own. The second"
        " row is the main job (`fmnist-jax train`). Every other row changes the second row as "
        'its name says. "mirrored" flips training images left to right at random; "moved" also '
        "shifts them by at most one pixel. Rows with such images keep the weights of the "
        'highest validation accuracy. "wide" is the network of table 2\'s best row. The test '
        "split is not used.",
        "The cosine schedule and dropout give the MLP no clear gain. Mirrored images improve "
        "the accuracy, mirrored and moved images with 20 epochs improve it more, and the wide "
        "network improves it most. That row is the best of the ten in every column of accuracy "
        "and loss, so report1/tuned measures it on the test images.",
    ),
)  # fmt: skip
