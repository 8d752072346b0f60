"""From grey images to class names with their probabilities."""

import functools
from pathlib import Path
from typing import Any, NamedTuple, no_type_check

import jax
import numpy as np
from attrs import frozen
from jaxtyping import Array, Float32, Num, UInt8

from fmnist_jax.checkpoint.checkpoint import Checkpoint, find_checkpoint, restore_checkpoint
from fmnist_jax.config.fields import as_int, format_value, is_whole
from fmnist_jax.data.dataset import IMAGE_SHAPE
from fmnist_jax.devices.mesh import put, replicate, split_batch
from fmnist_jax.errors import UserError
from fmnist_jax.models.stages import StageArrays, StageProgram, compute_logits, split_stages
from fmnist_jax.scratch.losses import softmax

CHUNK = 1024
"""Images classified in one call; a power of two."""

Images = UInt8[np.ndarray, "n 28 28"]


class Prediction(NamedTuple):
    """The likeliest classes of one image."""

    label: str
    """Name of the likeliest class."""
    probability: float
    """Its probability, from 0 to 1."""
    top: tuple[tuple[str, float], ...]
    """The likeliest classes with their probabilities, the likeliest first."""


@frozen(eq=False)
class Classifier:
    """Classifies images with a trained network.

    Args:
        checkpoint: The network, as `restore_checkpoint` returns it.

    Examples:
        >>> classifier = Classifier.from_checkpoint("report1-mlp")
        >>> images = np.zeros((2, 28, 28), np.uint8)
        >>> classifier.probabilities(images).shape
        (2, 10)
        >>> classifier.classify(images)[0].label
        'Sandal'
    """

    checkpoint: Checkpoint

    @classmethod
    def from_checkpoint(cls, path_or_name: str | Path) -> "Classifier":
        """Restore a checkpoint and build its classifier.

        Args:
            path_or_name: The directory of a checkpoint or of a run, or the name of a shipped checkpoint.

        Returns:
            The classifier.

        Raises:
            UserError: For a checkpoint that is not found, damaged or of another format version.
        """
        return cls(restore_checkpoint(find_checkpoint(path_or_name)))

    @no_type_check  # the errors of this method are better
    def probabilities(self, images: Images) -> Float32[np.ndarray, "n classes"]:
        """Compute softmax(logits) of each image.

        At most 1024 images go into one call, their number padded to a power of two, so that eleven
        compiled programs serve all sizes.

        Args:
            images: Grey levels from 0 (background) to 255, uint8 of shape (n, 28, 28), for any n.

        Returns:
            Probabilities, float32 of shape (n, classes); each row sums to 1.

        Raises:
            UserError: For images of another shape or type.
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
        programs, arrays = split_stages(self.checkpoint.stages)
        arrays = put(arrays)
        chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
        # All chunks are dispatched before the first result is read.
        results = [
            (len(chunk), class_probabilities(programs, arrays, _padded(chunk))) for chunk in chunks
        ]
        empty = np.zeros((0, len(self.checkpoint.class_names)), np.float32)
        return np.concatenate([empty, *(np.asarray(rows)[:count] for count, rows in results)])

    @no_type_check
    def classify(self, images: Images, top_k: int = 3) -> list[Prediction]:
        """Find the likeliest classes of each image.

        Args:
            images: As in `probabilities`.
            top_k: How many classes to return, from 1 to the number of classes.

        Returns:
            A prediction for each image, in order.

        Raises:
            UserError: For images of another shape or type and a `top_k` out of range.
        """
        names = self.checkpoint.class_names
        top_k = as_int(top_k)
        if not is_whole(top_k, 1, len(names)):
            raise UserError(
                f"top_k must be a whole number from 1 to the {len(names)} classes, found "
                f"{format_value(top_k)}"
            )
        predictions = []
        for row in self.probabilities(images):
            order = np.argsort(-row, kind="stable")[:top_k]
            top = tuple((names[index], float(row[index])) for index in order)
            predictions.append(Prediction(*top[0], top))
        return predictions


@functools.partial(jax.jit, static_argnames=("programs",))
def class_probabilities(
    programs: tuple[StageProgram, ...],
    arrays: tuple[StageArrays, ...],
    images: Num[Any, "n 28 28"],
) -> Float32[Array, "n classes"]:
    """Compute softmax(logits) of the stages: one compiled program for each number of images."""
    return replicate(softmax(compute_logits(programs, arrays, split_batch(images))))


def _padded(images: UInt8[np.ndarray, "n 28 28"]) -> UInt8[np.ndarray, "padded 28 28"]:
    """Add black images up to the next power of two."""
    missing = (1 << (len(images) - 1).bit_length()) - len(images)
    return np.pad(images, ((0, missing), (0, 0), (0, 0)))
