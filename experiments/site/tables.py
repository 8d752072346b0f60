"""The page's tables: what a cell says, from `experiments.analysis.statistics`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.analysis.statistics import (
    HEADLINES,
    ColumnStatistics,
    ExperimentStatistics,
    RowStatistics,
    shown,
)
from experiments.engine.tables import number
from experiments.site.curves import PARTS
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
"""So that a verdict isn't told by colour alone."""


@dataclass(frozen=True)
class Line:
    """A figure of a row, reported beside measured."""

    row: str
    figure: str
    """What was measured, where the table has several; else empty."""
    reported: str
    measured: str
    interval: str
    runs: str
    difference: str
    verdict: str
    symbol: str
    reason: str


@dataclass(frozen=True)
class Figures:
    """A row with all its figures, a cell each."""

    row: str
    cells: tuple[str, ...]


def label(column: str) -> str:
    """A figure's name as people say it."""
    part = next((part for part in ("cnn_", "mlp_") if column.startswith(part)), "")
    name = column.removeprefix(part)
    split, _, number_of_class = name.partition("_class_")
    name = f"{CLASS_NAMES[int(number_of_class)]} ({split})" if number_of_class else name
    name = name.replace("_", " ").replace(" f1", " F1")
    return f"{name}, {PARTS[part]}" if part else name


JUDGED = ("_accuracy", "_loss", "_f1")
OF_TRAINING = ("best_train_loss", "best_validation_loss")
"""Losses that only say how a training went; they stand with every figure."""


def notes(header: str) -> tuple[str, ...]:
    """The paragraphs of a module's header without its title, its command and its table."""
    paragraphs = [
        " ".join(line.strip() for line in paragraph.splitlines())
        for paragraph in header.split("\n\n")[1:]
    ]
    return tuple(one for one in paragraphs if one and not one.startswith(("|", "Command:")))


def first_up(words: str) -> str:
    """The words with a capital letter first; `str.capitalize` would lower the others."""
    return words[:1].upper() + words[1:]


def headline(experiment: ExperimentStatistics) -> str:
    """Test accuracy, or validation accuracy where the test split wasn't looked at."""
    columns = {name for row in experiment.rows for name in row.columns}
    return next((one for one in HEADLINES if any(map(ends_with(one), columns))), HEADLINES[0])


def ends_with(ending: str | tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a name ends so."""
    return lambda name: name.endswith(ending)


def main_columns(experiment: ExperimentStatistics) -> list[str]:
    """The figures that the table is about, of any row: what was reported, and the headline."""
    wanted = headline(experiment)
    return list(
        dict.fromkeys(
            name for row in experiment.rows for name, figure in row.columns.items()
            if _is_main(name, figure, wanted)
        )
    )  # fmt: skip


def _is_main(name: str, figure: ColumnStatistics, headline: str) -> bool:
    if name in OF_TRAINING or "_class_" in name:
        return False
    return name.endswith(headline) or (figure.reported is not None and name.endswith(JUDGED))


def lines(experiment: ExperimentStatistics) -> list[Line]:
    """A line a row and figure that the table is about."""
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
    return Line(
        row.name,
        name,
        "" if figure.reported is None else f"{figure.reported:g}",
        mean(figure),
        shown(figure.interval, figure.mean),
        runs,
        number(figure.difference, sign=True, like=figure.mean),
        "not run" if not figure.n else figure.verdict,
        SYMBOLS["not run" if not figure.n else figure.verdict],
        figure.reason or "; ".join(f"seed {seed}: {why}" for seed, why in row.failed.items()),
    )


def mean(figure: ColumnStatistics) -> str:
    """Mean and standard deviation."""
    if figure.mean is None:
        return "not run"
    deviation = number(figure.deviation, like=figure.mean)
    return number(figure.mean) + (f" ± {deviation}" if deviation else "")


def all_figures(experiment: ExperimentStatistics) -> tuple[list[str], list[Figures]]:
    """Every figure of every row: the columns' names, and the rows."""
    columns = list(dict.fromkeys(name for row in experiment.rows for name in row.columns))
    rows = [
        Figures(row.name, tuple(_cell(row.columns.get(name)) for name in columns))
        for row in experiment.rows
    ]
    return [label(name) for name in columns], rows


def _cell(figure: ColumnStatistics | None) -> str:
    if figure is None:
        return ""
    beside = "" if figure.reported is None else f" ({figure.reported:g})"
    return mean(figure) + beside


@dataclass(frozen=True)
class RunLine:
    """One run: what, when, on what."""

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
        for seed, run in sorted(entry["runs"].items(), key=lambda one: int(one[0])):
            yield RunLine(
                row,
                seed,
                run["finished"].replace("T", " ").removesuffix("Z"),
                f"{run['seconds']:.0f}",
                run["device"],
                ", ".join(f"{name} {version}" for name, version in run["software"].items()),
                ", ".join(number(run[column]) for column in columns if column in run),
            )
        for seed, why in entry.get("failed", {}).items():
            yield RunLine(row, seed, "", "", "", "", f"failed: {why}")
