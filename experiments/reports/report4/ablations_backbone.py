"""Report 4's claims on its backbone, on networks small enough for five seeds.

Command: `python -m experiments.reports.report4.ablations_backbone --seeds 5`
Measured, mean ± standard deviation over seeds 0, 1, 2, 3, 4:

|                                     | cnn test accuracy | mlp test accuracy | cnn validation accuracy | cnn test loss   | seeds |
|-------------------------------------|-------------------|-------------------|-------------------------|-----------------|-------|
| doubled filters, lr 0.1             | 86.90 ± 0.46      | 88.23 ± 0.33      | 87.80 ± 0.16            | 0.3552 ± 0.0036 | 5     |
| same filters, lr 0.1                | 79.25 ± 2.13      | 81.17 ± 1.58      | 79.87 ± 2.16            | 0.5638 ± 0.0503 | 5     |
| three 3x3 then two 2x2, lr 0.1      | 86.99 ± 0.50      | 88.61 ± 0.25      | 87.75 ± 0.66            | 0.3516 ± 0.0090 | 5     |
| stride 2 in the first layer, lr 0.1 | 84.18 ± 0.48      | 85.87 ± 0.38      | 85.32 ± 0.44            | 0.4272 ± 0.0138 | 5     |

Rows of `report4_backbone` with a seventh of the filters (7,14,28,56,112) and five of the ten epochs,
learning rate 0.1, alone and with the scratch MLP on their features. `report4_backbone` has the networks
themselves, of fewer seeds. The claims' verdicts: `python -m experiments claims`.

One core of a two-core AMD EPYC a process, JAX 0.10.2, Python 3.11.7: 12 minutes of runs, beside other work.
"""

from dataclasses import replace

from experiments.engine.runner import Experiment, Row, main
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
    name="report4_claims_backbone",
    title="Report 4's claims on the backbone: a seventh of the filters, five epochs",
    rows=tuple(small_row(ROWS[name]) for name in NAMES),
    columns=("cnn_test_accuracy", "mlp_test_accuracy", "cnn_validation_accuracy", "cnn_test_loss"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
