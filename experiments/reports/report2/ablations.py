"""Report 2's claims beyond its two rows: the stopping rule, and dropout with wider layers.

Command: `python -m experiments report2/ablations --seeds 5`
"""

from dataclasses import replace

from experiments.engine.spec import Experiment, Row
from experiments.reports.report2 import mlp as report2_mlp
from fmnist_jax.runs.run import MLPRun

(BASE_ROW,) = report2_mlp.EXPERIMENT.rows
assert isinstance(BASE_ROW.run, MLPRun)
BASE = BASE_ROW.run

WIDER = replace(BASE.model, layer_sizes=(784, 512, 256, 10))
DROPOUT = 0.5

EXPERIMENT = Experiment(
    module=__name__,
    title="Report 2's claims: stopping on the loss, and dropout with wider layers",
    rows=(
        Row("stopped on the loss", replace(BASE, training=replace(BASE.training, monitor="loss"))),
        Row("wider", replace(BASE, model=WIDER)),
        Row(f"wider, dropout {DROPOUT:g}", replace(BASE, model=replace(WIDER, dropout=DROPOUT))),
    ),
    columns=("test_accuracy", "validation_accuracy", "train_loss", "validation_loss", "best_epoch"),
    reproduces="report 2: stopping rules; dropout with wider layers",
    seconds=55,
    notes=(
        "The row of report2/mlp with one thing changed a row: the weights of the lowest "
        "validation loss instead of the highest validation accuracy; hidden layers of double "
        "width, with dropout 0.5, which leaves as many units active as before, and without. The "
        "report gives neither widths nor its dropout rate. The verdicts: `python -m experiments "
        "claims`.",
    ),
)
