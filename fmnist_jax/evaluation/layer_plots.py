"""Pictures of what a network's layers look for and make: first layers, feature maps.

As in `figures`, every function returns a `Figure` of its own.
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


def first_layer_weights(W: Float[np.ndarray, "784 units"]) -> Figure:
    """Draw what each unit of an MLP's first layer looks for: its 784 weights as a 28x28 picture.

    The `MOST_UNITS` with the largest weights (Euclidean norm), largest first, on one scale. Raises
    ValueError for another shape.
    """
    W = np.asarray(W, np.float32)
    if W.ndim != 2 or W.shape[0] != 784 or W.shape[1] == 0:
        raise ValueError(f"W: expected shape (784, units), found {W.shape}")
    return _largest(W.T.reshape(-1, 28, 28), "First-layer weights", "units")


def convolution_filters(kernel: Float[np.ndarray, "height width 1 filters"]) -> Figure:
    """Draw what each filter of a first convolution looks for: its weights as a small picture.

    The `MOST_UNITS` with the largest weights (Euclidean norm), largest first, on one scale. Raises
    ValueError for another shape.
    """
    kernel = np.asarray(kernel, np.float32)
    if kernel.ndim != 4 or kernel.shape[2] != 1 or kernel.size == 0:
        raise ValueError(
            f"kernel: expected shape (height, width, 1, filters), found {kernel.shape}"
        )
    height, width = kernel.shape[:2]
    pictures = np.moveaxis(kernel[:, :, 0], -1, 0)
    return _largest(pictures, f"First-layer weights of {height}x{width}", "filters")


def _largest(pictures: Float[np.ndarray, "n height width"], what: str, kind: str) -> Figure:
    """The `MOST_UNITS` pictures of weights with the largest norm, on one scale around 0."""
    count, height, width = pictures.shape
    norms = np.linalg.norm(pictures.reshape(count, -1), axis=1)
    order = np.argsort(-norms, kind="stable")[:MOST_UNITS]
    columns = min(len(order), 12)
    # Small kernels are enlarged, so that the gap between them stays narrow.
    enlarged = np.ones((max(28 // height, 1), max(28 // width, 1)), np.float32)
    mosaic = _mosaic(np.kron(pictures[order], enlarged), columns, gap=2)
    rows = math.ceil(len(order) / columns)
    # The few largest weights would leave all others pale.
    limit = float(np.percentile(np.abs(pictures[order]), 99.5)) or 1.0
    figure = Figure(
        figsize=(max(0.8 * columns + 1.2, 5.2), max(0.8 * rows + 0.6, 1.6)), layout="constrained"
    )
    axes = figure.subplots()
    image = axes.imshow(mosaic, cmap="PuOr_r", vmin=-limit, vmax=limit, interpolation="nearest")
    axes.set_axis_off()
    which = f"all {count}" if len(order) == count else f"{len(order)} of {count}"
    # Over the whole figure: one picture is narrower than its title.
    title = f"{what}, {which} {kind}, largest first"
    left = 0.04 / figure.get_figwidth()
    figure.suptitle(title, x=left, ha="left", fontsize=12, color=INK)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=25, pad=0.015, extend="both")
    bar.ax.tick_params(labelsize=8, length=2, labelcolor=INK)
    bar.set_label("Weight", fontsize=9, color=INK)
    return figure


def feature_maps(
    image: UInt8[np.ndarray, "28 28"],
    maps: Sequence[Float[np.ndarray, "filters height width"]],
    class_name: str,
) -> Figure:
    """Draw an image and, in a row a block, what each block of a convolutional network makes of it.

    A row has the `MOST_MAPS` maps of the largest mean, largest first, on a scale of its own that its
    caption gives; maps of 1x1 are all there, a square each. Raises ValueError for other shapes.
    """
    image, maps = np.asarray(image), [np.asarray(block, np.float32) for block in maps]
    if image.ndim != 2 or not maps or any(block.ndim != 3 or not block.size for block in maps):
        raise ValueError(
            "image and maps: expected shapes (height, width) and (filters, height, width) for each "
            f"block, found {image.shape} and {[block.shape for block in maps]}"
        )
    # Everything is placed in inches: rows of one height, each beneath its caption.
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
            # As few rows of squares as fit the figure's width.
            rows = math.ceil(math.sqrt(count / MOST_MAPS))
            columns = math.ceil(count / rows)
            mosaic, which = _mosaic(block, columns, gap=0), f"{count}"
        else:
            order = np.argsort(-block.mean(axis=(1, 2)), kind="stable")[:MOST_MAPS]
            which = f"{len(order)} of {count}" if len(order) < count else f"{count}"
            # Enlarged as filters are, so that the gap between them stays narrow.
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
    """The pictures row by row in one, instead of an axes for each; gaps stay unset, so white."""
    count, height, width = pictures.shape
    rows = math.ceil(count / columns)
    mosaic = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan, np.float32
    )
    for i, picture in enumerate(pictures):
        y, x = (i // columns) * (height + gap), (i % columns) * (width + gap)
        mosaic[y : y + height, x : x + width] = picture
    return mosaic


def first_layer(pictures: Float[np.ndarray, "units height width"]) -> Figure:
    """Draw a first layer's weights, a picture a unit.

    The `MOST_UNITS` with the largest weights (Euclidean norm) are drawn, largest first, on one scale.
    """
    height, width = pictures.shape[1:]
    return _largest(
        np.asarray(pictures, np.float32), f"First-layer weights of {height}x{width}", "units"
    )
