"""Pictures that a browser scales: single images, a first layer's weights, maps; as data URIs."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import matplotlib
import numpy as np
from fmnist_jax.models.pipeline_model import PipelineConfig
from jaxtyping import Float, Int, UInt8
from PIL import Image

from fmnist_jax.checkpoint.checkpoint import Checkpoint
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.evaluation.layer_plots import MOST_MAPS, MOST_UNITS
from fmnist_jax.evaluation.metrics import most_confident_mistakes
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.scratch.mlp import MLPConfig

SHOWN = 20
"""Images of a gallery."""
MAPPED = 2
"""Test images whose maps are shown, each of another class."""
TILE = 28
"""Pixels of a side to which small pictures are enlarged, so that the gap between them stays narrow."""


@dataclass(frozen=True)
class Answer:
    """An image of a gallery with what the model said of it."""

    source: str
    predicted: str
    correct: str
    sure: str
    right: bool


@dataclass(frozen=True)
class Mosaic:
    """Small pictures in one."""

    source: str
    width: int
    """Pixels, and of `height`."""
    height: int
    caption: str


@dataclass(frozen=True)
class Seen:
    """What each block makes of a test image."""

    source: str
    class_name: str
    blocks: tuple[Mosaic, ...]


@dataclass(frozen=True)
class Pictures:
    """What a shipped model answers, and what it looks for."""

    name: str
    predictions: tuple[Answer, ...]
    mistakes: tuple[Answer, ...]
    filters: Mosaic
    maps: tuple[Seen, ...]


def of_model(name: str, classifier: Classifier, dataset: Dataset) -> Pictures:
    """The pictures of one model, of the test images."""
    images, labels = dataset.test
    probabilities = classifier.probabilities(images)
    sample = np.random.default_rng(0).choice(len(labels), min(SHOWN, len(labels)), replace=False)
    mistakes = most_confident_mistakes(labels, probabilities, SHOWN)
    names = dataset.class_names
    return Pictures(
        name,
        gallery(images[sample], labels[sample], probabilities[sample], names),
        gallery(images[mistakes], labels[mistakes], probabilities[mistakes], names),
        filters(classifier.checkpoint),
        maps(classifier.checkpoint, dataset),
    )


def gallery(
    images: UInt8[np.ndarray, "n 28 28"],
    labels: Int[np.ndarray, " n"],
    probabilities: Float[np.ndarray, "n classes"],
    class_names: Sequence[str],
) -> tuple[Answer, ...]:
    """The images with prediction, correct class and probability."""
    answers = []
    for image, label, row in zip(images, labels, probabilities, strict=True):
        predicted = int(row.argmax())
        share = 100 * float(row[predicted])
        # Rounding must not claim a certainty that softmax can't have.
        sure = ">99.9" if share >= 99.95 else f"{share:.1f}"
        answers.append(
            Answer(
                png(image),
                class_names[predicted],
                class_names[int(label)],
                sure,
                predicted == int(label),
            )
        )
    return tuple(answers)


def filters(checkpoint: Checkpoint) -> Mosaic:
    """What a first layer looks for: its weights as pictures, the largest first, on one scale around 0."""
    if isinstance(checkpoint.model, MLPConfig):
        pictures = np.asarray(checkpoint.parameters[0].W).T.reshape(-1, 28, 28)
        kind = "units"
    else:
        kernel = np.asarray(_network(checkpoint)[1]["blocks"][0]["kernel"])
        pictures, kind = np.moveaxis(kernel[:, :, 0], -1, 0), "filters"
    norms = np.linalg.norm(pictures.reshape(len(pictures), -1), axis=1)
    order = np.argsort(-norms, kind="stable")[:MOST_UNITS]
    # The few largest weights would leave all others pale.
    limit = float(np.percentile(np.abs(pictures[order]), 99.5)) or 1.0
    which = (
        f"all {len(pictures)}"
        if len(order) == len(pictures)
        else f"{len(order)} of {len(pictures)}"
    )
    height, width = pictures.shape[1:]
    return mosaic(
        pictures[order], 10, "PuOr_r", (-limit, limit),
        f"First-layer weights of {height}x{width}, {which} {kind}, largest first: purple down to "
        f"{-limit:.2f}, orange up to {limit:.2f}.",
    )  # fmt: skip


def maps(checkpoint: Checkpoint, dataset: Dataset) -> tuple[Seen, ...]:
    """What each block of a convolutional network makes of a few test images; of an MLP nothing."""
    if isinstance(checkpoint.model, MLPConfig):
        return ()
    from fmnist_jax.models import functional  # Flax, which an MLP does without

    config, parameters = _network(checkpoint)
    labels = dataset.test.labels
    chosen = np.sort(np.unique(labels, return_index=True)[1][:MAPPED])
    images = dataset.test.images[chosen]
    inputs = checkpoint.scaling.apply(checkpoint.statistics, images)
    blocks = jax.device_get(functional.maps(parameters, inputs, config))
    return tuple(
        Seen(
            png(image),
            dataset.class_names[int(label)],
            tuple(_block(number, block[..., index]) for number, block in enumerate(blocks, 1)),
        )
        for index, (image, label) in enumerate(zip(images, labels[chosen], strict=True))
    )


def _block(number: int, block: Float[np.ndarray, "filters height width"]) -> Mosaic:
    """A block's maps of the largest mean; where they're single numbers, all."""
    count, *shape = block.shape
    order = np.argsort(-block.mean(axis=(1, 2)), kind="stable")
    single = shape == [1, 1]
    if single:
        order = np.arange(count)
    order = order if single else order[:MOST_MAPS]
    which = f"{len(order)} of {count}" if len(order) < count else f"all {count}"
    low, high = float(block.min()), float(block.max())
    columns = math.ceil(count / math.ceil(count / 32)) if single else MOST_MAPS
    return mosaic(
        block[order], columns, "viridis", (low, high),
        f"Block {number}: {which} maps of {shape[0]}x{shape[1]}, dark {low:.2f} to bright {high:.2f}.",
    )  # fmt: skip


def _network(checkpoint: Checkpoint) -> tuple[ConvNetConfig, dict]:
    """The convolutional network in a checkpoint, and its parameters."""
    if isinstance(checkpoint.model, PipelineConfig):
        return checkpoint.model.network, checkpoint.parameters.network
    assert isinstance(checkpoint.model, ConvNetConfig)
    return checkpoint.model, checkpoint.parameters


def mosaic(
    pictures: Float[np.ndarray, "n height width"],
    columns: int,
    colours: str,
    limits: tuple[float, float],
    caption: str,
) -> Mosaic:
    """The pictures row by row in one, with see-through gaps; `colours` is one of matplotlib's maps."""
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
    """A picture as a data URI, in a palette of 255 colours where it has colours."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    if image.mode == "RGBA":
        image = image.quantize(255, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
