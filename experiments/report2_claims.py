"""Report 2's claims that its two rows don't tell: the stopping rule, and dropout with wider layers.

Command: `python -m experiments.report2_claims --seeds 5`
Measured, mean ± standard deviation over seeds 0, 1:

|                     | test accuracy | validation accuracy | train loss      | validation loss | best epoch   | seeds |
|---------------------|---------------|---------------------|-----------------|-----------------|--------------|-------|
| stopped on the loss | 88.68 ± 0.18  | 89.58 ± 0.28        | 0.1956 ± 0.0036 | 0.2886 ± 0.0020 | 13.00 ± 0.00 | 2     |
| wider               | 89.41 ± 0.06  | 90.40 ± 0.14        | 0.0687 ± 0.0099 | 0.4199 ± 0.0601 | 38.00 ± 8.49 | 2     |
| wider, dropout 0.5  | 89.06 ± 0.08  | 90.03 ± 0.09        | 0.1904 ± 0.0080 | 0.2766 ± 0.0042 | 44.50 ± 7.78 | 2     |

`report2_mlp`'s row with one thing changed a row: the weights of the lowest validation loss instead of the
highest validation accuracy; hidden layers twice as wide, with dropout 0.5, which leaves as many units at
work as before, and without. The report gives neither widths nor the rate of its dropout. The claims'
verdicts: `python -m experiments claims`.

One core of a two-core AMD EPYC a process, JAX 0.10.2, Python 3.11.7: 7 minutes of runs, beside other work.
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
