"""The page's tables: what each cell shows, from `experiments.analysis.statistics`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from experiments.analysis.statistics import (
    HEADLINES,
    ColumnStatistics,
    ExperimentStatistics,
    RowStatistics,
    shown,
)
from experiments.engine.figures import figure, has_figures
from experiments.engine.tables import number, summary
from fmnist_jax.data.dataset import CLASS_NAMES

STAGES = {"convnet": "convnet's own head", "mlp": "MLP on features"}
"""Stages of a pipeline, as readers know them; other stages are shown by their names."""
JUDGED = ("_accuracy", "_loss", "_f1")
OF_TRAINING = ("best_train_loss", "best_validation_loss")
"""Losses that only describe a training: shown with all figures, not in the main table."""


class Line(NamedTuple):
    """A figure of a row, reported and measured."""

    row: str
    figure: str
    """Which figure, where the table has several; else empty."""
    reported: str
    measured: str
    interval: str
    runs: str
    difference: str
    verdict: str
    reason: str


def label(column: str) -> str:
    """A column's name for readers: "test accuracy, MLP on features"."""
    stage, _, name = column.rpartition(".")
    split, _, number_of_class = name.partition("_class_")
    name = f"{CLASS_NAMES[int(number_of_class)]} ({split})" if number_of_class else name
    name = name.replace("_", " ").replace(" f1", " F1")
    return f"{name}, {STAGES.get(stage, stage)}" if stage else name


def capitalised(words: str) -> str:
    """The words with a capital first letter; `str.capitalize` would change the others."""
    return words[:1].upper() + words[1:]


def main_columns(experiment: ExperimentStatistics) -> list[str]:
    """The columns of the main table: reported ones, and test (else validation) accuracy."""
    return list(dict.fromkeys(name for _, name, _ in _main_figures(experiment)))


def _main_figures(
    experiment: ExperimentStatistics,
) -> list[tuple[RowStatistics, str, ColumnStatistics]]:
    figures = [(row, *one) for row in experiment.rows for one in row.columns.items()]
    headline = next(
        (one for one in HEADLINES if any(name.endswith(one) for _, name, _ in figures)),
        HEADLINES[0],
    )
    return [
        (row, name, one)
        for row, name, one in figures
        if name.rpartition(".")[2] not in OF_TRAINING and "_class_" not in name
        if name.endswith(headline) or (one.reported is not None and name.endswith(JUDGED))
    ]


def lines(experiment: ExperimentStatistics) -> list[Line]:
    """The main table: a line for each row and main column."""
    several = len(main_columns(experiment)) > 1
    return [
        _line(row, figure, label(name) if several else "")
        for row, name, figure in _main_figures(experiment)
    ]


def _line(row: RowStatistics, figure: ColumnStatistics, name: str) -> Line:
    failed = f"{len(row.failed)} failed"
    return Line(
        row.name,
        name,
        "" if figure.reported is None else f"{figure.reported:g}",
        summary(figure.values),
        shown(figure.interval, figure.mean),
        failed if row.failed and not figure.n else f"{figure.n}" + f", {failed}" * bool(row.failed),
        number(figure.difference, sign=True, like=figure.mean),
        figure.verdict if figure.n else "not run",
        figure.reason or "; ".join(f"seed {seed}: {why}" for seed, why in row.failed.items()),
    )


def all_figures(experiment: ExperimentStatistics) -> tuple[list[str], dict[str, list[str]]]:
    """All figures of all rows: the names of the columns, and the cells of each row."""
    columns = list(dict.fromkeys(name for row in experiment.rows for name in row.columns))
    return [label(name) for name in columns], {
        row.name: [_cell(row.columns.get(name)) for name in columns] for row in experiment.rows
    }


def _cell(figure: ColumnStatistics | None) -> str:
    if figure is None:
        return ""
    reported = "" if figure.reported is None else f" ({figure.reported:g})"
    return summary(figure.values) + reported


class RunLine(NamedTuple):
    """One run: which, when and on what."""

    row: str
    seed: str
    figures: str
    finished: str = ""
    seconds: str = ""
    device: str = ""
    software: str = ""


def runs(stored: Mapping[str, Any], columns: Sequence[str]) -> Iterator[RunLine]:
    """Every stored run of an experiment, failed ones too."""
    for row, entry in stored.items():
        for seed, run in entry["runs"].items():
            shown = (number(figure(run, name)) for name in columns if has_figures(run, [name]))
            finished = run["finished"].replace("T", " ").removesuffix("Z")
            software = ", ".join(f"{name} {version}" for name, version in run["software"].items())
            when = (finished, f"{run['seconds']:.0f}", run["device"], software)
            yield RunLine(row, str(seed), ", ".join(shown), *when)
        for seed, why in entry.get("failed", {}).items():
            yield RunLine(row, str(seed), f"failed: {why}")
