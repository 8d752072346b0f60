"""Plots of a network's layers: first-layer weights and feature maps.

As in `plots`, every function returns a new `Figure`.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure

from fmnist_jax.evaluation.plots import INK

MOST_UNITS = 60
MOST_MAPS = 12


def first_layer(pictures: Float[np.ndarray, "units height width"]) -> Figure:
    """Draw a first layer's weights, a picture a unit: the `MOST_UNITS` with the largest norms."""
    if not pictures.size:
        raise ValueError(f"pictures: expected at least one unit, found shape {pictures.shape}")
    count, height, width = pictures.shape
    norms = np.linalg.norm(pictures.reshape(count, -1), axis=1)
    order = np.argsort(-norms, kind="stable")[:MOST_UNITS]
    columns = min(len(order), 12)
    # Small kernels are enlarged, so that the gaps between them look narrow.
    enlarged = np.ones((max(28 // height, 1), max(28 // width, 1)), np.float32)
    mosaic = _mosaic(np.kron(pictures[order], enlarged), columns, gap=2)
    rows = math.ceil(len(order) / columns)
    # A scale up to the largest weight would leave all others pale.
    limit = float(np.percentile(np.abs(pictures[order]), 99.5)) or 1.0
    figure = Figure(
        figsize=(max(0.8 * columns + 1.2, 5.2), max(0.8 * rows + 0.6, 1.6)), layout="constrained"
    )
    axes = figure.subplots()
    image = axes.imshow(mosaic, cmap="PuOr_r", vmin=-limit, vmax=limit, interpolation="nearest")
    axes.set_axis_off()
    which = f"all {count}" if len(order) == count else f"{len(order)} of {count}"
    # The figure's title, since a single picture is narrower than its title.
    title = f"First-layer weights of {height}x{width}, {which} units, largest first"
    left = 0.04 / figure.get_figwidth()
    figure.suptitle(title, x=left, ha="left", fontsize=12, color=INK)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=25, pad=0.015, extend="both")
    bar.ax.tick_params(labelsize=8, length=2, labelcolor=INK)
    bar.set_label("Weight", fontsize=9, color=INK)
    return figure


def feature_maps(
    image: UInt8[np.ndarray, "..."],
    maps: Sequence[Float[np.ndarray, "..."]],
    class_name: str,
) -> Figure:
    """Draw an image and a row a block: the `MOST_MAPS` maps with the largest mean, on a scale a row."""
    image, maps = np.asarray(image), [np.asarray(block, np.float32) for block in maps]
    if image.ndim != 2 or not maps or any(block.ndim != 3 or not block.size for block in maps):
        raise ValueError(
            "image and maps: expected shapes (height, width) and (filters, height, width) for each "
            f"block, found {image.shape} and {[block.shape for block in maps]}"
        )
    # Positions are in inches: rows of one height, each below its caption.
    cell, caption, side = 0.75, 0.4, 1.5
    width, top = MOST_MAPS * cell + 0.3, side + 0.6
    height = top + len(maps) * (cell + caption) + 0.1
    figure = Figure(figsize=(width, height))

    def write(x: float, y: float, text: str, size: float) -> None:
        figure.text(x / width, y / height, text, fontsize=size, color=INK, va="center")

    def draw(picture: np.ndarray, bottom: float, size: float, **options: Any) -> None:
        shown = size * picture.shape[1] / picture.shape[0]
        axes = figure.add_axes((0.15 / width, bottom / height, shown / width, size / height))
        axes.imshow(picture, interpolation="nearest", aspect="auto", **options)
        axes.set_axis_off()

    write(0.15, height - 0.25, f"Feature maps: {class_name}", 12)
    draw(image, height - top + 0.05, side, cmap="gray", vmin=0, vmax=255)
    for number, block in enumerate(maps, 1):
        count, *shape = block.shape
        lowest, highest = block.min(), block.max()
        if shape == [1, 1]:
            # The fewest rows of squares that fit the figure's width.
            rows = math.ceil(math.sqrt(count / MOST_MAPS))
            columns = math.ceil(count / rows)
            mosaic, which = _mosaic(block, columns, gap=0), f"{count}"
        else:
            order = np.argsort(-block.mean(axis=(1, 2)), kind="stable")[:MOST_MAPS]
            which = f"{len(order)} of {count}" if len(order) < count else f"{count}"
            # Enlarged like filters, so that the gaps between them look narrow.
            enlarged = np.ones((max(28 // shape[0], 1), max(28 // shape[1], 1)), np.float32)
            mosaic = _mosaic(np.kron(block[order], enlarged), len(order), gap=2)
        y = height - top - number * (cell + caption) + 0.05
        write(
            0.15, y + cell + 0.17,
            f"Block {number}: {which} maps of {shape[0]}x{shape[1]}, dark {lowest:.2f} to bright "
            f"{highest:.2f}", 9,
        )  # fmt: skip
        draw(mosaic, y, cell, cmap="viridis", vmin=lowest, vmax=highest)
    return figure


def _mosaic(
    pictures: Float[np.ndarray, "n height width"], columns: int, gap: int
) -> Float[np.ndarray, "rows columns"]:
    """Return one array of all pictures, row by row; the gaps are NaN, which is drawn white."""
    count, height, width = pictures.shape
    rows = math.ceil(count / columns)
    mosaic = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan, np.float32
    )
    for i, picture in enumerate(pictures):
        y, x = (i // columns) * (height + gap), (i % columns) * (width + gap)
        mosaic[y : y + height, x : x + width] = picture
    return mosaic
