"""Pictures that the browser scales, as data URIs: single images, a first layer's weights, feature maps."""

import base64
import io
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import matplotlib
import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from fmnist_jax.data.dataset import Dataset
from fmnist_jax.evaluation.layer_plots import MOST_MAPS, MOST_UNITS
from fmnist_jax.evaluation.metrics import most_confident_mistakes
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.models.stages import FittedStage

SHOWN = 20
"""Number of images in a gallery."""
MAPPED = 2
"""Number of test images whose feature maps are shown, each of another class."""
TILE = 28
"""Small pictures are enlarged to this many pixels a side, so that the gaps between them look narrow."""


class Prediction(NamedTuple):
    """An image of a gallery with the model's prediction."""

    source: str
    predicted: str
    label: str
    probability: str
    """Of the predicted class, in percent."""
    correct: bool


class Mosaic(NamedTuple):
    """Many small pictures in one."""

    source: str
    width: int
    height: int
    caption: str


class FeatureMaps(NamedTuple):
    """The feature maps of a test image, by block."""

    source: str
    class_name: str
    blocks: list[Mosaic]


class Pictures(NamedTuple):
    """A shipped model's predictions, first layer and feature maps."""

    name: str
    predictions: list[Prediction]
    mistakes: list[Prediction]
    filters: Mosaic
    maps: list[FeatureMaps]


def of_model(name: str, classifier: Classifier, dataset: Dataset) -> Pictures:
    """The pictures of one model on the test images."""
    images, labels = dataset.test
    probabilities = classifier.probabilities(images)
    sample = np.random.default_rng(0).choice(len(labels), min(SHOWN, len(labels)), replace=False)
    mistakes = most_confident_mistakes(labels, probabilities, SHOWN)
    first = classifier.checkpoint.stages[0]
    predictions, wrong = (
        gallery(images[chosen], labels[chosen], probabilities[chosen], dataset.class_names)
        for chosen in (sample, mistakes)
    )
    return Pictures(name, predictions, wrong, filters(first), maps(first, dataset))


def gallery(
    images: UInt8[np.ndarray, "n 28 28"],
    labels: Int[np.ndarray, " n"],
    probabilities: Float[np.ndarray, "n classes"],
    class_names: Sequence[str],
) -> list[Prediction]:
    """The images with predicted class, label and probability."""
    return [
        Prediction(
            png(image),
            class_names[int(row.argmax())],
            class_names[int(label)],
            # Rounding must not suggest a certainty that softmax can't have.
            ">99.9" if row.max() >= 0.9995 else f"{100 * float(row.max()):.1f}",
            bool(row.argmax() == label),
        )
        for image, label, row in zip(images, labels, probabilities, strict=True)
    ]


def _which(shown: int, count: int) -> str:
    return f"{shown} of {count}" if shown < count else f"all {count}"


def filters(stage: FittedStage) -> Mosaic:
    """The first layer's weights as pictures, the largest first, on one scale around 0."""
    pictures = stage.model.first_layer(stage.variables)
    norms = np.linalg.norm(pictures.reshape(len(pictures), -1), axis=1)
    order = np.argsort(-norms, kind="stable")[:MOST_UNITS]
    # A scale up to the largest weight would leave most others pale.
    limit = float(np.percentile(np.abs(pictures[order]), 99.5)) or 1.0
    height, width = pictures.shape[1:]
    return mosaic(
        pictures[order], 10, "PuOr_r", (-limit, limit),
        f"First-layer weights of {height}x{width}, {_which(len(order), len(pictures))} units, "
        f"largest first: purple down to {-limit:.2f}, orange up to {limit:.2f}.",
    )  # fmt: skip


def maps(stage: FittedStage, dataset: Dataset) -> list[FeatureMaps]:
    """The feature maps of a few test images; none for a model without maps."""
    labels = dataset.test.labels
    chosen = np.sort(np.unique(labels, return_index=True)[1][:MAPPED])
    images = dataset.test.images[chosen]
    inputs = stage.scaling.apply(stage.statistics, images)
    blocks = jax.device_get(stage.model.feature_maps(stage.variables, inputs))
    return [
        FeatureMaps(
            png(image),
            dataset.class_names[label],
            [_block(number, block[..., index]) for number, block in enumerate(blocks, 1)],
        )
        for index, (image, label) in enumerate(zip(images, labels[chosen], strict=True))
        if blocks
    ]


def _block(number: int, block: Float[np.ndarray, "filters height width"]) -> Mosaic:
    """A block's maps with the largest means; all of them where each is a single number."""
    count, *shape = block.shape
    single = shape == [1, 1]
    largest = np.argsort(-block.mean(axis=(1, 2)), kind="stable")[:MOST_MAPS]
    order = np.arange(count) if single else largest
    low, high = float(block.min()), float(block.max())
    columns = math.ceil(count / math.ceil(count / 32)) if single else MOST_MAPS
    return mosaic(
        block[order], columns, "viridis", (low, high),
        f"Block {number}: {_which(len(order), count)} maps of {shape[0]}x{shape[1]}, dark {low:.2f} to "
        f"bright {high:.2f}.",
    )  # fmt: skip


def mosaic(
    pictures: Float[np.ndarray, "n height width"],
    columns: int,
    colours: str,
    limits: tuple[float, float],
    caption: str,
) -> Mosaic:
    """The pictures in rows, with transparent gaps; `colours` is the name of a matplotlib colour map."""
    count, height, width = pictures.shape
    enlarged = max(1, TILE // max(height, width)) if max(height, width) > 1 else 8
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    low, high = limits
    levels = np.clip((pictures - low) / ((high - low) or 1.0), 0, 1)
    coloured = matplotlib.colormaps[colours](levels, bytes=True)
    coloured = coloured.repeat(enlarged, axis=1).repeat(enlarged, axis=2)
    padded = np.zeros((rows * columns, height * enlarged + 1, width * enlarged + 1, 4), np.uint8)
    padded[:count, :-1, :-1] = coloured
    grid = padded.reshape(rows, columns, *padded.shape[1:]).swapaxes(1, 2)
    whole = grid.reshape(rows * padded.shape[1], columns * padded.shape[2], 4)[:-1, :-1]
    return Mosaic(png(whole), whole.shape[1], whole.shape[0], caption)


def png(picture: UInt8[np.ndarray, "height width *channels"]) -> str:
    """A picture as a data URI; a coloured one with a palette of 255 colours."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    if image.mode == "RGBA":
        image = image.quantize(255, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
