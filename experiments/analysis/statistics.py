"""What the runs of a row say: mean, spread, 95 % interval, and whether they meet the reported figure.

`all_statistics(results)` gives every row of every experiment; page, README and tables are made of it.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fmnist_jax.runs.run import MLPRun
from rich.table import Table
from scipy import stats

from experiments.engine.runner import RESULTS, Experiment, Row, Store
from experiments.engine.tables import markdown, number
from experiments.study.catalogue import CATALOGUE

CONFIDENCE = 0.95
"""Of every interval."""

MLP_TOLERANCE, NETWORK_TOLERANCE = 0.3, 0.5
"""Points of accuracy that this project takes for the same: of the MLP on pixels, and of networks."""

ROUNDING = 0.5
"""Points more for class-wise accuracies, which report 3 gives in whole percent."""

Verdict = Literal[
    "reproduced", "better", "worse", "one seed", "not judged", "not reported", "not run"
]


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, both in it."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        """Whether the value lies in it."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class ColumnStatistics:
    """One figure of a row over its runs; what the runs can't give is None."""

    values: tuple[float, ...]
    """One a run, by seed."""
    mean: float | None
    deviation: float | None
    """Standard deviation of a sample (n - 1); None of one run."""
    interval: Interval | None
    """95 % interval of the mean, Student's t; None of one run."""
    prediction: Interval | None
    """Where a further run lies with 95 %: mean ± t s sqrt(1 + 1/n); None of one run."""
    reported: float | None
    difference: float | None
    """Mean less reported."""
    verdict: Verdict
    reason: str
    """What the verdict rests on, in one line; empty where nothing is judged."""

    @property
    def n(self) -> int:
        """Runs."""
        return len(self.values)


@dataclass(frozen=True)
class RowStatistics:
    """A row of a table over its runs."""

    name: str
    seeds: tuple[int, ...]
    """Of the runs that ended, in order."""
    failed: Mapping[int, str]
    """What stopped the others, by seed."""
    seconds: tuple[float, ...]
    """Of each run."""
    columns: Mapping[str, ColumnStatistics]
    """The experiment's columns, and what else was reported."""
    verdict: Verdict
    """Of `HEADLINES` that were reported: "worse" if one is, else "better" if one is, else "reproduced"."""
    reason: str


@dataclass(frozen=True)
class ExperimentStatistics:
    """A table."""

    name: str
    title: str
    rows: tuple[RowStatistics, ...]


HEADLINES = ("test_accuracy", "validation_accuracy")
"""What a row is judged by, of each of its networks. Nothing is judged by its training images: to know these
by heart is no merit."""


def column_statistics(
    values: Sequence[float],
    reported: float | None = None,
    tolerance: float = 0.0,
    better: Literal["higher", "lower"] | None = "higher",
) -> ColumnStatistics:
    """Mean, standard deviation, intervals and verdict of one figure over the runs of a row.

    The reported figure is of one run, so it is held against runs, not against their mean's interval,
    which shrinks to nothing with many seeds. It is "reproduced" where

    - the mean is at most `tolerance` from it, or
    - it lies in the interval of one further run (`prediction`; Patil, Peng and Leek 2016) and is at
      most `tolerance` beyond the lowest and the highest run. The latter, since with few or scattered
      runs that interval is so wide that it says nothing.

    Else it is "better" or "worse", as `better` says which way is up. One run has no interval: it is
    held against the tolerance alone, and with no tolerance the verdict is "one seed". Without a
    direction (of epochs, say) it is "not judged".
    """
    values = tuple(map(float, values))
    n = len(values)
    mean = statistics.fmean(values) if n else None
    deviation = statistics.stdev(values) if n > 1 else None
    interval = prediction = None
    if mean is not None and deviation is not None:
        interval = _around(mean, deviation * math.sqrt(1 / n), n)
        prediction = _around(mean, deviation * math.sqrt(1 + 1 / n), n)
    difference = None if mean is None or reported is None else mean - reported
    verdict, reason = _verdict(values, prediction, reported, difference, tolerance, better)
    return ColumnStatistics(
        values, mean, deviation, interval, prediction, reported, difference, verdict, reason
    )


def _around(mean: float, error: float, n: int) -> Interval:
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * error
    return Interval(mean - reach, mean + reach)


