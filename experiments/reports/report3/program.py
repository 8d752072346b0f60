"""Report 3's outputs: a text, the curve of the training loss, and captioned pictures, saved to files.

Command: `python -m experiments report3/program`

In runs/report3/batch-32, -64, -100 and -256: `output.txt` (loss, accuracy, each class's accuracy, the training
loss by epoch in the report's scale, and ground truth and prediction of test images drawn at random),
`training_loss.png`, and `predictions.png`, the same images captioned "Predicted" and "Correct". The networks
are report 3's LeNet at its four batch sizes, seed 0, trained as the report does, on all training images, into
`lenet` there; the same command resumes an interrupted training. With `--loss softmax-twice`, the report's own
loss, everything is in runs/report3/softmax-twice.
"""

import json
from pathlib import Path

import numpy as np
from attrs import field, frozen

from experiments.engine.configuration import change
from experiments.engine.reproduce import prediction_lines, reproduce, score_lines
from experiments.engine.runner import on_images
from experiments.engine.spec import Program
from experiments.reports.report3 import all_images
from experiments.reports.report3.loss_log import in_reports_scale
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.evaluation import plots
from fmnist_jax.runs.config import Run
from fmnist_jax.runs.train import assess
from fmnist_jax.scratch.losses import LOSSES, SOFTMAX_CROSS_ENTROPY, Loss
from fmnist_jax.storage.files import write_bytes, writing

RUNS = {row.run.stages[0].training.batch_size: row.run for row in all_images.ROWS}
"""By batch size."""

SAMPLE = 30
"""Number of test images in the text and the pictures."""


@frozen
class Report3:
    """Restore report 3's LeNets, trained if they aren't yet, and write texts, curves and pictures."""

    folder: Path | None = None
    """Folder of networks and outputs; by default runs/report3, with --quick runs/quick/report3."""
    loss: Loss = SOFTMAX_CROSS_ENTROPY
    """The loss of training: the correct one, or the report's own."""
    quick: bool = False
    """Two epochs, to check that everything works."""
    data: DataConfig = field(factory=DataConfig)
    """Which images."""


def write(options: Report3) -> None:
    """Write the three files of each batch size."""
    folder = options.folder or Path("runs/quick/report3" if options.quick else "runs/report3")
    if options.loss != SOFTMAX_CROSS_ENTROPY:
        folder /= options.loss.name
    for batch_size, run in RUNS.items():
        changed = change(run, "convnet", model={"loss": options.loss})
        write_outputs(
            on_images(changed, options.data, options.quick), folder / f"batch-{batch_size}"
        )


def write_outputs(run: Run, folder: Path) -> None:
    """Write the three files of one network."""
    trained = folder / "lenet"
    stage = reproduce(run, trained)
    dataset = load_dataset(run.data, print)
    images, labels = dataset.test
    test = assess(stage, {"test": dataset.test}, dataset.class_names)["test"]
    count = min(SAMPLE, len(labels))
    sample = np.random.default_rng(0).choice(len(labels), count, replace=False)
    metrics = (trained / f"metrics_{stage.name}.jsonl").read_text("utf-8")
    history = [json.loads(line) for line in metrics.splitlines()]

    by_class = zip(dataset.class_names, test.metrics.class_accuracy, strict=True)
    batch_size = run.stages[0].training.batch_size
    batches = -(-len(dataset.train.labels) // batch_size)
    lines = (
        score_lines(test)
        + [f"Accuracy of {name}: {accuracy:.4f}" for name, accuracy in by_class]
        + [loss_line(record["epoch"], record["train_loss"], batches) for record in history]
        + prediction_lines(test, dataset, sample)
    )
    text = folder / "output.txt"
    with writing(text):
        write_bytes(text, ("\n".join(lines) + "\n").encode())

    drawn = {
        "training_loss": plots.learning_curves(history, best_epoch=len(history)),
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


def loss_line(epoch: int, loss: float, batches: int) -> str:
    """An epoch's training loss as the report prints it, and as the mean over the images."""
    return (
        f"Epoch {epoch}: approximated loss {in_reports_scale(loss, batches):.6f}, mean {loss:.6f}"
    )


PROGRAM = Program(
    __name__,
    "writes report 3's output texts, loss curves and captioned pictures",
    Report3,
    write,
    {Loss: LOSSES},
)
