"""Report 1, table 1, in the protocol that its logs suggest: batches of 32, and a least improvement of 0.001.

Command: `python -m experiments report1/table1_protocol --seeds 2`
"""

from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.reports.report1 import table1

BATCH_SIZE, MIN_DELTA = 32, 0.001

TABLE_READING = "784,256,128,10 gelu dropout 0.2"
"""The last row as the report's table writes it; its log is the other reading's."""


def row(entry: Row) -> Row:
    """A row of table 1 in this protocol."""
    changes = {"batch_size": BATCH_SIZE, "min_delta": MIN_DELTA}
    return Row(entry.name, change(entry.run, "mlp", training=changes), entry.reported)


EXPERIMENT = Experiment(
    module=__name__,
    title="Report 1, table 1: batches of 32, a least improvement of 0.001",
    rows=tuple(row(entry) for entry in table1.EXPERIMENT.rows if entry.name != TABLE_READING),
    columns=table1.COLUMNS,
    reproduces="report 1, table 1: batch size and early stopping as its logs suggest",
    seconds=45,
    notes=(
        "Table 1's eight logged rows. report1/table1 has the same rows with batches of 16 and "
        "without a least improvement.",
    ),
)
