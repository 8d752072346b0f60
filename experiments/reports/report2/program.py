"""Report 2's main program: restores its two networks and writes what they make of the test images.

Command: `python -m experiments.reports.report2.program`

`multi-layer-net.txt` and `convolution-neural-net.txt` in runs/report2: loss, accuracy, then a line an
image with its label and the prediction. The networks are those of `report2_mlp` and `report2_cnn`, seed
0. Where one hasn't been trained yet it is, once, into runs/report2/multi-layer-net or
runs/report2/convolution-neural-net, where its learning curves and confusion matrix are too; the same
command goes on with a training that was cut short.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from experiments.engine import command
from experiments.engine.reproduce import answers, scores, trained_and_restored
from experiments.engine.runner import Experiment, on_images
from experiments.reports.report2 import convnet as report2_cnn
from experiments.reports.report2 import mlp as report2_mlp
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.runs import run as runs
from fmnist_jax.runs.run import CNNRun, MLPRun
from fmnist_jax.storage.files import write_bytes, writing


@dataclass(frozen=True)
class Report2:
    """Restore report 2's two networks, trained where they aren't yet, and write their predictions."""

    folder: Path | None = None
    """Where networks and texts are; by default runs/report2, with --quick runs/quick/report2."""
    quick: bool = False
    """Two epochs, to see that all is in order."""
    data: DataConfig = field(default_factory=DataConfig)
    """Which images."""


def only_run(experiment: Experiment) -> MLPRun | CNNRun:
    """The run of an experiment of one row."""
    (row,) = experiment.rows
    assert isinstance(row.run, MLPRun | CNNRun)
    return row.run


NETWORKS = {
    "multi-layer-net": only_run(report2_mlp.EXPERIMENT),
    "convolution-neural-net": only_run(report2_cnn.EXPERIMENT),
}
"""By the names that the report gives their texts."""


def write(options: Report2) -> None:
    """Write both texts."""
    folder = options.folder or Path("runs/quick/report2" if options.quick else "runs/report2")
    for name, run in NETWORKS.items():
        network = trained_and_restored(on_images(run, options.data, options.quick), folder / name)
        dataset = load_dataset(options.data, print)
        test = runs.assess(network, dataset.test, dataset.class_names)
        lines = scores(test) + answers(test, dataset, np.arange(len(dataset.test.labels)))
        path = folder / f"{name}.txt"
        with writing(path):
            write_bytes(path, ("\n".join(lines) + "\n").encode())
        print(f"Written: {path} ({', '.join(lines[:2])})\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do as the words say."""
    command.perform("report2_program", Report2, write, {}, arguments, stopped="")


if __name__ == "__main__":
    main()