def _verdict(
    values: tuple[float, ...],
    prediction: Interval | None,
    reported: float | None,
    difference: float | None,
    tolerance: float,
    better: Literal["higher", "lower"] | None,
) -> tuple[Verdict, str]:
    if reported is None:
        return "not reported", ""
    if difference is None:
        return "not run", ""
    if better is None:
        return "not judged", ""
    if prediction is None and not tolerance:
        return "one seed", "one seed has no interval"
    runs = "the one seed" if prediction is None else f"the mean of {len(values)} seeds"
    like = statistics.fmean(values)
    apart = f"{runs} is {number(abs(difference), like=like)} "
    apart += "above it" if difference > 0 else "below it"
    if tolerance and round(abs(difference), 9) <= tolerance:  # 91.79 - 91.29 isn't quite 0.5
        return "reproduced", f"{apart}, at most {tolerance:g}"
    if prediction is not None:
        reached = Interval(min(values) - tolerance, max(values) + tolerance)
        where = shown(prediction, like)
        if reported in prediction and reported in reached:
            return "reproduced", f"{apart}; a further run lies in {where}"
        if reported in prediction:
            side = "below" if difference < 0 else "above"
            apart += f"; every run is {side} it" + (
                f" by more than {tolerance:g}" if tolerance else ""
            )
        else:
            apart += f"; a further run lies in {where}"
    return "better" if (difference > 0) == (better == "higher") else "worse", apart


def direction(column: str) -> Literal["higher", "lower"] | None:
    """Which way is better of a figure by its name in `measure`: of epochs and training figures neither."""
    if "train_" in column:
        return None
    if column.endswith("_loss"):
        return "lower"
    return (
        "higher"
        if column.endswith(("_accuracy", "_recall", "_f1")) or "_class_" in column
        else None
    )


def tolerance_of(row: Row, column: str) -> float:
    """Points that the project takes for the same in this figure; 0 of losses, which have none."""
    if direction(column) != "higher":
        return 0.0
    tolerance = MLP_TOLERANCE if isinstance(row.run, MLPRun) else NETWORK_TOLERANCE
    return tolerance + ROUNDING if "_class_" in column else tolerance


def row_statistics(row: Row, columns: Sequence[str], stored: Mapping[str, Any]) -> RowStatistics:
    """One row's statistics of these columns and of what was reported, from what is stored of it."""
    runs = {int(seed): run for seed, run in stored.get("runs", {}).items()}
    by_seed = [runs[seed] for seed in sorted(runs)]
    figures = {
        column: column_statistics(
            [run[column] for run in by_seed],
            row.reported.get(column),
            tolerance_of(row, column),
            direction(column),
        )
        for column in dict.fromkeys((*columns, *row.reported))
    }
    verdict, reason = _row_verdict(figures)
    return RowStatistics(
        row.name,
        tuple(sorted(runs)),
        {int(seed): why for seed, why in stored.get("failed", {}).items()},
        tuple(run["seconds"] for run in by_seed),
        figures,
        verdict,
        reason,
    )


def _row_verdict(figures: Mapping[str, ColumnStatistics]) -> tuple[Verdict, str]:
    judged = {
        name: figure
        for name, figure in figures.items()
        if figure.reported is not None and name.endswith(HEADLINES)
    }
    order: tuple[Verdict, ...] = ("not run", "worse", "better", "one seed", "reproduced")
    for verdict in order:
        because = [
            f"{name.replace('_', ' ')}: {figure.reason}" if figure.reason else ""
            for name, figure in judged.items()
            if figure.verdict == verdict
        ]
        if because:
            return verdict, "; ".join(filter(None, because))
    return "not reported", ""


def experiment_statistics(experiment: Experiment, results: Path = RESULTS) -> ExperimentStatistics:
    """Every row of an experiment, from what is stored in the folder `results`."""
    stored = Store(experiment, results, "").read()
    return ExperimentStatistics(
        experiment.name,
        experiment.title,
        tuple(
            row_statistics(row, experiment.columns, stored.get(row.name, {}))
            for row in experiment.rows
        ),
    )


def all_statistics(results: Path = RESULTS) -> tuple[ExperimentStatistics, ...]:
    """Every experiment of the catalogue, in its order."""
    return tuple(experiment_statistics(entry.experiment, results) for entry in CATALOGUE)


def table(experiment: ExperimentStatistics) -> str:
    """Reported beside measured with interval and verdict, a line a reported figure, as Markdown."""
    lines = Table(
        "", "figure", "reported", "mean", "sd", "95 % interval", "difference", "seeds", "verdict"
    )
    for row in experiment.rows:
        for name, figure in row.columns.items():
            if figure.reported is None:
                continue
            lines.add_row(
                row.name,
                name.replace("_", " "),
                f"{figure.reported:g}",
                number(figure.mean),
                number(figure.deviation, like=figure.mean),
                shown(figure.interval, figure.mean),
                number(figure.difference, sign=True, like=figure.mean),
                str(figure.n) + (f", {len(row.failed)} failed" if row.failed else ""),
                figure.verdict,
            )
    return markdown(lines)


def shown(interval: Interval | None, like: float | None) -> str:
    """An interval as tables write it, in the digits of the figure `like`."""
    if interval is None:
        return ""
    return f"{number(interval.low, like=like)} to {number(interval.high, like=like)}"
