"""The smallest network over 90 %: one family of small networks, chosen on validation.

Command: `python -m experiments.smallest_network --seeds 3`

Three 3x3 convolutions, 2x2 maxima after the first two, the mean of each whole map after the last, one
dense layer: no hidden one. Adam, its rate falling along a cosine over 30 epochs. The one that ships
(`checkpoints/smallest`, `fmnist-jax train smallest`) is the one of fewest parameters whose mean
validation accuracy is over 90 %; the test images play no part in this table.
"""

from dataclasses import replace

from experiments.protocol import Experiment, Row, main
from fmnist_jax.networks import summary
from fmnist_jax.networks.config import ConvNetConfig
from fmnist_jax.recipes import SMALLEST_RUN


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
    rows=tuple(map(row, ((4, 8, 16), (6, 12, 16), (6, 12, 24), (8, 16, 24), (8, 16, 32)))),
    columns=("validation_accuracy", "validation_loss", "train_accuracy", "best_epoch"),
    splits=("train", "validation"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
