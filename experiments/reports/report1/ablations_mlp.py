"""Report 1's claims on the scratch MLP without a row in table 1: dropout 0.5, and learning rates.

Command: `python -m experiments report1/ablations_mlp --seeds 5`
"""

from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.reports.report1 import table1

BASE = table1.EXPERIMENT.rows[0].run
"""784,128,10 relu dropout 0.2."""

LEARNING_RATES = (0.0001, 0.01, 0.1)
"""The report's, in addition to its own 0.001."""


def rate_row(rate: float) -> Row:
    """The first row with another learning rate."""
    run = change(BASE, "mlp", training={"learning_rate": rate})
    return Row(f"learning rate {rate:g}", run)


EXPERIMENT = Experiment(
    module=__name__,
    title="Report 1's claims on the MLP: dropout 0.5 and learning rates, 784,128,10 relu",
    rows=(
        Row("dropout 0.5", change(BASE, "mlp", model={"dropout": 0.5})),
        *map(rate_row, LEARNING_RATES),
    ),
    columns=("test_accuracy", "train_accuracy", "best_epoch", "stopped_epoch"),
    reproduces="report 1: dropout 0.5, learning rates",
    seconds=45,
    notes=(
        "Each row changes one setting of table 1's first row. The claims compare it with that "
        "row, with the same seeds. `python -m experiments claims` prints the verdicts.",
    ),
)
