"""Report 2's "Stride length: 2", read as the stride of the convolutions too, on the validation split.

Command: `python -m experiments report2/strides --seeds 1`
"""

from attrs import evolve

from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.reports.report2 import convnet
from fmnist_jax.runs.presets import small_cnn

EPOCHS = 30

BLOCKS = tuple(evolve(block, stride=2, padding=None) for block in small_cnn.MODEL.blocks)
"""Padding 2: maps of 28, 14, 7, 4, 2. Without padding no 2x2 map is left for the second pooling."""

EXPERIMENT = Experiment(
    module=__name__,
    title="Report 2: convolutions of stride 2",
    rows=(
        Row(
            "convolutions and poolings of stride 2",
            change(convnet.RUN, "convnet", model={"blocks": BLOCKS}, training={"epochs": EPOCHS}),
        ),
    ),
    columns=("validation_accuracy", "best_validation_loss", "best_epoch"),
    splits=("train", "validation"),
    reproduces="report 2: what has a stride of 2",
    seconds=60,
    most_seeds=1,
    notes=("The first 30 epochs of the report's training.",),
)
