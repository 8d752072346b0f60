"""Report 4's claims on its backbone, on networks small enough for five seeds.

Command: `python -m experiments report4/ablations_backbone --seeds 5`
"""

from attrs import evolve

from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.reports.report4 import backbone

EPOCHS, DIVISOR = 5, 7

NAMES = (
    "doubled filters, lr 0.1", "same filters, lr 0.1", "three 3x3 then two 2x2, lr 0.1",
    "stride 2 in the first layer, lr 0.1",
)  # fmt: skip
"""Rows of report4/backbone."""


def small_row(row: Row) -> Row:
    """The row with a fraction of the filters and fewer epochs of the network."""
    convnet, mlp = row.run.stages
    blocks = (evolve(block, filters=block.filters // DIVISOR) for block in convnet.model.blocks)
    convnet = evolve(convnet, model=evolve(convnet.model, blocks=tuple(blocks)))
    sizes = (convnet.model.features, *mlp.model.layer_sizes[1:])
    mlp = evolve(mlp, model=evolve(mlp.model, layer_sizes=sizes))
    run = evolve(row.run, stages=(convnet, mlp))
    return Row(row.name, change(run, "convnet", training={"epochs": EPOCHS}))


EXPERIMENT = Experiment(
    module=__name__,
    title="Report 4's claims on the backbone: a seventh of the filters, five epochs",
    rows=tuple(small_row(backbone.EXPERIMENT.row(name)) for name in NAMES),
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
