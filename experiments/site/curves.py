"""Stored runs as the records that charts are drawn from."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.analysis.statistics import ColumnStatistics, RowStatistics
from experiments.engine.figures import Measured, figure, has_figures
from experiments.site.charts import Record
from experiments.site.rows import MEASURED, ONE_RUN, REPORTED

Runs = Mapping[int, Measured]
"""The stored runs of a row, by seed."""

SPLITS = {"train": "training", "validation": "validation"}

MOST_POINTS = 50
"""Of a curve; more would show no more and make the page slow to load."""


def stages_of(runs: Runs) -> list[str]:
    """Names of the runs' stages, in order."""
    return list(dict.fromkeys(name for run in runs.values() for name in run["stages"]))


def epochs(runs: Runs, stage: str) -> int:
    """The most epochs of the runs."""
    return max(len(figure(run, f"{stage}.history")["epoch"]) for run in runs.values())


def by_epoch(runs: Runs, column: str) -> Iterator[dict[str, Any]]:
    """A column of the history by epoch: mean, lowest and highest of the runs that reached it."""
    stage, dot, name = column.rpartition(".")
    scale = 100 if name.endswith("accuracy") else 1
    histories = [figure(run, f"{stage}{dot}history") for run in runs.values()]
    # A run without a validation split has no validation figures.
    values_of = [
        dict(zip(one["epoch"], one[name], strict=True)) for one in histories if name in one
    ]
    for epoch in sorted(set().union(*values_of)):
        values = [scale * values[epoch] for values in values_of if epoch in values]
        spread = _spread(values)
        yield {"epoch": epoch, "mean": statistics.fmean(values), **spread, "runs": len(values)}


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    """The lowest and the highest of several values."""
    several = len(values) > 1
    return {"low": min(values) if several else None, "high": max(values) if several else None}


def curve(runs: Runs, column: str, series: str, row: int = 0) -> list[Record]:
    """One curve of a chart: of a long one every second, third, ... epoch, and the first and last."""
    points = list(by_epoch(runs, column))
    step = 1 + max(len(points) - 1, 0) // MOST_POINTS
    shown = [*points[:-1:step], *points[-1:]]
    return [{"row": row, "series": series} | point for point in shown]


def logged(values: Sequence[float], series: str, row: int = 0) -> list[Record]:
    """A printed log as a curve: a value an epoch."""
    return [
        {"row": row, "series": series, "epoch": epoch, "mean": value, **_spread(()), "runs": 1}
        for epoch, value in enumerate(values, start=1)
    ]


def measured_and_reported(rows: Sequence[RowStatistics], column: str) -> list[Record]:
    """For each row with runs: mean with interval, each run, and the reported figure."""
    records: list[Record] = []
    for row in rows:
        found = row.columns[column]
        low, high = found.interval or (None, None)
        points = [(MEASURED, found.mean, low, high)] * (found.n > 0)
        points += [(ONE_RUN, value, None, None) for value in found.values if found.n > 1]
        if found.n and found.reported is not None:
            points.append((REPORTED, found.reported, None, None))
        records += [
            {"row": row.name, "series": series, "value": value, "low": low, "high": high}
            for series, value, low, high in points
        ]
    return records


def class_accuracies(
    figures: Mapping[str, Sequence[ColumnStatistics]], classes: Sequence[str], row: int
) -> list[Record]:
    """A row of the chart of classes: for each series, its figure of each class."""
    return [
        {"row": row, "class": name, "series": series, "value": value, **spread}
        for series, columns in figures.items()
        for name, column in zip(classes, columns, strict=True)
        for value, spread in [
            (column.reported, _spread(()))
            if series == REPORTED
            else (column.mean, _spread(column.values))
        ]
        if value is not None
    ]


def confusion(runs: Runs, stage: str, row: int = 0) -> tuple[str, list[Record]]:
    """Images of all runs by correct and predicted class, of the test split where it was measured."""
    split = next(
        name for name in ("test", "validation")
        if all(has_figures(run, [f"{stage}.{name}_confusion"]) for run in runs.values())
    )  # fmt: skip
    matrices = [figure(run, f"{stage}.{split}_confusion") for run in runs.values()]
    classes = range(len(matrices[0]))
    return split, [
        {"row": row, "c": c, "p": p, "images": sum(matrix[c][p] for matrix in matrices)}
        for c in classes
        for p in classes
    ]
