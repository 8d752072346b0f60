"""Tables of speed as Markdown, from the stored measurements."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from experiments.benchmarks.candidates import (
    FLAX,
    MEDIAN_TARGETS,
    OUR_FEATURES,
    OURS,
    PYTORCH,
    PYTORCH_FEATURES,
    TARGETS,
    ratios_by_candidate,
)
from experiments.benchmarks.mlp import CANDIDATES as MLP_CANDIDATES
from experiments.benchmarks.mlp import OURS as HAND_WRITTEN
from experiments.benchmarks.results import RESULTS, Stored, read
from experiments.engine.tables import markdown

Candidates = Mapping[str, Mapping[str, Any]]
"""A row's figures by candidate."""
Column = tuple[str, Callable[[Candidates], str]]
"""A column's title, and its cell of one row."""

BRIEF_ROWS = (
    "max 16,16,16,16,16 3x3 random",
    "max 16,32,64,128,256 3x3 random",
    "avg 16,32,64,128,256 3x3 random",
    "max 32,64,128,256,512 3x3 random",
    "max 32,64,128,256,512 5x5 xavier",
    "LeNet",
    "backbone",
)


def tables(folder: Path = RESULTS) -> dict[str, str]:
    """Return every table by the name that documents use in their markers."""
    mlp, convnets = read(folder / "mlp.json"), read(folder / "convnets.json")
    brief = {
        jax: {name: row for name, row in rows.items() if name in BRIEF_ROWS}
        for jax, rows in convnets.items()
    }
    return {
        "benchmarks/mlp": _by_network(mlp, _MLP_COLUMNS),
        "benchmarks/convnets": _by_network(convnets, _CONVNET_COLUMNS),
        "benchmarks/convnets-brief": _by_network(brief, _CONVNET_COLUMNS[:-1]),
        "benchmarks/convnets-targets": _targets(convnets),
    }


def _ratio(candidate: str) -> Callable[[Candidates], str]:
    return lambda row: f"{row[candidate]['ratio']:.2f}" if candidate in row else ""


def _rate(candidate: str) -> Callable[[Candidates], str]:
    return lambda row: f"{row[candidate]['median_images_per_second']:,.0f}"


_MLP_COLUMNS: tuple[Column, ...] = (
    ("ours, s per epoch", lambda row: f"{row[HAND_WRITTEN]['median_seconds']:.2f}"),
    *((name, _ratio(name)) for name in MLP_CANDIDATES if name != HAND_WRITTEN),
)

_CONVNET_COLUMNS: tuple[Column, ...] = (
    ("ours, images/s", _rate(OURS)),
    ("over PyTorch", _ratio(PYTORCH)),
    ("over Flax", _ratio(FLAX)),
    ("our features/s", _rate(OUR_FEATURES)),
    ("over PyTorch's", _ratio(PYTORCH_FEATURES)),
    ("compiled in, s", lambda row: f"{row[OURS]['compile_seconds']:.1f}"),
)


def _by_network(stored: Stored, columns: Sequence[Column]) -> str:
    """One line per network; each cell has the newest JAX's figure and in brackets those of the others."""
    newest, *others = stored
    table = Table("network", *(title for title, _ in columns))
    for name in stored[newest]:
        rows = [stored[jax][name]["candidates"] for jax in (newest, *others) if name in stored[jax]]
        table.add_row(name, *(_cell([cell(row) for row in rows]) for _, cell in columns))
    return markdown(table)


def _cell(figures: Sequence[str]) -> str:
    """The newest figure, and in brackets the older ones that were measured."""
    older = ", ".join(filter(None, figures[1:]))
    return f"{figures[0]} ({older})" if older else figures[0]


def _targets(stored: Stored) -> str:
    """One line for each version of JAX and other candidate: ratios over all networks, with their targets."""
    table = Table("ours over", "JAX", "networks", "median (target)", "least (target)")
    for jax, rows in stored.items():
        ratios = ratios_by_candidate([row["candidates"] for row in rows.values()])
        for candidate, values in ratios.items():
            table.add_row(
                candidate,
                jax.removeprefix("jax "),
                str(len(values)),
                f"{statistics.median(values):.2f} ({MEDIAN_TARGETS[candidate]:g})",
                f"{min(values):.2f} ({TARGETS[candidate]:g})",
            )
    return markdown(table)
