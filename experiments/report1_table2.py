"""Report 1, table 2: five convolutions, and the scratch MLP on their features, fourteen rows.

Command: `python -m experiments.report1_table2 --seeds 1`; `--rows` shares the work among processes.

What the report leaves open, and what is taken here: the network's optimizer, learning rate and batch
size (Adam, 0.001 and, chosen on validation by `report1_table2_choices`, 32), "xavier" and "he" (both uniform), "random" (uniform in +-1/sqrt(fan_in), weights
and biases), the rows of sixteen filters' hidden width (32, as in the logs; the table says 512), the
scaling of the features (z-score, as the report's MLP scales pixels), the MLP's batch size and
initialiser (table 1's: 16 and random; no dropout) and its learning rate (0.01, chosen on validation by
`report1_table2_choices`; 0.001, table 1's, is still learning after 200 epochs). Its patience is what the report's epochs tell: 10 in
the rows of sixteen filters, 5 in the others. "global" is the report's literal one, a mean over the whole
map after each convolution but the last. The network keeps the weights of its lowest validation loss.
"""

from typing import Any

from experiments.protocol import REPORTED, Experiment, Row, main
from fmnist_jax.networks.architectures import POOLING_PLANS, FiveConv
from fmnist_jax.pipeline import PipelineRun
from fmnist_jax.runs import CNN_TRAINING
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
