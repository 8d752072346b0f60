"""Report 1's "he" and "xavier": every reading of the words, against the first epoch of the report's logs.

Command: `python -m experiments report1/initializers --seeds 3`
"""

from typing import Any

from experiments.engine.candidates import CANDIDATES
from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.reports.reported import LOGS
from fmnist_jax.data.scaling import SYMMETRIC
from fmnist_jax.models.five_conv import POOLING_PLANS, FiveConv
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.presets import five_conv
from fmnist_jax.scratch.initializers import INITIALIZERS

FILTERS, HIDDEN = (16, 32, 64, 128, 256), 512
"""Of the rows that the report trained with each initialiser."""

POOLINGS = ("max", "avg", "global")

FIRST_LOSSES = {
    (log["initializer"], log["pooling"]): log["log"][0]["train_loss"]
    for log in LOGS["report_1_cnn"]
    if tuple(log["filters"]) == FILTERS
}
"""The training loss of the first epoch, by the report's names."""

RANDOM = INITIALIZERS["random"]
FORMS = tuple(
    f"{shape}, {biases} biases" for shape in ("uniform", "normal") for biases in ("zero", "default")
)
UNIFORM = FORMS[:2]


def readings(names: tuple[str, ...], forms: tuple[str, ...] = UNIFORM) -> dict[str, dict[str, Any]]:
    """On all layers, on convolutions alone, and on dense layers alone; the others "random"."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        for form in forms:
            initializer = CANDIDATES[f"{name} {form}"]
            changes = {
                "all layers": (initializer, None),
                "convolutions": (initializer, RANDOM),
                "dense layers": (RANDOM, initializer),
            }
            for scope, (blocks, dense) in changes.items():
                found[f"{name} {form}, {scope}"] = {
                    "initializer": blocks,
                    "dense_initializer": dense,
                }
    return found


READINGS = {
    "random": {"random": {"initializer": RANDOM}},
    "he": {
        **readings(("he",), FORMS),
        **readings(("he fan_out", "he gain 1", "he gain 1 fan_out", "he as limit")),
    },
    "xavier": {
        **readings(("xavier",), FORMS),
        **readings(("xavier gain sqrt 2", "xavier as limit", "xavier 1 as limit")),
    },
    "both": readings(("default weights",), ("uniform, zero biases",)),
}
"""Changes of the network, by the report's name and the reading; "both" is compared with both."""

CLOSEST = (
    "random",
    "he uniform, zero biases, all layers",
    "he uniform, zero biases, convolutions",
    "he uniform, zero biases, dense layers",
    "he normal, zero biases, all layers",
    "he fan_out uniform, zero biases, all layers",
    "he fan_out uniform, zero biases, convolutions",
    "he gain 1 uniform, zero biases, all layers",
    "he gain 1 uniform, zero biases, convolutions",
    "he gain 1 fan_out uniform, zero biases, all layers",
    "he as limit uniform, zero biases, all layers",
    "xavier uniform, zero biases, all layers",
    "xavier uniform, zero biases, convolutions",
    "xavier uniform, default biases, all layers",
    "xavier normal, zero biases, all layers",
    "xavier as limit uniform, zero biases, all layers",
    "default weights uniform, zero biases, all layers",
)
"""Readings that are tried at the batch size of the logs' later epochs, too."""

WITH_AVERAGE = (
    "random",
    "he uniform, zero biases, all layers",
    "he uniform, zero biases, convolutions",
    "he uniform, zero biases, dense layers",
    "he as limit uniform, zero biases, all layers",
    "xavier uniform, zero biases, all layers",
    "xavier as limit uniform, zero biases, all layers",
    "default weights uniform, zero biases, all layers",
)
WITH_MAX = (
    "random",
    "he uniform, zero biases, dense layers",
    "he gain 1 fan_out uniform, zero biases, all layers",
    "he as limit uniform, zero biases, all layers",
    "xavier uniform, zero biases, all layers",
    "xavier as limit uniform, zero biases, all layers",
    "default weights uniform, zero biases, all layers",
)
"""Those of them that are tried with the slower poolings: the nearest to the report with the global one."""

NETWORKS = {
    pooling: FiveConv(FILTERS, pooling=POOLING_PLANS[pooling], hidden=HIDDEN).network
    for pooling in POOLINGS
}
CHANGES = {
    reading: (name, changes)
    for name, found in READINGS.items()
    for reading, changes in found.items()
}


BATCH_SIZES = (five_conv.TRAINING.batch_size, 64)
"""The present protocol's, and the one that the logs' later epochs fit."""


def row_name(reading: str, pooling: str, batch_size: int) -> str:
    """The row of a reading."""
    at = "" if batch_size == five_conv.TRAINING.batch_size else f", batch {batch_size}"
    return f"{pooling}: {reading}{at}"


def row(reading: str, pooling: str, batch_size: int) -> Row:
    """One reading with one pooling: one epoch."""
    stage = Stage("convnet", NETWORKS[pooling], five_conv.TRAINING, SYMMETRIC)
    name, changes = CHANGES[reading]
    training = {"epochs": 1, "patience": None, "batch_size": batch_size}
    run = change(Run((stage,)), "convnet", model=changes, training=training)
    reported = {} if name == "both" else {"best_train_loss": FIRST_LOSSES[name, pooling]}
    return Row(row_name(reading, pooling, batch_size), run, reported)


EXPERIMENT = Experiment(
    module=__name__,
    title="Report 1's initialisers: the training loss of the first epoch",
    rows=(
        *(row(reading, "global", 32) for reading in CHANGES),
        *(row(reading, "global", 64) for reading in CLOSEST),
        *(row(reading, "avg", 64) for reading in WITH_AVERAGE),
        *(row(reading, "max", 64) for reading in WITH_MAX),
    ),
    columns=("best_train_loss", "best_validation_loss"),
    splits=("validation",),
    reported_on="early",
    reproduces='report 1: what its "he" and "xavier" are',
    seconds=12,
    most_seeds=3,
    notes=(
        "Training losses of the first epoch, Adam 0.001, batches of 32 or 64; in brackets the report's. "
        '"As limit": the standard deviation taken for the limit of a uniform distribution. "Default '
        'biases" are uniform in +-1/sqrt(fan_in). Layers that a reading leaves out are "random". No '
        "reading fits all six rows: docs/open-points.md.",
    ),
)
