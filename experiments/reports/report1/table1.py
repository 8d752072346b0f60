"""Report 1, table 1: the scratch MLP, eight rows, the last one in both readings.

Command: `python -m experiments.reports.report1.table1 --seeds 5`
Measured, mean ± standard deviation over seeds 0, 1, 2, 3, 4 (in brackets what the report says, of one run):

|                                           | test accuracy        | stopped epoch        | best epoch           | best train loss          | best validation loss     | seeds |
|-------------------------------------------|----------------------|----------------------|----------------------|--------------------------|--------------------------|-------|
| 784,128,10 relu dropout 0.2               | 88.40 ± 0.16 (88.25) | 109.40 ± 3.29 (135)  | 104.40 ± 3.29 (130)  | 0.2345 ± 0.0040 (0.3026) | 0.2943 ± 0.0024 (0.3287) | 5     |
| 784,128,10 relu dropout 0                 | 87.83 ± 0.12 (88.15) | 87.60 ± 4.04 (115)   | 82.60 ± 4.04 (110)   | 0.2144 ± 0.0064 (0.2688) | 0.3049 ± 0.0024 (0.3382) | 5     |
| 784,128,10 gelu dropout 0.2               | 88.79 ± 0.23 (88.35) | 127.25 ± 10.81 (127) | 122.25 ± 10.81 (122) | 0.2181 ± 0.0091 (0.2984) | 0.2864 ± 0.0037 (0.3233) | 4     |
| 784,128,10 gelu dropout 0                 | 88.16 ± 0.18 (87.87) | 90.40 ± 3.65 (107)   | 85.40 ± 3.65 (102)   | 0.2091 ± 0.0049 (0.2691) | 0.3014 ± 0.0028 (0.3336) | 5     |
| 784,128,10 leaky-gelu dropout 0.2         | 88.78 ± 0.19 (87.96) | 131.40 ± 13.18 (131) | 126.40 ± 13.18 (126) | 0.2161 ± 0.0109 (0.3679) | 0.2863 ± 0.0035 (0.3338) | 5     |
| 784,400,250,100,10 relu dropout 0.2       | 88.43 ± 0.20 (88.55) | 75.75 ± 6.24 (106)   | 70.75 ± 6.24 (101)   | 0.2374 ± 0.0139 (0.3244) | 0.2905 ± 0.0068 (0.3174) | 4     |
| 784,400,250,100,10 leaky-relu dropout 0.2 | 88.40 ± 0.17 (88.34) | 75.75 ± 6.24 (114)   | 70.75 ± 6.24 (109)   | 0.2392 ± 0.0136 (0.3199) | 0.2908 ± 0.0066 (0.313)  | 4     |
| 784,256,128,10 gelu dropout 0.2           | 88.63 ± 0.13 (88.46) | 101.75 ± 7.76 (112)  | 96.75 ± 7.76 (107)   | 0.2329 ± 0.0084 (0.3058) | 0.2861 ± 0.0025 (0.3095) | 4     |
| 784,400,250,100,10 gelu dropout 0.2       | 88.44 ± 0.07 (88.46) | 100.75 ± 9.64 (112)  | 95.75 ± 9.64 (107)   | 0.2384 ± 0.0100 (0.3058) | 0.2906 ± 0.0036 (0.3095) | 4     |

Each row's mean test accuracy is at least the reported one less 0.3 points. The last entry's table says
784,256,128,10 and its figure 784,400,250,100,10: both are run. "leaky-gelu" is not defined: here
Z (a + (1 - a) Phi(Z)) with a = 0.01. Training losses are means over each epoch's batches, dropout on.

The report's best figure, 88.55, is itself the best of its eight rows by the test images.

One core of a two-core AMD EPYC a process, JAX 0.10.2, Python 3.11.7: 112 minutes of runs, beside other work.
"""

from dataclasses import replace
from typing import Any

from experiments.engine.runner import REPORTED, Experiment, Row, main
from fmnist_jax.runs.run import MLPRun
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
