"""Report 2's claims that its two rows don't tell: the stopping rule, and dropout with wider layers.

Command: `python -m experiments.report2_claims --seeds 5`

`report2_mlp`'s row with one thing changed a row: the weights of the lowest validation loss instead of the
highest validation accuracy; hidden layers twice as wide, with dropout 0.5, which leaves as many units at
work as before, and without. The report gives neither widths nor the rate of its dropout. The claims'
verdicts: `python -m experiments claims`.
"""

from dataclasses import replace

from experiments import report2_mlp
from experiments.protocol import Experiment, Row, main
from fmnist_jax.runs import MLPRun

(BASE_ROW,) = report2_mlp.EXPERIMENT.rows
assert isinstance(BASE_ROW.run, MLPRun)
BASE = BASE_ROW.run

WIDER = replace(BASE.model, layer_sizes=(784, 512, 256, 10))
DROPOUT = 0.5

EXPERIMENT = Experiment(
    name="report2_claims",
    title="Report 2's claims: stopping on the loss, and dropout with wider layers",
    rows=(
        Row("stopped on the loss", replace(BASE, training=replace(BASE.training, monitor="loss"))),
        Row("wider", replace(BASE, model=WIDER)),
        Row(f"wider, dropout {DROPOUT:g}", replace(BASE, model=replace(WIDER, dropout=DROPOUT))),
    ),
    columns=("test_accuracy", "validation_accuracy", "train_loss", "validation_loss", "best_epoch"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
