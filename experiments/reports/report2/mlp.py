"""Report 2's MLP: two hidden ReLU layers, Adam, the weights of the best validation accuracy.

Command: `python -m experiments.reports.report2.mlp --seeds 3`
Measured, mean ± standard deviation over seeds 0, 1, 2 (in brackets what the report says, of one run):

|                          | test accuracy        | validation accuracy | best epoch    | seeds |
|--------------------------|----------------------|---------------------|---------------|-------|
| 784,256,128,10 relu adam | 89.02 ± 0.16 (88.32) | 90.13 ± 0.05        | 38.67 ± 14.47 | 3     |

The report gives no widths (256 and 128 here) and no initialiser (random here, as in report 1).

One core of a two-core AMD EPYC a process, JAX 0.10.2, Python 3.11.7: 5 minutes of runs, beside other work.
"""

from experiments.engine.runner import REPORTED, Experiment, Row, main
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.runs.run import MLPRun
from fmnist_jax.scratch.initializers import random
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import adam

ENTRY = REPORTED["report_2"][0]

EXPERIMENT = Experiment(
    name="report2_mlp",
    title="Report 2: an MLP trained by Adam, stopped on validation accuracy",
    rows=(
        Row(
            "784,256,128,10 relu adam",
            MLPRun(
                model=MLPConfig((784, 256, 128, 10), initializer=random),
                training=TrainingConfig(
                    epochs=ENTRY["epochs"],
                    batch_size=ENTRY["batch_size"],
                    optimizer=adam,
                    learning_rate=ENTRY["learning_rate"],
                    monitor="accuracy",
                    patience=None,
                ),
                scaling=UNIT,
            ),
            {"test_accuracy": ENTRY["test_accuracy"]},
        ),
    ),
    columns=("test_accuracy", "validation_accuracy", "best_epoch"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
