"""Figures of a measured run by column, and how texts write them.

A column is "test_accuracy", a figure of the last stage, or "convnet.test_accuracy", of a named stage.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from experiments.engine.spec import SPLITS

Measured = Mapping[str, Any]
"""What `measure.measure` returns of a run: the figures of each stage, and what they depend on."""


def figure(measured: Measured, column: str) -> Any:
    """Return the figure that `column` names. Raises KeyError where the run doesn't have it."""
    stage, name = _stage_and_name(measured, column)
    return measured["stages"][stage][name]


def has_figures(measured: Measured, columns: Iterable[str]) -> bool:
    """Whether the run has all figures that `columns` name."""
    parts = [_stage_and_name(measured, column) for column in columns]
    return all(name in measured["stages"].get(stage, {}) for stage, name in parts)


def column_title(column: str) -> str:
    """A column as table headers write it: "convnet test accuracy"."""
    return column.replace("_", " ").replace(".", " ")


def keep_splits(measured: Measured, kept: Sequence[str]) -> dict[str, Any]:
    """The run without the figures of other splits: choices on validation hold nothing of the test split."""
    dropped = tuple(f"{split}_" for split in SPLITS if split not in kept)
    stages = {
        stage: {name: value for name, value in figures.items() if not name.startswith(dropped)}
        for stage, figures in measured["stages"].items()
    }
    return {**measured, "stages": stages}


def _stage_and_name(measured: Measured, column: str) -> tuple[str, str]:
    stage, _, name = column.rpartition(".")
    return stage or list(measured["stages"])[-1], name
