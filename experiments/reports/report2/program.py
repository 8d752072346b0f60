"""Report 2's main program: restores its two networks and writes their predictions for the test images.

Command: `python -m experiments report2/program --train`, later without `--train`

`multi-layer-net.txt` and `convolution-neural-net.txt` in runs/report2: loss, accuracy, then a line an
image with its label and the prediction. The networks are those of report2/mlp and report2/convnet, seed
0. Like the report's program it restores them. `--train` trains those that aren't there yet, into
runs/report2/multi-layer-net and runs/report2/convolution-neural-net, where their learning curves and
confusion matrices are too; the same command resumes an interrupted training.
"""

from pathlib import Path

import numpy as np
from attrs import field, frozen

from experiments.engine.reproduce import prediction_lines, reproduce, score_lines
from experiments.engine.runner import on_images
from experiments.engine.spec import Program
from experiments.reports.report2 import convnet, mlp
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.runs.train import assess
from fmnist_jax.storage.files import write_bytes, writing


@frozen
class Report2:
    """Restore report 2's two networks and write their predictions."""

    folder: Path | None = None
    """Folder of networks and texts; by default runs/report2, with --quick runs/quick/report2."""
    train: bool = False
    """Train the networks that the folder doesn't hold yet."""
    quick: bool = False
    """Two epochs, to check that everything works."""
    data: DataConfig = field(factory=DataConfig)
    """Which images."""


NETWORKS = {"multi-layer-net": mlp.RUN, "convolution-neural-net": convnet.RUN}
"""By the names that the report gives their texts."""


def write(options: Report2) -> None:
    """Write both texts."""
    folder = options.folder or Path("runs/quick/report2" if options.quick else "runs/report2")
    for name, run in NETWORKS.items():
        stage = reproduce(on_images(run, options.data, options.quick), folder / name, options.train)
        dataset = load_dataset(options.data, print)
        test = assess(stage, {"test": dataset.test}, dataset.class_names)["test"]
        indices = np.arange(len(dataset.test.labels))
        lines = score_lines(test) + prediction_lines(test, dataset, indices)
        path = folder / f"{name}.txt"
        with writing(path):
            write_bytes(path, ("\n".join(lines) + "\n").encode())
        print(f"Written: {path} ({', '.join(lines[:2])})\n")


PROGRAM = Program(
    __name__, "restores report 2's two networks and writes their predictions", Report2, write
)
