"""Report 2's "Stride length: 2", read as the stride of the poolings alone and of the convolutions too.

Command: `python -m experiments report2/strides --seeds 1`
"""

from typing import Any

from attrs import evolve

from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.reports.report2 import convnet

(POOLINGS,) = convnet.EXPERIMENT.rows


def row(name: str, **block: Any) -> Row:
    """The row with its blocks changed."""
    blocks = tuple(evolve(each, **block) for each in POOLINGS.run.stages[0].model.blocks)
    return Row(name, change(POOLINGS.run, "convnet", model={"blocks": blocks}), POOLINGS.reported)


EXPERIMENT = Experiment(
    module=__name__,
    title="Report 2: the stride of 2",
    rows=(
        row("poolings"),
        row("convolutions and poolings", stride=2, padding=None),
    ),
    columns=convnet.EXPERIMENT.columns,
    reproduces="report 2: what has a stride of 2",
    seconds=480,
    notes=(
        '"poolings" is the row of report2/convnet. With a stride of 2 the convolutions have padding 2, '
        "as maps of 28, 14, 7, 4, 2 need it: without, no 2x2 map is left for the second pooling.",
    ),
)
