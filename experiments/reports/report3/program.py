"""Report 3's outputs: a text, the curve of the training loss, and captioned pictures, saved to files.

Command: `python -m experiments.reports.report3.program`

In runs/report3: `output.txt` (loss, accuracy, each class's accuracy, and ground truth against prediction
for test images drawn at random), `training_loss.png`, and `predictions.png`, the same images captioned
"Predicted" and "Correct". The network is report 3's LeNet at its best batch size, 100, seed 0, trained
once into runs/report3/lenet; the same command goes on with a training that was cut short. With
`--loss softmax-twice`, the report's own loss, all that is in runs/report3/softmax-twice.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from experiments.engine import command
from experiments.engine.reproduce import answers, scores, trained_and_restored
from experiments.engine.runner import on_images
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.evaluation import plots as figures
from fmnist_jax.runs import run as runs
from fmnist_jax.runs.presets import LENET_RUN
from fmnist_jax.scratch.losses import LOSSES, SOFTMAX_CROSS_ENTROPY, Loss
from fmnist_jax.storage.files import write_bytes, writing

SAMPLE = 30
"""Test images of the text and of the pictures."""


@dataclass(frozen=True)
class Report3:
    """Restore report 3's LeNet, trained where it isn't yet, and write its text, curve and pictures."""

    folder: Path | None = None
    """Where network and outputs are; by default runs/report3, with --quick runs/quick/report3."""
    loss: Loss = SOFTMAX_CROSS_ENTROPY
    """What it is trained by: the right loss, or the report's own."""
    quick: bool = False
    """Two epochs, to see that all is in order."""
    data: DataConfig = field(default_factory=DataConfig)
    """Which images."""


def write(options: Report3) -> None:
    """Write the three files."""
    folder = options.folder or Path("runs/quick/report3" if options.quick else "runs/report3")
    if options.loss != SOFTMAX_CROSS_ENTROPY:
        folder /= options.loss.name
    run = replace(LENET_RUN, model=replace(LENET_RUN.model, loss=options.loss))
    trained = folder / "lenet"
    network = trained_and_restored(on_images(run, options.data, options.quick), trained)
    dataset = load_dataset(options.data, print)
    images, labels = dataset.test
    test = runs.assess(network, dataset.test, dataset.class_names)
    count = min(SAMPLE, len(labels))
    sample = np.random.default_rng(0).choice(len(labels), count, replace=False)

    by_class = zip(dataset.class_names, test.metrics.class_accuracy, strict=True)
    lines = (
        scores(test)
        + [f"Accuracy of {name}: {accuracy:.4f}" for name, accuracy in by_class]
        + answers(test, dataset, sample)
    )
    text = folder / "output.txt"
    with writing(text):
        write_bytes(text, ("\n".join(lines) + "\n").encode())

    history = [
        json.loads(line) for line in (trained / "metrics.jsonl").read_text("utf-8").splitlines()
    ]
    best_epoch = json.loads((trained / "result.json").read_text("utf-8"))["best_epoch"]
    drawn = {
        "training_loss": figures.learning_curves(history, best_epoch=best_epoch),
        "predictions": figures.predictions(
            images[sample],
            labels[sample],
            test.predictions[sample],
            test.probabilities[sample],
            dataset.class_names,
            title="Test images drawn at random",
        ),
    }
    for name, figure in drawn.items():
        figures.save(figure, folder / f"{name}.png")
    print(f"Written: output.txt, {', '.join(f'{name}.png' for name in drawn)} in {folder}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do as the words say."""
    command.perform("report3_program", Report3, write, {Loss: LOSSES}, arguments, stopped="")


if __name__ == "__main__":
    main()
