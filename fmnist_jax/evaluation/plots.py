"""The plots of a run (learning curves, confusion matrix, galleries), and how a figure is saved.

Every function returns a new `Figure` and uses no global state of matplotlib (no pyplot). The colours are
Okabe and Ito's, which colour-blind people can distinguish; no information is in colour alone.
"""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image

from fmnist_jax.storage.files import write_bytes, writing

BLUE, VERMILION = "#0072B2", "#D55E00"
INK, FAINT = "#222222", "#D9D9D9"
DPI = 130


def learning_curves(history: Sequence[Mapping[str, float | None]], *, best_epoch: int) -> Figure:
    """Draw loss and accuracy against epoch from the fields of `EpochRecord`, the best epoch marked."""
    if not history:
        raise ValueError("history: expected at least one epoch")
    epochs = np.array([row["epoch"] for row in history])
    best = int(np.flatnonzero(epochs == best_epoch)[0])
    validated = history[0]["validation_loss"] is not None

    # A line of a few epochs is hard to see without markers.
    size = 4 if len(epochs) <= 10 else 0
    figure = Figure(figsize=(9.5, 4), layout=ConstrainedLayoutEngine(wspace=0.05))
    both = figure.subplots(1, 2)
    for axes, quantity in zip(both, ("loss", "accuracy"), strict=True):
        train, validation = (
            np.array([row[f"{split}_{quantity}"] for row in history], np.float64)
            for split in ("train", "validation")
        )
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color("#888888")
        axes.tick_params(labelsize=9, color="#888888", labelcolor=INK)
        axes.grid(axis="y", color=FAINT, linewidth=0.8)
        axes.plot(
            epochs, train, "--", color=BLUE, linewidth=1.8, marker="s", markersize=size,
            label="Training",
        )  # fmt: skip
        axes.set_title(quantity.capitalize(), fontsize=12, color=INK, loc="left")
        axes.set_xlabel("Epoch", fontsize=10, color=INK)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if not validated:
            continue
        axes.axvline(best_epoch, color=INK, linewidth=1, linestyle=":", zorder=1)
        axes.plot(
            epochs, validation, "-", color=VERMILION, linewidth=1.8, marker="o", markersize=size,
            label="Validation",
        )  # fmt: skip
        axes.plot(
            epochs[best], validation[best], marker="o", markersize=9, linestyle="none", zorder=4,
            markerfacecolor="white", markeredgecolor=VERMILION, markeredgewidth=2,
            label=f"Best epoch ({best_epoch})",
        )  # fmt: skip
        at_best = (
            f"{100 * validation[best]:.2f} %"
            if quantity == "accuracy"
            else f"{validation[best]:.4f}"
        )
        axes.set_title(f"validation, best epoch: {at_best}", fontsize=9, color=INK, loc="right")
    both[1].yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    # Below both plots, where it hides no curve.
    figure.legend(
        *both[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=10,
        labelcolor=INK, frameon=False,
    )  # fmt: skip
    return figure


def confusion_matrix(
    matrix: Int[np.ndarray, "classes classes"], class_names: Sequence[str]
) -> Figure:
    """Draw the numbers of images by correct (row) and predicted class (column), and percent of the row."""
    matrix = np.asarray(matrix)
    n = len(class_names)
    totals = matrix.sum(axis=1, keepdims=True)
    # A class that isn't in the data has no percentages; its row stays 0.
    percent = 100 * matrix / np.maximum(totals, 1)
    figure = Figure(figsize=(1.9 + 0.72 * n, 1.5 + 0.66 * n), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(percent, cmap="Blues", norm=PowerNorm(0.5, 0, 100), aspect="auto")
    for row in range(n):
        for column in range(n):
            count = int(matrix[row, column])
            dark = percent[row, column] > 35
            colour = "white" if dark else INK if count else "#9A9A9A"
            axes.text(
                column, row - (0.14 if count else 0), f"{count:,}", ha="center", va="center",
                color=colour, fontsize=10, fontweight="bold" if row == column else "normal",
            )  # fmt: skip
            if count:
                axes.text(
                    column, row + 0.22, f"{percent[row, column]:.1f} %", ha="center", va="center",
                    color=colour, fontsize=7.5,
                )  # fmt: skip
    axes.set_xticks(range(n), class_names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(n), class_names)
    axes.tick_params(length=0, labelsize=10, labelcolor=INK)
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("Predicted", fontsize=11, color=INK)
    axes.set_ylabel("Correct", fontsize=11, color=INK)
    accuracy = matrix.trace() / max(matrix.sum(), 1)
    axes.set_title(
        f"Confusion matrix: {100 * accuracy:.2f} % of {matrix.sum():,} images correct",
        fontsize=12, color=INK, loc="left", pad=10,
    )  # fmt: skip
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=30, pad=0.015)
    bar.set_ticks([0, 1, 5, 10, 25, 50, 75, 100])
    bar.ax.yaxis.set_major_formatter(PercentFormatter(100, symbol=" %"))
    bar.ax.tick_params(labelsize=8, length=2, labelcolor=INK)
    bar.set_label("Share of the correct class", fontsize=9, color=INK)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    return figure


def predictions(
    images: UInt8[np.ndarray, "n 28 28"],
    labels: Int[np.ndarray, " n"],
    probabilities: Float[np.ndarray, "n classes"],
    class_names: Sequence[str],
    *,
    title: str = "Predictions",
) -> Figure:
    """Draw every image with its predicted and its correct class; mistakes have thick frames and crosses."""
    predicted = probabilities.argmax(axis=1)
    columns = min(max(len(images), 3), 5)
    rows = max(math.ceil(len(images) / columns), 1)
    # Positions are in inches, so that galleries of all sizes look alike.
    cell_width, cell_height, picture, top = 1.95, 2.15, 1.5, 0.55
    width, height = columns * cell_width, rows * cell_height + top
    figure = Figure(figsize=(width, height))
    margin = (cell_width - picture) / 2 / width
    figure.text(margin, 1 - 0.3 / height, title, fontsize=12, color=INK, va="center")
    if len(images) == 0:
        figure.text(margin, 1 - 0.7 / height, "None to show", fontsize=10, color=INK, va="center")
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        left = column * cell_width + (cell_width - picture) / 2
        bottom = height - top - row * cell_height - picture
        axes = figure.add_axes((left / width, bottom / height, picture / width, picture / height))
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        right = labels[i] == predicted[i]
        axes.spines[:].set_color(BLUE if right else VERMILION)
        axes.spines[:].set_linewidth(1.2 if right else 3.5)
        share = 100 * probabilities[i, predicted[i]]
        # Softmax never gives certainty, so the text must not round to 100.0.
        shown = ">99.9" if 99.95 <= share < 100 else f"{share:.1f}"
        captions = (
            (f"Predicted: {class_names[predicted[i]]} {'✓' if right else '✗'}", "bold"),
            (f"Correct: {class_names[labels[i]]}", "normal"),
            (f"{shown} % sure", "normal"),
        )
        for line, (text, weight) in enumerate(captions):
            figure.text(
                (left + picture / 2) / width, (bottom - 0.14 - 0.155 * line) / height, text,
                fontsize=8.5, fontweight=weight, ha="center", va="center",
                color=(BLUE if right else VERMILION) if line == 0 else INK,
            )  # fmt: skip
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write `figure` as PNG, atomically; the same figure gives the same bytes."""
    drawn, picture = io.BytesIO(), io.BytesIO()
    figure.savefig(
        drawn, format="png", dpi=DPI, facecolor="white", bbox_inches="tight", pad_inches=0.12
    )
    # A palette of 256 colours looks the same and takes less space. Encoding by Pillow also drops the
    # metadata with matplotlib's version.
    colours = Image.open(drawn).convert("RGB")
    colours.quantize(dither=Image.Dither.NONE).save(
        picture, format="PNG", optimize=True, dpi=(DPI, DPI)
    )
    with writing(path):
        write_bytes(path, picture.getvalue())
