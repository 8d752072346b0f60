"""Report 1, table 2: five convolutions, and the scratch MLP on their features, fourteen rows.

Command: `python -m experiments.reports.report1.table2 --seeds 3`; `--rows` shares the work among processes.
Measured, mean ± standard deviation over seeds 0, 1, 2, 3, 4 (in brackets what the report says, of one run):

|                                    | cnn test accuracy    | mlp test accuracy    | mlp stopped epoch   | mlp best epoch     | cnn validation accuracy | mlp validation accuracy | seeds |
|------------------------------------|----------------------|----------------------|---------------------|--------------------|-------------------------|-------------------------|-------|
| max 16,16,16,16,16 3x3 random      | 87.84 ± 0.61 (87.69) | 88.52 ± 0.25 (88.68) | 74.67 ± 16.92 (52)  | 64.67 ± 16.92 (42) | 88.61 ± 0.61            | 89.37 ± 0.33            | 3     |
| avg 16,16,16,16,16 3x3 random      | 84.19 ± 0.86 (82.93) | 85.37 ± 0.92 (83.37) | 101.00 ± 49.96 (65) | 91.00 ± 49.96 (55) | 84.98 ± 1.05            | 86.18 ± 0.72            | 3     |
| global 16,16,16,16,16 3x3 random   | 56.98 ± 4.07 (41.62) | 59.57 ± 3.64 (41.29) | 87.00 ± 51.28 (94)  | 77.00 ± 51.28 (84) | 57.00 ± 3.86            | 59.86 ± 3.50            | 5     |
| max 16,32,64,128,256 3x3 random    | 90.83 ± 0.28 (91.55) | 91.25 ± 0.11 (91.79) | 10.00 ± 2.65 (16)   | 5.00 ± 2.65 (11)   | 91.66 ± 0.16            | 92.24 ± 0.13            | 3     |
| avg 16,32,64,128,256 3x3 random    | 90.67 ± 0.15 (90.52) | 91.61 ± 0.21 (91.42) | 23.67 ± 18.18 (24)  | 18.67 ± 18.18 (19) | 91.34 ± 0.09            | 92.23 ± 0.10            | 3     |
| global 16,32,64,128,256 3x3 random | 66.55 ± 1.11 (64.28) | 68.58 ± 0.73 (67.42) | 27.00 ± 8.75 (64)   | 22.00 ± 8.75 (59)  | 66.32 ± 0.90            | 68.43 ± 0.79            | 5     |
| max 16,32,64,128,256 3x3 he        | 90.34 ± 0.16 (91.3)  | 90.89 ± 0.21 (91.69) | 11.33 ± 2.89 (11)   | 6.33 ± 2.89 (6)    | 91.14 ± 0.04            | 91.69 ± 0.05            | 3     |
| avg 16,32,64,128,256 3x3 he        | 90.88 ± 0.38 (90.92) | 91.71 ± 0.30 (91.19) | 14.67 ± 3.21 (23)   | 9.67 ± 3.21 (18)   | 91.41 ± 0.50            | 92.21 ± 0.10            | 3     |
| global 16,32,64,128,256 3x3 he     | 68.68 ± 1.06 (66.16) | 70.87 ± 1.27 (67.61) | 18.60 ± 8.20 (43)   | 13.60 ± 8.20 (38)  | 68.53 ± 0.71            | 70.66 ± 1.15            | 5     |
| max 16,32,64,128,256 3x3 xavier    | 91.07 ± 0.12 (91.42) | 91.36 ± 0.20 (91.79) | 9.67 ± 1.15 (10)    | 4.67 ± 1.15 (5)    | 91.92 ± 0.07            | 92.24 ± 0.28            | 3     |
| avg 16,32,64,128,256 3x3 xavier    | 91.29 ± 0.38 (90.34) | 91.94 ± 0.14 (91)    | 18.00 ± 2.65 (35)   | 13.00 ± 2.65 (30)  | 91.88 ± 0.38            | 92.47 ± 0.16            | 3     |
| global 16,32,64,128,256 3x3 xavier | 66.98 ± 1.11 (64.83) | 68.81 ± 0.85 (65.8)  | 24.60 ± 9.34 (50)   | 19.60 ± 9.34 (45)  | 66.63 ± 1.04            | 68.81 ± 0.67            | 5     |
| max 32,64,128,256,512 3x3 random   | 90.69 ± 0.03         | 91.29 ± 0.23 (92.37) | 11.00 ± 3.46        | 6.00 ± 3.46        | 91.48 ± 0.16            | 92.20 ± 0.38            | 3     |
| max 32,64,128,256,512 5x5 xavier   | 90.69                | 91.26 (92.35)        | 14.00               | 9.00               | 91.22                   | 92.17                   | 1     |

What the report leaves open, and what is taken here: the network's optimizer, learning rate and batch
size (Adam, 0.001 and, chosen on validation as `report1_table2_choices` says, 32), "xavier" and "he" (both
uniform), "random" (uniform in +-1/sqrt(fan_in), weights and biases), the rows of sixteen filters' hidden
width (32, as in the logs; the table says 512), the scaling of the features (z-score, as the report's MLP
scales pixels), the MLP's batch size and initialiser (table 1's: 16 and random; no dropout) and its learning
rate (0.01, chosen likewise). Its patience is what the report's epochs tell: 10 in the rows of sixteen
filters, 5 in the others. "global" is the report's literal one, a mean over the whole map after each
convolution but the last. The network keeps the weights of its lowest validation loss.

Lower than the report by more than half a point: with maxima "he" (both networks, 0.96 and 0.80), "random"
(both, 0.72 and 0.54) and the two widest (the MLP, 1.08 and, of one seed, 1.09). Tested, on validation
(`report1_table2_choices`): batches of 64 and the MLP's rate of 0.001 make none of it up, the epoch of the
best validation accuracy 0.24 points of "he". What remains: in these rows validation is 0.8 to 1.0 points
above test, and but for "random" the report's figures are our validation accuracies to 0.18 points (he 91.14
and 91.69, the widest 92.20 and 92.17; reported 91.30, 91.69, 92.37 and 92.35). It doesn't say on which
images it chose among its runs and epochs.

The report's best figure, 92.37, is itself the best of its fourteen rows by the test images.

One core of a two-core AMD EPYC a process, JAX 0.10.2, Python 3.11.7: 163 minutes of runs, beside other work.
"""

