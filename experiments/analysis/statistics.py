"""Statistics of a row's runs: mean, spread, intervals, and how they compare with the reported figure."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from attrs import frozen
from rich.table import Table
from scipy import stats

from experiments.analysis import release
from experiments.analysis.intervals import CONFIDENCE, Interval
from experiments.analysis.release import Share, Shift, expected_shift, takes_flattened_images
from experiments.engine.figures import column_title, figure
from experiments.engine.spec import Experiment, Row
from experiments.engine.store import RESULTS, Store
from experiments.engine.tables import markdown, number
from experiments.study.catalogue import experiments

MLP_TOLERANCE, CONVNET_TOLERANCE = 0.3, 0.5
"""Difference in points of accuracy that counts as none: for an MLP on pixels, and for a convnet."""

ROUNDING = 0.5
"""Points added for class accuracies, which report 3 gives in whole percent."""

Verdict = Literal[
    "reproduced", "better", "worse", "one seed", "not judged", "not reported", "not run"
]


@frozen
class ColumnStatistics:
    """One figure of a row over its runs; None where there are too few runs."""

    values: tuple[float, ...]
    """One for each run, in the order of the seeds."""
    reported: float | None
    verdict: Verdict
    reason: str
    """The grounds of the verdict in one line; empty where nothing is judged."""
    shift: Shift | None = None
    """What the release of the images explains, where the report used another one."""

    @property
    def n(self) -> int:
        """Number of runs."""
        return len(self.values)

    @property
    def mean(self) -> float | None:
        """Over the runs."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def deviation(self) -> float | None:
        """Standard deviation of a sample (n - 1)."""
        return statistics.stdev(self.values) if self.n > 1 else None

    @property
    def interval(self) -> Interval | None:
        """95 % interval of the mean, Student's t: mean ± t s sqrt(1/n)."""
        return _around(self.values, 0)

    @property
    def prediction(self) -> Interval | None:
        """Where a further run lies with 95 %: mean ± t s sqrt(1 + 1/n)."""
        return _around(self.values, 1)

    @property
    def difference(self) -> float | None:
        """Mean less reported."""
        return None if self.mean is None or self.reported is None else self.mean - self.reported

    @property
    def remains(self) -> float | None:
        """The difference less what the release explains; None where it explains nothing."""
        if self.difference is None or self.shift is None:
            return None
        return self.difference + self.shift.mean


@frozen
class RowStatistics:
    """A row of a table over its runs."""

    name: str
    failed: Mapping[int, str]
    """Why runs failed, by seed."""
    columns: Mapping[str, ColumnStatistics]
    """The experiment's columns, and every other reported figure."""


@frozen
class ExperimentStatistics:
    """A table over its runs."""

    name: str
    title: str
    rows: tuple[RowStatistics, ...]


HEADLINES = ("test_accuracy", "validation_accuracy")
"""The figures that a table is about, of each of its stages."""


def column_statistics(
    values: Sequence[float],
    reported: float | None = None,
    tolerance: float = 0.0,
    better: Literal["higher", "lower"] | None = "higher",
    shift: Shift | None = None,
) -> ColumnStatistics:
    """One figure over the runs of a row, with its verdict; the page says how it is judged.

    The reported figure is of one run, so it is compared with the prediction interval of one further run
    (Patil, Peng and Leek 2016): the interval of the mean shrinks to a point with many seeds. With few or
    scattered runs the prediction interval excludes nothing, so the range of the runs counts too.
    With a `shift`, all runs are moved by its mean, and compared within its margin if that is larger.
    """
    values = tuple(map(float, values))
    verdict, reason = _verdict(values, reported, tolerance, better)
    if shift is not None and reason:
        moved = tuple(value + shift.mean for value in values)
        margin = max(tolerance, round(shift.margin, 2))
        verdict, reason = _verdict(moved, reported, margin, better)
        reason = f"with {shift.mean:+.2f} expected for the early release, {reason}"
    return ColumnStatistics(values, reported, verdict, reason, shift)


def _around(values: Sequence[float], further: int) -> Interval | None:
    """95 % interval of the mean of `values` or, with `further` 1, of one further value."""
    n = len(values)
    if n < 2:
        return None
    mean, error = statistics.fmean(values), statistics.stdev(values) * (further + 1 / n) ** 0.5
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * error
    return Interval(mean - reach, mean + reach)


