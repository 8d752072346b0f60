"""From grey images to class names with their probabilities."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float32, Num, UInt8

from fmnist_jax.checkpoint.checkpoint import Checkpoint, find_checkpoint, restore_checkpoint
from fmnist_jax.config.checks import is_count, shown, whole
from fmnist_jax.data.dataset import IMAGE_SHAPE
from fmnist_jax.data.scaling import Scaling, Statistics
from fmnist_jax.errors import UserError
from fmnist_jax.models.base import Model, Network, Parameters
from fmnist_jax.scratch.losses import softmax

CHUNK = 1024
"""Images classified in one go; a power of two."""

Images = UInt8[np.ndarray, "n 28 28"]


class Prediction(NamedTuple):
    """What a model makes of one image."""

    label: str
    """Name of the likeliest class."""
    probability: float
    """Its probability, 0 to 1."""
    top: tuple[tuple[str, float], ...]
    """The likeliest classes with their probabilities, the likeliest first."""


@dataclass(frozen=True)
class Classifier:
    """A trained model that takes images as the data set has them."""

    checkpoint: Checkpoint

    @classmethod
    def from_checkpoint(cls, path_or_name: str | Path) -> "Classifier":
        """The classifier in a checkpoint's or run's directory, or in a shipped checkpoint.

        Raises UserError for a checkpoint that can't be found or used.
        """
        return cls(restore_checkpoint(find_checkpoint(path_or_name)))

    def probabilities(self, images: Images) -> Float32[np.ndarray, "n classes"]:
        """softmax(logits) of each image, shape (n, classes).

        Any n will do: at most 1024 images go in one call, their number padded to a power of two, so
        that eleven programs serve all sizes.

        Raises UserError for images of another shape or type.
        """
        try:
            images = np.asarray(images)
        except ValueError as error:
            raise UserError(
                "images must be uint8 of shape (n, 28, 28), found images or rows of different "
                "lengths; make them all 28x28"
            ) from error
        if images.dtype != np.uint8 or images.shape[1:] != IMAGE_SHAPE:
            raise UserError(
                f"images must be uint8 of shape (n, 28, 28), found {images.dtype} of shape "
                f"{images.shape}; grey levels go from 0 (background) to 255, one image is images[None]"
            )
        chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
        # All are under way before the first is waited for.
        running = [(len(chunk), self._start(_padded(chunk))) for chunk in chunks]
        empty = np.zeros((0, len(self.checkpoint.class_names)), np.float32)
        return np.concatenate([empty, *(np.asarray(rows)[:count] for count, rows in running)])

    def classify(self, images: Images, top_k: int = 3) -> list[Prediction]:
        """The likeliest class of each image, and the `top_k` likeliest.

        Raises UserError for images of another shape or type and a `top_k` that can't be.
        """
        names = self.checkpoint.class_names
        top_k = whole(top_k)
        if not is_count(top_k, 1, len(names)):
            raise UserError(
                f"top_k must be a count from 1 to the {len(names)} classes, found {shown(top_k)}"
            )
        predictions = []
        for row in self.probabilities(images):
            order = np.argsort(-row, kind="stable")[:top_k]
            top = tuple((names[index], float(row[index])) for index in order)
            predictions.append(Prediction(*top[0], top))
        return predictions

    def _start(self, images: Images) -> Float32[Array, "n classes"]:
        saved = self.checkpoint
        return class_probabilities(
            saved.network, saved.scaling, saved.parameters, saved.statistics, images
        )


@functools.partial(jax.jit, static_argnames=("network", "scaling"))
def class_probabilities(
    network: Model | Network,
    scaling: Scaling,
    parameters: Parameters,
    statistics: Statistics,
    images: Num[Any, "n 28 28"],
) -> Float32[Array, "n classes"]:
    """softmax(network(scaling(images))), one program for each number of images."""
    return softmax(network.apply(parameters, scaling.apply(statistics, images)))


def _padded(images: Images) -> Images:
    """The images, and black ones up to the next power of two."""
    missing = (1 << (len(images) - 1).bit_length()) - len(images)
    return np.pad(images, ((0, missing), (0, 0), (0, 0)))
