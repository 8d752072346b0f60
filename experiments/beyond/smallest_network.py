"""The smallest network over 90 %: one family of small networks, chosen on validation.

Command: `python -m experiments.beyond.smallest_network --seeds 3`
Measured, mean ± standard deviation over seeds 0, 1, 2:

|                          | validation accuracy | validation loss | train accuracy | best epoch   | seeds |
|--------------------------|---------------------|-----------------|----------------|--------------|-------|
| 4,8,16: 1674 parameters  | 87.94 ± 0.20        | 0.3322 ± 0.0096 | 88.56 ± 0.31   | 30.00 ± 0.00 | 3     |
| 6,12,16: 2634 parameters | 88.96 ± 0.47        | 0.3029 ± 0.0139 | 90.14 ± 0.26   | 30.00 ± 0.00 | 3     |
| 6,12,24: 3586 parameters | 89.75 ± 0.37        | 0.2792 ± 0.0110 | 91.17 ± 0.44   | 30.00 ± 0.00 | 3     |
| 8,12,24: 3822 parameters | 90.31 ± 0.17        | 0.2667 ± 0.0076 | 91.59 ± 0.46   | 30.00 ± 0.00 | 3     |
| 8,16,20: 4358 parameters | 90.38 ± 0.26        | 0.2677 ± 0.0050 | 91.76 ± 0.48   | 29.33 ± 1.15 | 3     |
| 8,16,24: 4978 parameters | 90.76 ± 0.08        | 0.2572 ± 0.0048 | 92.52 ± 0.34   | 30.00 ± 0.00 | 3     |
| 8,16,32: 6218 parameters | 91.17 ± 0.24        | 0.2474 ± 0.0044 | 93.15 ± 0.21   | 28.67 ± 2.31 | 3     |

Three 3x3 convolutions, 2x2 maxima after the first two, the mean of each whole map after the last, one
dense layer: no hidden one. Adam, its rate falling along a cosine over 30 epochs. The one that ships
(`checkpoints/smallest`, `fmnist-jax train smallest`) is the one of fewest parameters whose mean
validation accuracy is over 90.5 %: validation runs half a point and more above test in table 2, whose
figures were known when this rule was set. That is 8,16,24. The test images play no part in this
table.

One core of a two-core AMD EPYC a process, JAX 0.10.2, Python 3.11.7: 73 minutes of runs, beside other work.
"""

from dataclasses import replace

from experiments.engine.runner import Experiment, Row, main
from fmnist_jax.models import summary
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.runs.presets import SMALLEST_RUN

FAMILY = (
    (4, 8, 16), (6, 12, 16), (6, 12, 24), (8, 12, 24), (8, 16, 20), (8, 16, 24), (8, 16, 32)
)  # fmt: skip
"""Filters of the three convolutions, fewest parameters first."""


def row(filters: tuple[int, ...]) -> Row:
    """The family's member of these filters."""
    model = replace(
        SMALLEST_RUN.model,
        blocks=tuple(
            replace(block, filters=count)
            for block, count in zip(SMALLEST_RUN.model.blocks, filters, strict=True)
        ),
    )
    return Row(
        f"{','.join(map(str, filters))}: {parameters(model)} parameters",
        replace(SMALLEST_RUN, model=model),
    )


def parameters(model: ConvNetConfig) -> int:
    """Numbers that training sets."""
    return summary.totals(summary.conv_net(model))["parameters"]


EXPERIMENT = Experiment(
    name="smallest_network",
    title="The smallest network over 90 %: a family, on validation",
    rows=tuple(map(row, FAMILY)),
    columns=("validation_accuracy", "validation_loss", "train_accuracy", "best_epoch"),
    splits=("train", "validation"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
