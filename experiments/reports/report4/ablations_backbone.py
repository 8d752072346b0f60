"""Report 4's claims on its backbone, on networks small enough for five seeds.

Command: `python -m experiments report4/ablations_backbone --seeds 5`
"""

from dataclasses import replace

from experiments.engine.spec import Experiment, Row
from experiments.reports.report4 import backbone as report4_backbone
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.runs.pipeline import PipelineRun

EPOCHS, SHARE = 5, 7

NAMES = (
    "doubled filters, lr 0.1", "same filters, lr 0.1", "three 3x3 then two 2x2, lr 0.1",
    "stride 2 in the first layer, lr 0.1",
)  # fmt: skip
"""Rows of `report4_backbone`."""


def small(network: ConvNetConfig) -> ConvNetConfig:
    """The backbone with a share of its filters."""
    blocks = tuple(replace(block, filters=block.filters // SHARE) for block in network.blocks)
    return replace(network, blocks=blocks)


def small_row(row: Row) -> Row:
    """The row with small networks and fewer epochs."""
    run = row.run
    assert isinstance(run, PipelineRun)
    network = small(run.model.network)
    mlp = replace(run.model.mlp, layer_sizes=(network.features, *run.model.mlp.layer_sizes[1:]))
    return Row(
        row.name,
        replace(
            run,
            model=replace(run.model, network=network, mlp=mlp),
            network_training=replace(run.network_training, epochs=EPOCHS),
        ),
    )


ROWS = {row.name: row for row in report4_backbone.EXPERIMENT.rows}

EXPERIMENT = Experiment(
    module=__name__,
    title="Report 4's claims on the backbone: a seventh of the filters, five epochs",
    rows=tuple(small_row(ROWS[name]) for name in NAMES),
    columns=(
        "convnet.test_accuracy",
        "mlp.test_accuracy",
        "convnet.validation_accuracy",
        "convnet.test_loss",
    ),
    reproduces="report 4: strides, kernel mixes, combined; small networks",
    seconds=40,
    notes=(
        "Rows of report4/backbone with a seventh of the filters (7,14,28,56,112) and five of the "
        "ten epochs, learning rate 0.1, alone and with the scratch MLP on their features. "
        "report4/backbone has the full networks, with fewer seeds. The verdicts: `python -m "
        "experiments claims`.",
    ),
)
