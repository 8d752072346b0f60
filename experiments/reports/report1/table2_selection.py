"""What report 1 leaves open of table 2, chosen on validation: batch size, epoch, learning rate of the MLP.

Command: `python -m experiments report1/table2_selection --seeds 1`
"""

from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.reports.report1 import table2

NETWORKS = (
    "max 16,16,16,16,16 3x3 random",
    "max 16,32,64,128,256 3x3 random",
    "max 16,32,64,128,256 3x3 he",
)
"""Rows of table 2."""


def candidates(row: Row) -> tuple[Row, ...]:
    """A row of table 2 as it is, and with one thing changed."""
    run, name = row.run, row.name
    return (
        Row(name, run),
        Row(f"{name}, batch 64", change(run, "convnet", training={"batch_size": 64})),
        Row(f"{name}, epoch by accuracy", change(run, "convnet", training={"monitor": "accuracy"})),
        Row(f"{name}, MLP lr 0.001", change(run, "mlp", training={"learning_rate": 0.001})),
    )


EXPERIMENT = Experiment(
    module=__name__,
    title="Table 2's open points, on the validation split",
    rows=tuple(
        candidate
        for name in NETWORKS
        for candidate in candidates(table2.EXPERIMENT.row(name))
    ),
    columns=(
        "convnet.validation_accuracy", "convnet.best_validation_loss", "mlp.validation_accuracy",
        "mlp.best_validation_loss", "mlp.best_epoch", "mlp.stopped_epoch",
    ),
    splits=("train", "validation"),
    reproduces="report 1: what it leaves open of table 2",
    seconds=150,
    most_seeds=1,
    notes=(
        "Three networks of table 2, each without a change and with one of three changes. The "
        "test split is not used.",
        "Batch size 64 is worse than 32 for all three networks. With learning rate 0.001 the "
        "MLP is not more accurate than with 0.01 and needs about ten times as many epochs; on "
        "the narrow network it has not converged after 200 epochs. Choosing the convnet's epoch"
        " by the highest validation accuracy instead of the lowest loss changes nothing with "
        '"random", where both are the same epoch. With "he" it gains 0.24 points for the MLP. '
        "Table 2 uses batch size 32, learning rate 0.01 and the lowest loss, which the report's"
        " early stopping monitors.",
    ),
)  # fmt: skip
