"""Report 4's claims on its backbone, on networks small enough for five seeds.

Command: `python -m experiments report4/ablations_backbone --seeds 5`
"""

from attrs import evolve

from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.reports.report4.backbone import NETWORKS, run_of
from fmnist_jax.models.config import ConvNetConfig

EPOCHS, LEARNING_RATE, DIVISOR = 5, 0.1, 7

NAMES = (
    "doubled filters", "same filters", "three 3x3 then two 2x2", "stride 2 in the first layer",
)  # fmt: skip
"""Networks of report4/backbone."""


def small(network: ConvNetConfig) -> ConvNetConfig:
    """The backbone with a fraction of its filters."""
    blocks = tuple(evolve(block, filters=block.filters // DIVISOR) for block in network.blocks)
    return evolve(network, blocks=blocks)


def row(name: str) -> Row:
    """The row of a network: fewer filters, and fewer epochs of the convolutional network."""
    run = change(
        run_of(small(NETWORKS[name]), LEARNING_RATE), "convnet", training={"epochs": EPOCHS}
    )
    return Row(f"{name}, lr {LEARNING_RATE:g}", run)


EXPERIMENT = Experiment(
    module=__name__,
    title="Report 4's claims on the backbone: a seventh of the filters, five epochs",
    rows=tuple(map(row, NAMES)),
    columns=(
        "convnet.test_accuracy",
        "mlp.test_accuracy",
        "convnet.validation_accuracy",
        "convnet.test_loss",
    ),
    reproduces="report 4: strides, kernels, the combined network; small networks",
    seconds=40,
    notes=(
        "Rows of report4/backbone with a seventh of the filters (7,14,28,56,112), five of the "
        'ten epochs and learning rate 0.1. "convnet" is the backbone with its own head, "mlp" '
        "the scratch MLP on its features. report4/backbone has the full networks, with fewer "
        "seeds. `python -m experiments claims` prints the verdicts.",
    ),
)
