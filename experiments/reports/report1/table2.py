"""Report 1, table 2: five convolutions, and the scratch MLP on their features, fourteen rows.

Command: `python -m experiments report1/table2 --seeds 3`
"""

from typing import Any

from experiments.engine.spec import Experiment, Row
from experiments.reports.reported import REPORTED
from fmnist_jax.models.five_conv import POOLING_PLANS, FiveConv
from fmnist_jax.runs.config import Run
from fmnist_jax.runs.presets import five_conv
from fmnist_jax.runs.presets.pipeline import pipeline
from fmnist_jax.scratch.initializers import INITIALIZERS
from fmnist_jax.training.config import TrainingConfig

INITIALIZER_NAMES = {"random": "random", "xavier": "xavier-uniform", "he": "he-uniform"}
"""The report's names, and ours."""

COLUMNS = (
    "convnet.test_accuracy", "mlp.test_accuracy", "mlp.stopped_epoch", "mlp.best_epoch",
    "convnet.validation_accuracy", "mlp.validation_accuracy",
)  # fmt: skip

PATIENCE = 5
"""Of the rows whose epochs the report doesn't give; most that it gives have it."""

LEARNING_RATE = 0.01
"""Of the MLP on the features."""


def run_of(network: FiveConv, patience: int = PATIENCE) -> Run:
    """Report 1's training of a network and of the MLP on its features."""
    mlp_training = TrainingConfig(
        epochs=200, batch_size=16, learning_rate=LEARNING_RATE, patience=patience
    )
    return pipeline(network, five_conv.TRAINING, mlp_training)


def network_of(entry: dict[str, Any]) -> FiveConv:
    """The network of an entry in reported.json."""
    return FiveConv(
        filters=tuple(entry["filters"]),
        kernels=(entry["kernel"],),
        pooling=POOLING_PLANS[entry["pooling"]],
        hidden=entry["hidden"],
        initializer=INITIALIZERS[INITIALIZER_NAMES[entry["initializer"]]],
    )


def row(entry: dict[str, Any]) -> Row:
    """A row from its entry in reported.json."""
    filters, kernel = ",".join(map(str, entry["filters"])), entry["kernel"]
    patience = PATIENCE
    if "mlp.stopped_epoch" in entry:
        patience = entry["mlp.stopped_epoch"] - entry["mlp.best_epoch"]
    return Row(
        f"{entry['pooling']} {filters} {kernel}x{kernel} {entry['initializer']}",
        run_of(network_of(entry), patience),
        {name: entry[name] for name in COLUMNS if entry.get(name) is not None},
    )


EXPERIMENT = Experiment(
    module=__name__,
    title="Report 1, table 2: five convolutions, and the scratch MLP on their features",
    rows=tuple(map(row, REPORTED["report_1"]["five_conv"])),
    columns=COLUMNS,
    reported_on="early",
    reproduces="report 1, table 2: five convolutions, the MLP on their features",
    seconds=180,
    notes=(
        "The report leaves several points open. Used here for the convnet: Adam with learning "
        "rate 0.001, and batch size 32, which was chosen on the validation split "
        '(report1/table2_selection). The initialisers "xavier" and "he" are uniform; "random" '
        "is uniform between `-1/sqrt(fan_in)` and `1/sqrt(fan_in)`, for weights and biases. In "
        "the rows with sixteen filters the hidden layer has 32 units, as in the report's logs "
        "(its table says 512).",
        'Used here for the MLP: batch size 16 and the initialiser "random", as in table 1; no '
        "dropout; and learning rate 0.01, chosen on the validation split. The features are "
        "scaled to z-scores, as the report's MLP scales pixels. The patience follows from the "
        "report's epochs: 10 in the rows with sixteen filters, 5 in the others.",
        '"global" is defined as in the report: the mean over the whole map after each '
        "convolution except the last. The convnet keeps the weights of the epoch with the "
        "lowest validation loss.",
        'These rows are more than half a point below the report, all with max pooling: "he" '
        '(the convnet by 0.96 points, the MLP by 0.80), "random" (0.72 and 0.54), and the two '
        "widest networks (the MLP by 1.08, and by 1.09 with one seed). Three changes were "
        "tested on the validation split (report1/table2_selection). Batch size 64 and the MLP's"
        " learning rate 0.001 do not help. Choosing the epoch by validation accuracy gains 0.24"
        ' points with "he".',
        "In these rows validation accuracy is 0.8 to 1.0 points above test accuracy. Except for"
        ' "random", the report\'s test accuracies are within 0.18 points of our validation '
        'accuracies. With "he" the report has 91.30 and 91.69, our validation accuracies are '
        "91.14 and 91.69. For the widest networks the report has 92.37 and 92.35, ours are "
        "92.20 and 92.17. A part of the cause is the release of the images: the report was "
        "measured on the early release (docs/release.md). With the shift that is expected from it, "
        "16 of the 26 reported accuracies are reproduced, ten are exceeded, all with average or "
        "global pooling, and none is missed. The report's best figure, 92.37, is the highest of its fourteen "
        "test accuracies.",
    ),
)
