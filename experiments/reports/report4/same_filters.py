"""Report 4's "same filters" with the 784 features that the report asks for: 49 filters on 4x4 maps.

Command: `python -m experiments report4/same_filters --seeds 1`
"""

from attrs import evolve

from experiments.engine.spec import Experiment, Row
from experiments.reports.report4.backbone import ENTRIES, NETWORKS, run_of
from experiments.reports.report4.backbone import EXPERIMENT as BACKBONE
from fmnist_jax.ops.pooling import NONE

NAME = "same filters"
ENTRY = ENTRIES[NAME]
SAME = NETWORKS[NAME]

POOLED = 3
"""Blocks with a pooling: 28 > 14, 15 > 7, 8 > 4."""

ON_4X4 = evolve(
    SAME,
    blocks=tuple(
        block if number < POOLED else evolve(block, padding=None, pooling=NONE)
        for number, block in enumerate(SAME.blocks)
    ),
)
"""The last two blocks keep the 4x4 maps."""

EXPERIMENT = Experiment(
    module=__name__,
    title='Report 4: "same filters" with 784 features',
    rows=(
        Row(
            "49 filters, 4x4 maps, lr 0.1",
            run_of(ON_4X4, ENTRY["learning_rate"]),
            {f"convnet.{name}": ENTRY[name] for name in ("test_accuracy", "test_loss")},
        ),
    ),
    columns=BACKBONE.columns,
    reproduces='report 4: "same filters" with 784 features',
    seconds=400,
    notes=(),
)
