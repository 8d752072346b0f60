"""The page's tables: what each cell shows, from `experiments.analysis.statistics`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from experiments.analysis.statistics import (
    HEADLINES,
    ColumnStatistics,
    ExperimentStatistics,
    RowStatistics,
    shown,
)
from experiments.engine.figures import figure, has_figures
from experiments.engine.tables import number
from fmnist_jax.data.dataset import CLASS_NAMES

SYMBOLS = {
    "reproduced": "✓",
    "better": "▲",
    "worse": "▼",
    "one seed": "·",
    "not judged": "·",
    "not reported": "·",
    "not run": "…",
}
"""Verdicts must not differ by colour alone."""

STAGES = {"convnet": "convnet's own head", "mlp": "MLP on features"}
"""Stages of a pipeline, as readers know them; other stages are shown by their names."""


@frozen
class Line:
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
    symbol: str
    reason: str


@frozen
class Figures:
    """A row with all its figures, one in each cell."""

    row: str
    cells: tuple[str, ...]


def label(column: str) -> str:
    """A column's name for readers: "test accuracy, MLP on features"."""
    stage, _, name = column.rpartition(".")
    split, _, number_of_class = name.partition("_class_")
    name = f"{CLASS_NAMES[int(number_of_class)]} ({split})" if number_of_class else name
    name = name.replace("_", " ").replace(" f1", " F1")
    return f"{name}, {STAGES.get(stage, stage)}" if stage else name


JUDGED = ("_accuracy", "_loss", "_f1")
OF_TRAINING = ("best_train_loss", "best_validation_loss")
"""Losses that only describe a training: shown with all figures, not in the main table."""


def capitalised(words: str) -> str:
    """The words with a capital first letter; `str.capitalize` would change the others."""
    return words[:1].upper() + words[1:]


def headline(experiment: ExperimentStatistics) -> str:
    """Test accuracy, or validation accuracy where the test split was not used."""
    columns = [name for row in experiment.rows for name in row.columns]
    return next(
        (one for one in HEADLINES if any(name.endswith(one) for name in columns)), HEADLINES[0]
    )


def main_columns(experiment: ExperimentStatistics) -> list[str]:
    """The columns that the main table shows, of any row: reported ones, and the headline."""
    wanted = headline(experiment)
    return list(
        dict.fromkeys(
            name for row in experiment.rows for name, figure in row.columns.items()
            if _is_main(name, figure, wanted)
        )
    )  # fmt: skip


def _is_main(name: str, figure: ColumnStatistics, headline: str) -> bool:
    if name.rpartition(".")[2] in OF_TRAINING or "_class_" in name:
        return False
    return name.endswith(headline) or (figure.reported is not None and name.endswith(JUDGED))


def lines(experiment: ExperimentStatistics) -> list[Line]:
    """The main table: a line for each row and main column."""
    wanted = headline(experiment)
    several = len(main_columns(experiment)) > 1
    return [
        _line(row, figure, label(name) if several else "")
        for row in experiment.rows
        for name, figure in row.columns.items()
        if _is_main(name, figure, wanted)
    ]


def _line(row: RowStatistics, figure: ColumnStatistics, name: str) -> Line:
    runs = str(figure.n) + (f", {len(row.failed)} failed" if row.failed else "")
    if row.failed and not figure.n:
        runs = f"{len(row.failed)} failed"
    verdict = figure.verdict if figure.n else "not run"
    return Line(
        row.name,
        name,
        "" if figure.reported is None else f"{figure.reported:g}",
        mean(figure),
        shown(figure.interval, figure.mean),
        runs,
        number(figure.difference, sign=True, like=figure.mean),
        verdict,
        SYMBOLS[verdict],
        figure.reason or "; ".join(f"seed {seed}: {why}" for seed, why in row.failed.items()),
    )


def mean(figure: ColumnStatistics) -> str:
    """Mean and standard deviation."""
    if figure.mean is None:
        return "not run"
    deviation = number(figure.deviation, like=figure.mean)
    return number(figure.mean) + (f" ± {deviation}" if deviation else "")


def all_figures(experiment: ExperimentStatistics) -> tuple[list[str], list[Figures]]:
    """All figures of all rows: the names of the columns, and the rows."""
    columns = list(dict.fromkeys(name for row in experiment.rows for name in row.columns))
    rows = [
        Figures(row.name, tuple(_cell(row.columns.get(name)) for name in columns))
        for row in experiment.rows
    ]
    return [label(name) for name in columns], rows


def _cell(figure: ColumnStatistics | None) -> str:
    if figure is None:
        return ""
    reported = "" if figure.reported is None else f" ({figure.reported:g})"
    return mean(figure) + reported


@frozen
class RunLine:
    """One run: which, when and on what."""

    row: str
    seed: str
    finished: str
    seconds: str
    device: str
    software: str
    figures: str


def runs(stored: Mapping[str, Any], columns: Sequence[str]) -> Iterator[RunLine]:
    """Every stored run of an experiment, failed ones too."""
    for row, entry in stored.items():
        for seed, run in entry["runs"].items():
            yield RunLine(
                row,
                str(seed),
                run["finished"].replace("T", " ").removesuffix("Z"),
                f"{run['seconds']:.0f}",
                run["device"],
                ", ".join(f"{name} {version}" for name, version in run["software"].items()),
                ", ".join(
                    number(figure(run, name)) for name in columns if has_figures(run, [name])
                ),
            )
        for seed, why in entry.get("failed", {}).items():
            yield RunLine(row, str(seed), "", "", "", "", f"failed: {why}")
