"""Report 4's MLP, and its runs with decay, dropout and L2, which the report shows by curves alone.

Command: `python -m experiments.reports.report4.mlp --seeds 5`
Measured, mean ± standard deviation over seeds 0, 1, 2, 3, 4 (in brackets what the report says, of one run):

|                                     | train accuracy       | train f1             | validation accuracy  | validation f1        | test accuracy | seeds |
|-------------------------------------|----------------------|----------------------|----------------------|----------------------|---------------|-------|
| 10 epochs                           | 85.43 ± 0.17 (85.94) | 85.36 ± 0.17 (85.88) | 85.03 ± 0.19 (84.48) | 84.98 ± 0.18 (84.43) | 83.82 ± 0.14  | 5     |
| 100 epochs, decay 0.02              | 89.86 ± 0.08         | 89.84 ± 0.07         | 87.99 ± 0.06         | 87.96 ± 0.05         | 86.99 ± 0.15  | 5     |
| 100 epochs, decay 0.02, dropout 0.2 | 89.89 ± 0.08         | 89.84 ± 0.09         | 88.21 ± 0.09         | 88.16 ± 0.10         | 87.24 ± 0.12  | 5     |
| 100 epochs, decay 0.02, L2 0.0001   | 89.82 ± 0.08         | 89.79 ± 0.07         | 87.97 ± 0.10         | 87.94 ± 0.09         | 86.98 ± 0.12  | 5     |

Open points: the decay is taken as lr / (1 + decay * epoch), the L2 coefficient as 1e-4, the initialiser as
he-normal. Weights are those of the lowest validation loss; the curves are in the results' `history`.

One core of a two-core AMD EPYC a process, JAX 0.10.2, Python 3.11.7: 17 minutes of runs, beside other work.
"""

from dataclasses import replace
from typing import Any

from experiments.engine.runner import REPORTED, Experiment, Row, main
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.runs.run import MLPRun
from fmnist_jax.scratch.initializers import he_normal
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import inverse_time

ENTRY = REPORTED["report_4"]["mlp"]

L2 = 1e-4
"""The report gives no coefficient."""

PROTOCOL = MLPRun(
    model=MLPConfig(tuple(ENTRY["layer_sizes"]), initializer=he_normal),
    training=TrainingConfig(
        epochs=ENTRY["epochs"],
        batch_size=ENTRY["batch_size"],
        learning_rate=ENTRY["learning_rate"],
        patience=None,
    ),
    scaling=UNIT,
)


def curve_row(entry: dict[str, Any]) -> Row:
    """One of the runs that the report shows by curves alone."""
    dropout, l2 = entry["dropout"] or 0.0, L2 if entry["regularisation"] else 0.0
    training = replace(
        PROTOCOL.training,
        epochs=entry["epochs"],
        learning_rate=entry["learning_rate"],
        schedule=inverse_time,
        decay_rate=entry["decay_rate"],
    )
    name = f"{entry['epochs']} epochs, decay {entry['decay_rate']:g}"
    name += f", dropout {dropout:g}" if dropout else ""
    name += f", L2 {l2:g}" if l2 else ""
    model = replace(PROTOCOL.model, dropout=dropout, l2=l2)
    return Row(name, replace(PROTOCOL, model=model, training=training))


EXPERIMENT = Experiment(
    name="report4_mlp",
    title="Report 4: the scratch MLP, and its runs with decay, dropout and L2",
    rows=(
        Row(
            f"{ENTRY['epochs']} epochs",
            PROTOCOL,
            {
                f"{split}_{name}": value
                for split in ("train", "validation")
                for name, value in ENTRY[split].items()
            },
        ),
        *map(curve_row, REPORTED["report_4"]["mlp_curves"]),
    ),
    columns=(
        "train_accuracy", "train_f1", "validation_accuracy", "validation_f1", "test_accuracy",
    ),
)  # fmt: skip

if __name__ == "__main__":
    main(EXPERIMENT)
