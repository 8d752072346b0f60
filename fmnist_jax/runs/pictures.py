"""Which pictures a run leaves: its trainings, its predictions, its first layer, its maps."""

from collections.abc import Mapping
from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Float, UInt8
from matplotlib.figure import Figure

from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.scaling import Scaling, Statistics
from fmnist_jax.evaluation import layer_plots as layer_figures
from fmnist_jax.evaluation import plots as figures
from fmnist_jax.evaluation.metrics import most_confident_mistakes
from fmnist_jax.models.base import Parameters
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.runs.parts import titled
from fmnist_jax.runs.run import Assessment, Trained
from fmnist_jax.scratch.mlp import MLPConfig

GALLERY = 30
"""Images of a gallery."""
MAPPED = 3
"""Test images whose feature maps are drawn: the first of so many classes."""


def of_trainings(parts: Mapping[str, Trained]) -> dict[str, Figure]:
    """The curves of each part that was trained."""
    return {
        titled("learning_curves", name): figures.learning_curves(
            [record._asdict() for record in trained.history], best_epoch=trained.best_epoch
        )
        for name, trained in parts.items()
        if trained.history
    }


def of_predictions(test: Assessment, dataset: Dataset) -> dict[str, Figure]:
    """The confusion matrix, a sample of the test images, and the most confident mistakes."""
    images, labels = dataset.test
    count = min(GALLERY, len(labels))
    sample = np.random.default_rng(0).choice(len(labels), count, replace=False)
    mistakes = most_confident_mistakes(labels, test.probabilities, GALLERY)

    def gallery(indices: np.ndarray, title: str) -> Figure:
        return figures.predictions(
            images[indices],
            labels[indices],
            test.predictions[indices],
            test.probabilities[indices],
            dataset.class_names,
            title=title,
        )

    return {
        "confusion_matrix": figures.confusion_matrix(test.metrics.confusion, dataset.class_names),
        "predictions": gallery(sample, "Predictions on test images drawn at random"),
        "mistakes": gallery(mistakes, "Most confident mistakes on the test images"),
    }


def of_layers(
    config: MLPConfig | ConvNetConfig, trained: Trained, dataset: Dataset
) -> dict[str, Figure]:
    """What the first layer looks for, and a convolutional network's maps of a few test images."""
    if isinstance(config, MLPConfig):
        weights = np.asarray(trained.parameters[0].W)
        return {"first_layer_weights": layer_figures.first_layer_weights(weights)}
    labels = dataset.test.labels
    chosen = np.sort(np.unique(labels, return_index=True)[1][:MAPPED])
    images = dataset.test.images[chosen]
    maps = _maps(
        trained.parameters, images, trained.statistics, config=config, scaling=trained.scaling
    )
    kernel = np.asarray(trained.parameters["blocks"][0]["kernel"])
    return {"first_layer_filters": layer_figures.convolution_filters(kernel)} | {
        f"feature_maps_{number}": layer_figures.feature_maps(
            image,
            tuple(np.asarray(block[..., column]) for block in maps),
            dataset.class_names[label],
        )
        for number, (column, image, label) in enumerate(
            zip(range(len(chosen)), images, labels[chosen], strict=True), start=1
        )
    }


@partial(jax.jit, static_argnames=("config", "scaling"))
def _maps(
    parameters: Parameters,
    images: UInt8[np.ndarray, "n 28 28"],
    statistics: Statistics,
    *,
    config: ConvNetConfig,
    scaling: Scaling,
) -> tuple[Float[Array, "filters height width n"], ...]:
    from fmnist_jax.models import functional

    return functional.maps(parameters, scaling.apply(statistics, images), config)
