"""Which pictures a run leaves: its learning curves, its predictions, its first layer, its feature maps."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fmnist_jax.data.dataset import Dataset
from fmnist_jax.evaluation import layer_plots, plots
from fmnist_jax.evaluation.metrics import most_confident_mistakes
from fmnist_jax.models.stages import FittedStage
from fmnist_jax.runs.train import Assessment, TrainedRun
from fmnist_jax.storage.files import writing

GALLERY_SIZE = 30
"""Images of a gallery."""
MAPPED_IMAGES = 3
"""Test images whose feature maps are drawn, each of another class."""


def write_pictures(
    directory: Path, trained: TrainedRun, test: Assessment, dataset: Dataset
) -> list[Path]:
    """Draw the run's pictures into pictures/ and return their paths; `test` is the last stage's."""
    folder = directory / "pictures"
    with writing(folder):
        folder.mkdir(exist_ok=True)
    figures = (
        learning_curves(trained) | predictions(test, dataset) | layers(trained.fitted[0], dataset)
    )
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        plots.save(figure, paths[-1])
    return paths


def learning_curves(trained: TrainedRun) -> dict[str, Figure]:
    """Draw the curves of each stage that was trained."""
    return {
        f"learning_curves_{stage.fitted.name}": plots.learning_curves(
            [record._asdict() for record in stage.history], best_epoch=stage.best_epoch
        )
        for stage in trained.stages
        if stage.history
    }


def predictions(test: Assessment, dataset: Dataset) -> dict[str, Figure]:
    """Draw the confusion matrix, a sample of the test images, and the most confident mistakes."""
    images, labels = dataset.test
    count = min(GALLERY_SIZE, len(labels))
    sample = np.random.default_rng(0).choice(len(labels), count, replace=False)
    mistakes = most_confident_mistakes(labels, test.probabilities, GALLERY_SIZE)

    def gallery(indices: np.ndarray, title: str) -> Figure:
        return plots.predictions(
            images[indices],
            labels[indices],
            test.probabilities[indices],
            dataset.class_names,
            title=title,
        )

    return {
        "confusion_matrix": plots.confusion_matrix(test.metrics.confusion, dataset.class_names),
        "predictions": gallery(sample, "Predictions on random test images"),
        "mistakes": gallery(mistakes, "Most confident mistakes on the test images"),
    }


def layers(fitted: FittedStage, dataset: Dataset) -> dict[str, Figure]:
    """Draw the first layer's weights, and a few test images' feature maps if the network has maps."""
    pictures = fitted.model.first_layer(fitted.variables)
    labels = dataset.test.labels
    chosen = np.sort(np.unique(labels, return_index=True)[1][:MAPPED_IMAGES])
    images = dataset.test.images[chosen]
    inputs = fitted.scaling.apply(fitted.statistics, images)
    maps = fitted.model.feature_maps(fitted.variables, inputs)
    return {"first_layer": layer_plots.first_layer(pictures)} | {
        f"feature_maps_{column + 1}": layer_plots.feature_maps(
            image,
            tuple(np.asarray(block[..., column]) for block in maps),
            dataset.class_names[label],
        )
        for column, (image, label) in enumerate(zip(images, labels[chosen], strict=True))
        if maps
    }
