"""Report 2's claims beyond its two rows: the stopping rule, and dropout with wider layers.

Command: `python -m experiments report2/ablations --seeds 5`
"""

from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.reports.report2.mlp import RUN

WIDER = change(RUN, "mlp", model={"layer_sizes": (784, 512, 256, 10)})

EXPERIMENT = Experiment(
    module=__name__,
    title="Report 2's claims: stopping on the loss, and dropout with wider layers",
    rows=(
        Row("stopped on the loss", change(RUN, "mlp", training={"monitor": "loss"})),
        Row("wider", WIDER),
        Row("wider, dropout 0.5", change(WIDER, "mlp", model={"dropout": 0.5})),
    ),
    columns=("test_accuracy", "validation_accuracy", "train_loss", "validation_loss", "best_epoch"),
    reproduces="report 2: stopping rules; dropout with wider layers",
    seconds=55,
    notes=(
        'Each row changes the row of report2/mlp. "stopped on the loss" keeps the weights of '
        "the lowest validation loss instead of those of the highest validation accuracy. "
        '"wider" has hidden layers of double width. "wider, dropout 0.5" adds dropout, so that '
        "on average as many units are active as without both. The report gives neither widths "
        "nor its dropout rate. `python -m experiments claims` prints the verdicts.",
    ),
)