def _verdict(
    values: tuple[float, ...], reported: float | None, tolerance: float, better: str | None
) -> tuple[Verdict, str]:
    """The verdict on a figure, and its reason."""
    if reported is None:
        return "not reported", ""
    if not values:
        return "not run", ""
    if better is None:
        return "not judged", ""
    further, mean = _around(values, 1), statistics.fmean(values)
    if further is None and not tolerance:
        return "one seed", "one seed has no interval"
    difference = mean - reported
    side = "above" if difference > 0 else "below"
    beyond = "better" if (difference > 0) == (better == "higher") else "worse"
    runs = "the one seed" if further is None else f"the mean of {len(values)} seeds"
    reason = f"{runs} is {number(abs(difference), like=mean)} {side} the reported figure"
    if tolerance and round(abs(difference), 9) <= tolerance:  # 91.79 - 91.29 isn't quite 0.5
        return "reproduced", f"{reason}, within the tolerance of {tolerance:g}"
    if further is None:
        return beyond, reason
    if further.contains(reported):
        if not min(values) - tolerance <= reported <= max(values) + tolerance:
            margin = f" by more than {tolerance:g}" if tolerance else ""
            return beyond, f"{reason}; every run is {side} it{margin}"
        beyond = "reproduced"
    return beyond, f"{reason}; prediction interval {shown(further, mean)}"


def direction(column: str) -> Literal["higher", "lower"] | None:
    """Which direction of a column's figure is better; None for epochs and training figures."""
    if "train_" in column:
        return None
    if column.endswith("_loss"):
        return "lower"
    if column.endswith(("_accuracy", "_recall", "_f1")) or "_class_" in column:
        return "higher"
    return None


def tolerance_of(row: Row, column: str) -> float:
    """Difference in points that counts as none in this figure; 0 for losses, which have no tolerance."""
    if direction(column) != "higher":
        return 0.0
    on_pixels = takes_flattened_images(row.run.stages[0].model)
    tolerance = MLP_TOLERANCE if on_pixels else CONVNET_TOLERANCE
    return tolerance + ROUNDING if "_class_" in column else tolerance


def row_statistics(
    row: Row,
    columns: Sequence[str],
    stored: Mapping[str, Any],
    shares: Mapping[str, Share] = MappingProxyType({}),
) -> RowStatistics:
    """Statistics of these columns and of all reported figures; `stored` is the row from `Store.read`."""
    runs = stored.get("runs", {})
    figures = {
        column: column_statistics(
            [figure(run, column) for run in runs.values()],
            row.reported.get(column),
            tolerance_of(row, column),
            direction(column),
            expected_shift(row, column, list(runs.values()), shares),
        )
        for column in dict.fromkeys((*columns, *row.reported))
    }
    return RowStatistics(row.name, stored.get("failed", {}), figures)


def experiment_statistics(experiment: Experiment, results: Path = RESULTS) -> ExperimentStatistics:
    """Statistics of every row of an experiment, from the folder `results`."""
    stored = Store(experiment, results, "").read()
    on_early = experiment.reported_on == "early"
    shares = release.shares(release.read(results)) if on_early else {}
    rows = (
        row_statistics(row, experiment.columns, stored.get(row.name, {}), shares)
        for row in experiment.rows
    )
    return ExperimentStatistics(experiment.name, experiment.title, tuple(rows))


def all_statistics(results: Path = RESULTS) -> tuple[ExperimentStatistics, ...]:
    """Statistics of every experiment."""
    return tuple(experiment_statistics(experiment, results) for experiment in experiments())


def table(experiment: ExperimentStatistics) -> str:
    """Reported and measured figures with verdicts as Markdown, a line for each reported figure."""
    lines = Table(
        "", "figure", "reported", "mean", "sd", "95 % interval", "difference", "release", "remains",
        "seeds", "verdict",
    )  # fmt: skip
    for row in experiment.rows:
        failed = f", {len(row.failed)} failed" if row.failed else ""
        for name, one in row.columns.items():
            if one.reported is not None:
                beyond = (
                    number(each, sign=True, like=one.mean) for each in (one.difference, one.remains)
                )
                lines.add_row(
                    row.name, column_title(name), f"{one.reported:g}", number(one.mean),
                    number(one.deviation, like=one.mean), shown(one.interval, one.mean), next(beyond),
                    "" if one.shift is None else f"{one.shift.mean:+.2f} ± {one.shift.margin:.2f}",
                    next(beyond), f"{one.n}{failed}", one.verdict,
                )  # fmt: skip
    return markdown(lines)


def shown(interval: Interval | None, like: float | None) -> str:
    """An interval as tables write it, with the digits of the figure `like`."""
    if interval is None:
        return ""
    return f"{number(interval.low, like=like)} to {number(interval.high, like=like)}"
