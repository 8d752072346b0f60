"""Scalings of grey levels, fitted on the training split alone and applied to every split.

`fit` runs once, in NumPy. `apply` runs on batches inside jitted programs, so that the images stay
uint8 on the device.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import frozen
from jaxtyping import Float32, Num

Statistics = dict[str, Any]
"""Arrays by name, which `fit` returns and `apply` receives: NumPy's or JAX's, float32."""

EPSILON = 1e-8
"""The eps of report 1's z-score, which gives no value."""

Images = Num[Any, "batch *image"]
Scaled = Float32[Any, "batch *image"]


def unit_fit(images: Images) -> Statistics:
    """Nothing to fit."""
    return {}


def unit(statistics: Statistics, images: Images) -> Scaled:
    """x / 255: 0 to 1 (report 4, and report 2's MLP)."""
    return images.astype(np.float32) / 255


def symmetric_fit(images: Images) -> Statistics:
    """Nothing to fit."""
    return {}


def symmetric(statistics: Statistics, images: Images) -> Scaled:
    """x / 127.5 - 1: -1 to 1 (report 1's five-conv extractor; chosen for report 2's CNN and report 3)."""
    return images.astype(np.float32) / 127.5 - 1


def z_score_fit(images: Images) -> Statistics:
    """Mean and standard deviation of each pixel of x / 255.

    A pixel that never varies gets the standard deviation 1. Divided by eps alone, such a pixel would
    dominate any new image in which it does vary.
    """
    mean = images.mean(axis=0, dtype=np.float64, keepdims=True) / 255
    deviation = images.std(axis=0, dtype=np.float64, keepdims=True) / 255
    return {
        "mean": mean.astype(np.float32),
        "standard_deviation": np.where(deviation == 0, 1, deviation).astype(np.float32),
    }


def z_score(statistics: Statistics, images: Images) -> Scaled:
    """(x / 255 - mu) / (sigma + eps) for each pixel (report 1's MLP)."""
    centred = images.astype(np.float32) / 255 - statistics["mean"]
    return centred / (statistics["standard_deviation"] + EPSILON)


@frozen
class Scaling:
    """A named transformation of grey levels to network inputs."""

    name: str
    fit: Callable[[Images], Statistics]
    """Returns the statistics of the training images."""
    apply: Callable[[Statistics, Images], Scaled]
    """Returns float32 inputs of the images' shape, from (statistics, images)."""


UNIT = Scaling("unit", unit_fit, unit)
SYMMETRIC = Scaling("symmetric", symmetric_fit, symmetric)
Z_SCORE = Scaling("z-score", z_score_fit, z_score)

SCALINGS = {scaling.name: scaling for scaling in (UNIT, SYMMETRIC, Z_SCORE)}
