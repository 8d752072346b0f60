"""Report 3's outputs: a text, the curve of the training loss, and captioned pictures, saved to files.

Command: `python -m experiments report3/program`

In runs/report3: `output.txt` (loss, accuracy, each class's accuracy, and ground truth and prediction of
test images drawn at random), `training_loss.png`, and `predictions.png`, the same images captioned
"Predicted" and "Correct". The network is report 3's LeNet at its best batch size, 100, seed 0, trained
once into runs/report3/lenet; the same command resumes an interrupted training. With
`--loss softmax-twice`, the report's own loss, everything is in runs/report3/softmax-twice.
"""

import json
from pathlib import Path

import numpy as np
from attrs import field, frozen

from experiments.engine.configuration import change
from experiments.engine.reproduce import prediction_lines, reproduce, score_lines
from experiments.engine.runner import on_images
from experiments.engine.spec import Program
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.evaluation import plots
from fmnist_jax.runs.presets import lenet
from fmnist_jax.runs.presets.base import default_run
from fmnist_jax.runs.train import assess
from fmnist_jax.scratch.losses import LOSSES, SOFTMAX_CROSS_ENTROPY, Loss
from fmnist_jax.storage.files import write_bytes, writing

RUN = default_run(lenet.PRESET)

SAMPLE = 30
"""Number of test images in the text and the pictures."""


@frozen
class Report3:
    """Restore report 3's LeNet, trained if it isn't yet, and write its text, curve and pictures."""

    folder: Path | None = None
    """Folder of network and outputs; by default runs/report3, with --quick runs/quick/report3."""
    loss: Loss = SOFTMAX_CROSS_ENTROPY
    """The loss of training: the correct one, or the report's own."""
    quick: bool = False
    """Two epochs, to check that everything works."""
    data: DataConfig = field(factory=DataConfig)
    """Which images."""


def write(options: Report3) -> None:
    """Write the three files."""
    folder = options.folder or Path("runs/quick/report3" if options.quick else "runs/report3")
    if options.loss != SOFTMAX_CROSS_ENTROPY:
        folder /= options.loss.name
    run = change(RUN, "convnet", model={"loss": options.loss})
    trained = folder / "lenet"
    stage = reproduce(on_images(run, options.data, options.quick), trained)
    dataset = load_dataset(options.data, print)
    images, labels = dataset.test
    test = assess(stage, {"test": dataset.test}, dataset.class_names)["test"]
    count = min(SAMPLE, len(labels))
    sample = np.random.default_rng(0).choice(len(labels), count, replace=False)

    by_class = zip(dataset.class_names, test.metrics.class_accuracy, strict=True)
    lines = (
        score_lines(test)
        + [f"Accuracy of {name}: {accuracy:.4f}" for name, accuracy in by_class]
        + prediction_lines(test, dataset, sample)
    )
    text = folder / "output.txt"
    with writing(text):
        write_bytes(text, ("\n".join(lines) + "\n").encode())

    metrics = (trained / f"metrics_{stage.name}.jsonl").read_text("utf-8")
    history = [json.loads(line) for line in metrics.splitlines()]
    result = json.loads((trained / "result.json").read_text("utf-8"))
    best_epoch = result["stages"][stage.name]["best_epoch"]
    drawn = {
        "training_loss": plots.learning_curves(history, best_epoch=best_epoch),
        "predictions": plots.predictions(
            images[sample],
            labels[sample],
            test.probabilities[sample],
            dataset.class_names,
            title="Test images drawn at random",
        ),
    }
    for name, figure in drawn.items():
        plots.save(figure, folder / f"{name}.png")
    print(f"Written: output.txt, {', '.join(f'{name}.png' for name in drawn)} in {folder}")


PROGRAM = Program(
    __name__,
    "writes report 3's output text, loss curve and captioned pictures",
    Report3,
    write,
    {Loss: LOSSES},
)
