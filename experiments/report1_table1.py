"""Report 1, table 1: the scratch MLP, eight rows, the last one in both readings.

Command: `python -m experiments.report1_table1 --seeds 3`
Measured, mean ± standard deviation over seeds 0, 1, 2 (in brackets what the report says, of one run each):

|                                           | test accuracy        | stopped epoch        | best epoch           | best train loss          | best validation loss     | seeds |
|-------------------------------------------|----------------------|----------------------|----------------------|--------------------------|--------------------------|-------|
| 784,128,10 relu dropout 0.2               | 88.32 ± 0.15 (88.25) | 107.67 ± 3.21 (135)  | 102.67 ± 3.21 (130)  | 0.2366 ± 0.0037 (0.3026) | 0.2958 ± 0.0018 (0.3287) | 3     |
| 784,128,10 relu dropout 0                 | 87.85 ± 0.11 (88.15) | 86.33 ± 4.51 (115)   | 81.33 ± 4.51 (110)   | 0.2166 ± 0.0069 (0.2688) | 0.3064 ± 0.0010 (0.3382) | 3     |
| 784,128,10 gelu dropout 0.2               | 88.68 ± 0.06 (88.35) | 124.33 ± 11.15 (127) | 119.33 ± 11.15 (122) | 0.2210 ± 0.0086 (0.2984) | 0.2877 ± 0.0033 (0.3233) | 3     |
| 784,128,10 gelu dropout 0                 | 88.19 ± 0.19 (87.87) | 91.00 ± 4.36 (107)   | 86.00 ± 4.36 (102)   | 0.2088 ± 0.0065 (0.2691) | 0.3027 ± 0.0021 (0.3336) | 3     |
| 784,128,10 leaky-gelu dropout 0.2         | 88.66 ± 0.11 (87.96) | 124.33 ± 11.15 (131) | 119.33 ± 11.15 (126) | 0.2224 ± 0.0085 (0.3679) | 0.2882 ± 0.0033 (0.3338) | 3     |
| 784,400,250,100,10 relu dropout 0.2       | 88.51 ± 0.14 (88.55) | 78.00 ± 5.29 (106)   | 73.00 ± 5.29 (101)   | 0.2322 ± 0.0111 (0.3244) | 0.2903 ± 0.0083 (0.3174) | 3     |
| 784,400,250,100,10 leaky-relu dropout 0.2 | 88.47 ± 0.08 (88.34) | 78.00 ± 5.29 (114)   | 73.00 ± 5.29 (109)   | 0.2340 ± 0.0109 (0.3199) | 0.2904 ± 0.0080 (0.313)  | 3     |
| 784,256,128,10 gelu dropout 0.2           | 88.58 ± 0.11 (88.46) | 98.33 ± 4.51 (112)   | 93.33 ± 4.51 (107)   | 0.2366 ± 0.0052 (0.3058) | 0.2864 ± 0.0029 (0.3095) | 3     |
| 784,400,250,100,10 gelu dropout 0.2       | 88.43 ± 0.08 (88.46) | 97.33 ± 8.33 (112)   | 92.33 ± 8.33 (107)   | 0.2419 ± 0.0087 (0.3058) | 0.2909 ± 0.0043 (0.3095) | 3     |

Each row's mean test accuracy is at least the reported one less 0.3 points. The last entry's table says
784,256,128,10 and its figure 784,400,250,100,10: both are run. "leaky-gelu" is not defined: here
Z (a + (1 - a) Phi(Z)) with a = 0.01. Training losses are means over each epoch's batches, dropout on.

One core of a two-core AMD EPYC a process, JAX 0.10.2, Python 3.11.7: 91 minutes of runs, beside other work.
"""

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
