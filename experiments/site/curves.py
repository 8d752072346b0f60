"""Stored runs as the records that charts take."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.analysis.statistics import ColumnStatistics, RowStatistics
from experiments.site.charts import Record
from experiments.site.rows import BESIDE

Runs = Mapping[str, Mapping[str, Any]]
"""What is stored of a row's runs, by seed."""

PARTS = {"": "", "cnn_": "the network itself", "mlp_": "the scratch MLP on its features"}
"""Of a run, by what the names of its figures begin with."""

SPLITS = {"train": "training", "validation": "validation"}


def parts_of(runs: Runs) -> list[str]:
    """Beginnings of names under which the runs have a history."""
    return [part for part in PARTS if any(f"{part}history" in run for run in runs.values())]


def by_epoch(runs: Runs, name: str, part: str = "") -> Iterator[dict[str, Any]]:
    """A figure of the history by epoch: mean, lowest and highest of the runs that reached it (if several).

    Accuracies, which are stored as fractions, in percent.
    """
    scale = 100 if name.endswith("accuracy") else 1
    histories = [run[f"{part}history"] for run in runs.values()]
    columns = [dict(zip(one["epoch"], one[name], strict=True)) for one in histories]
    for epoch in sorted(set().union(*columns)):
        values = [scale * column[epoch] for column in columns if epoch in column]
        yield {
            "epoch": epoch,
            "mean": statistics.fmean(values),
            "low": min(values) if len(values) > 1 else None,
            "high": max(values) if len(values) > 1 else None,
            "runs": len(values),
        }


def curve(runs: Runs, name: str, series: str, part: str = "", row: int = 0) -> list[Record]:
    """One curve of a chart."""
    return [{"row": row, "series": series} | point for point in by_epoch(runs, name, part)]


def beside(rows: Sequence[RowStatistics], column: str) -> list[Record]:
    """Rows of which the figure was measured or reported: mean and interval, each run, reported."""
    records: list[Record] = []
    for row in rows:
        figure = row.columns[column]
        if figure.n == 0:
            continue
        interval = figure.interval
        records.append(
            _point(row.name, 0, figure.mean)
            | {"low": interval and interval.low, "high": interval and interval.high}
        )
        records += [_point(row.name, 1, value) for value in figure.values if figure.n > 1]
        if figure.reported is not None:
            records.append(_point(row.name, 2, figure.reported))
    return records


def _point(row: str, series: int, value: float | None) -> dict[str, Any]:
    return {"row": row, "series": BESIDE[series], "value": value, "low": None, "high": None}


def class_accuracies(
    figures: Mapping[str, Sequence[ColumnStatistics]], classes: Sequence[str], row: int
) -> list[Record]:
    """A row of the chart of classes: by series, its figure of each class."""
    return [
        {"row": row, "class": name, "series": series, "value": value, "low": low, "high": high}
        for series, columns in figures.items()
        for name, figure in zip(classes, columns, strict=True)
        for value, low, high in _span(series, figure)
    ]


def _span(series: str, figure: ColumnStatistics) -> Iterator[tuple[float, Any, Any]]:
    if series == BESIDE[2]:
        if figure.reported is not None:
            yield figure.reported, None, None
    elif figure.mean is not None:
        several = figure.n > 1
        yield (
            figure.mean,
            min(figure.values) if several else None,
            max(figure.values) if several else None,
        )


def confusion(runs: Runs, part: str = "", row: int = 0) -> tuple[str, list[Record]]:
    """All runs' images by correct and predicted class, of the test split where it was looked at."""
    split = next(
        name for name in ("test", "validation")
        if all(f"{part}{name}_confusion" in run for run in runs.values())
    )  # fmt: skip
    matrices = [run[f"{part}{split}_confusion"] for run in runs.values()]
    classes = range(len(matrices[0]))
    return split, [
        {"row": row, "c": c, "p": p, "images": sum(matrix[c][p] for matrix in matrices)}
        for c in classes
        for p in classes
    ]
