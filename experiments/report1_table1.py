"""Report 1, table 1."""

from dataclasses import replace
from typing import Any

from experiments.protocol import REPORTED, Experiment, Row, main
from fmnist_jax.runs import MLPRun
from fmnist_jax.scratch.activations import ACTIVATIONS
from fmnist_jax.scratch.initializers import random
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig

PROTOCOL = MLPRun(
    model=MLPConfig(initializer=random),
    training=TrainingConfig(epochs=200, batch_size=16, learning_rate=0.001, patience=5),
)
"""What all rows share; batch size and initialiser were chosen by `report1_choices`."""


def row(entry: dict[str, Any], layer_sizes: tuple[int, ...] | None = None) -> Row:
    """A row from its entry in reported.json, or another reading of that entry's layer sizes."""
    sizes = layer_sizes or tuple(entry["layer_sizes"])
    activation = ACTIVATIONS[entry["activation"].replace("_", "-")]
    model = replace(
        PROTOCOL.model, layer_sizes=sizes, activations=(activation,), dropout=entry["dropout"]
    )
    name = f"{','.join(map(str, sizes))} {activation.name} dropout {entry['dropout']:g}"
    columns = set(EXPERIMENT_COLUMNS) & entry.keys()
    return Row(name, replace(PROTOCOL, model=model), {name: entry[name] for name in columns})


EXPERIMENT_COLUMNS = (
    "test_accuracy", "stopped_epoch", "best_epoch", "best_train_loss", "best_validation_loss",
)  # fmt: skip

ENTRIES = REPORTED["report_1"]["scratch_mlp"]

EXPERIMENT = Experiment(
    name="report1_table1",
    title="Report 1, table 1: the scratch MLP",
    rows=(*map(row, ENTRIES), row(ENTRIES[-1], (784, 400, 250, 100, 10))),
    columns=EXPERIMENT_COLUMNS,
)

if __name__ == "__main__":
    main(EXPERIMENT)
