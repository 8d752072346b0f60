"""Report 1's pipeline beyond the report's protocol: what rate, dropout and augmentation gain, on validation.

Command: `python -m experiments report1/tuned_selection --seeds 1`
"""

from dataclasses import replace
from typing import Any

from experiments.engine.spec import Experiment, Row
from experiments.reports.report1 import table2 as report1_table2
from fmnist_jax.models.architectures import FiveConv
from fmnist_jax.runs.pipeline import MAIN_NETWORK, PipelineRun
from fmnist_jax.training.augmentation import Augmentation, mirrored, mirrored_and_moved

(PROTOCOL,) = (
    row.run
    for row in report1_table2.EXPERIMENT.rows
    if row.name == "max 16,32,64,128,256 3x3 random" and isinstance(row.run, PipelineRun)
)
MAIN_JOB = PipelineRun()

WIDE = "wide, cosine, batch 64, mirrored and moved, 20 epochs"
"""The one that `report1_tuned` tests."""

FASTER = replace(MAIN_JOB.network_training, learning_rate=0.002)


def with_dropout(rate: float) -> PipelineRun:
    """The main job, its MLP trained with dropout."""
    mlp = replace(MAIN_JOB.model.mlp, dropout=rate)
    return replace(MAIN_JOB, model=replace(MAIN_JOB.model, mlp=mlp))


def with_changed_images(
    network: FiveConv, augmentation: Augmentation, **training: Any
) -> PipelineRun:
    """The main job for a network, its training images changed anew in every step."""
    run = PipelineRun.of(network)
    return replace(
        run,
        network_training=replace(
            run.network_training,
            augmentation=augmentation,
            monitor="accuracy",
            patience=None,
            **training,
        ),
    )


EXPERIMENT = Experiment(
    module=__name__,
    title="Report 1's pipeline, tuned on the validation split",
    rows=(
        Row("table 2's training", PROTOCOL),
        Row("cosine", MAIN_JOB),
        Row(
            "cosine, epoch by accuracy",
            replace(
                MAIN_JOB, network_training=replace(MAIN_JOB.network_training, monitor="accuracy")
            ),
        ),
        Row("cosine from 0.002", replace(MAIN_JOB, network_training=FASTER)),
        Row(
            "cosine from 0.002, batch 64",
            replace(MAIN_JOB, network_training=replace(FASTER, batch_size=64)),
        ),
        Row("cosine, MLP dropout 0.2", with_dropout(0.2)),
        Row("cosine, MLP dropout 0.5", with_dropout(0.5)),
        Row("cosine, mirrored", with_changed_images(MAIN_NETWORK, mirrored)),
        Row(
            "cosine, mirrored and moved, 20 epochs",
            with_changed_images(MAIN_NETWORK, mirrored_and_moved, epochs=20),
        ),
        Row(WIDE, with_changed_images(FiveConv(), mirrored_and_moved, epochs=20, batch_size=64)),
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
        "The network of table 2's fourth row, ten epochs as in the report. The first row is table "
        "2's own, the second is the main job (`fmnist-jax train`); each other row differs from "
        "the second in what its name says. Rows with mirrored (and moved, by at most one pixel) "
        "images keep the epoch of the best validation accuracy; the wide one is the network of "
        "table 2's best row. The test split is not used.",
        "Neither the cosine schedule nor dropout gains anything here. Mirrored images do, moved "
        "ones more, and the wide network most: it is the best of these ten rows in every column "
        "of accuracy and loss, so report1/tuned tests it.",
    ),
)  # fmt: skip
