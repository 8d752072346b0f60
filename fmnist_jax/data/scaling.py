"""Scalings of grey levels, fitted on the training split alone and applied to every split.

`fit` runs in NumPy, once; `apply` runs inside jitted programs on batches, so that the data set
stays uint8 on the device.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Num

Statistics = dict[str, Any]
"""Arrays by name: what `fit` found and `apply` needs. NumPy's or JAX's; float32."""

EPSILON = 1e-8
"""The eps of report 1's z-score, which gives no value."""

Images = Num[Any, "batch *image"]
Scaled = Float32[Any, "batch *image"]


def unit_fit(images: Images) -> Statistics:
    """Nothing to fit."""
    return {}


def unit(statistics: Statistics, images: Images) -> Scaled:
    """x / 255: 0 to 1 (reports 2, 3 and 4)."""
    return images.astype(np.float32) / 255


def symmetric_fit(images: Images) -> Statistics:
    """Nothing to fit."""
    return {}


def symmetric(statistics: Statistics, images: Images) -> Scaled:
    """x / 127.5 - 1: -1 to 1 (report 1, its five-conv extractor)."""
    return images.astype(np.float32) / 127.5 - 1


def z_score_fit(images: Images) -> Statistics:
    """Mean and standard deviation of each pixel of x / 255.

    A pixel that never varies gets the standard deviation 1: divided by eps alone, one such pixel
    of a new image would drown all others.
    """
    mean = images.mean(axis=0, dtype=np.float64, keepdims=True) / 255
    deviation = images.std(axis=0, dtype=np.float64, keepdims=True) / 255
    return {
        "mean": mean.astype(np.float32),
        "standard_deviation": np.where(deviation == 0, 1, deviation).astype(np.float32),
    }


def z_score(statistics: Statistics, images: Images) -> Scaled:
    """(x / 255 - mu) / (sigma + eps) for each pixel (report 1, its MLP)."""
    centred = images.astype(np.float32) / 255 - statistics["mean"]
    return centred / (statistics["standard_deviation"] + EPSILON)


@dataclass(frozen=True)
class Scaling:
    """How grey levels become the network's inputs."""

    name: str
    fit: Callable[[Images], Statistics]
    """The training images to the statistics."""
    apply: Callable[[Statistics, Images], Scaled]
    """(statistics, images) to float32 inputs of the images' shape."""


UNIT = Scaling("unit", unit_fit, unit)
SYMMETRIC = Scaling("symmetric", symmetric_fit, symmetric)
Z_SCORE = Scaling("z-score", z_score_fit, z_score)

SCALINGS = {scaling.name: scaling for scaling in (UNIT, SYMMETRIC, Z_SCORE)}