from typing import Any

from experiments.engine.runner import REPORTED, Experiment, Row, main
from fmnist_jax.models.architectures import POOLING_PLANS, FiveConv
from fmnist_jax.runs.pipeline import PipelineRun
from fmnist_jax.runs.run import CNN_TRAINING
from fmnist_jax.scratch.initializers import INITIALIZERS
from fmnist_jax.training.config import TrainingConfig

INITIALIZER_NAMES = {"random": "random", "xavier": "xavier-uniform", "he": "he-uniform"}
"""The report's names, and ours."""

COLUMNS = (
    "cnn_test_accuracy", "mlp_test_accuracy", "mlp_stopped_epoch", "mlp_best_epoch",
    "cnn_validation_accuracy", "mlp_validation_accuracy",
)  # fmt: skip

PATIENCE = 5
"""Of the rows whose epochs the report doesn't give; most that it gives have it."""


LEARNING_RATE = 0.01
"""Of the MLP on the features."""


def run_of(network: FiveConv, patience: int = PATIENCE) -> PipelineRun:
    """Report 1's training of a network and of the MLP on its features."""
    return PipelineRun.of(
        network,
        network_training=CNN_TRAINING,
        mlp_training=TrainingConfig(
            epochs=200, batch_size=16, learning_rate=LEARNING_RATE, patience=patience
        ),
    )


def network_of(entry: dict[str, Any]) -> FiveConv:
    """The network of an entry in reported.json."""
    return FiveConv(
        filters=tuple(entry["filters"]),
        kernels=(entry["kernel"],),
        pooling=POOLING_PLANS[entry["pooling"]],
        hidden=entry["hidden"],
        initializer=INITIALIZERS[INITIALIZER_NAMES[entry["initializer"]]],
    )


def row(entry: dict[str, Any]) -> Row:
    """A row from its entry in reported.json."""
    filters, kernel = ",".join(map(str, entry["filters"])), entry["kernel"]
    patience = PATIENCE
    if "mlp_stopped_epoch" in entry:
        patience = entry["mlp_stopped_epoch"] - entry["mlp_best_epoch"]
    return Row(
        f"{entry['pooling']} {filters} {kernel}x{kernel} {entry['initializer']}",
        run_of(network_of(entry), patience),
        {name: entry[name] for name in COLUMNS if entry.get(name) is not None},
    )


EXPERIMENT = Experiment(
    name="report1_table2",
    title="Report 1, table 2: five convolutions, and the scratch MLP on their features",
    rows=tuple(map(row, REPORTED["report_1"]["five_conv"])),
    columns=COLUMNS,
)

if __name__ == "__main__":
    main(EXPERIMENT)
