"""What the re-splits show of the official test file: differences of accuracies, in points, over splits.

Intervals cover the splits, with one training each; they are Student's t intervals of the mean, and of
Welch's test where re-splits are compared with official files.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from experiments.analysis.intervals import (
    Estimate,
    interval,
    paired,
    standard_error,
    unpaired,
)
from experiments.engine.figures import Measured, figure
from experiments.engine.store import RESULTS, Store
from experiments.engine.tables import markdown, number
from experiments.reports.report1 import release
from experiments.reports.reported import LOGS, REPORTED

MLP, CONVNETS, FEATURES = "MLP on pixels", "convnets", "MLP on features"
"""Kinds of networks; report 1's logs have the first two."""

ALL = "mean of all"
"""The mean over the figures of a split; networks that were run on one split only don't count."""

LEAST_GAP = 0.2
"""Points of "validation less test" below which a share of it means nothing."""

TITLES = {"mlp": "MLP on its features", "convnet": "own head"}

BySplit = Mapping[int, Measured]
"""A network's measured run by the seed of its split."""


class Networks(NamedTuple):
    """The runs of every network: on re-splits, and on the official files."""

    resplits: Mapping[str, BySplit]
    official: Mapping[str, BySplit]


class Figure(NamedTuple):
    """The accuracy of one network's stage."""

    network: str
    stage: str
    title: str
    kind: str


FIGURES = (
    Figure("784,128,10", "mlp", "784,128,10", MLP),
    *(
        Figure(network, stage, f"{network}, {TITLES[stage]}", kind)
        for network in ("max/random", "max/he")
        for stage, kind in (("convnet", CONVNETS), ("mlp", FEATURES))
    ),
)


class Difference(NamedTuple):
    """A difference of accuracies in points; `estimate` is None where nothing was run."""

    title: str
    estimate: Estimate | None


def read(results: Path = RESULTS) -> Networks:
    """The stored runs."""
    return networks_of(Store(release.EXPERIMENT, results, "").read())


def networks_of(stored: Mapping[str, Mapping[str, Any]]) -> Networks:
    """The experiment's runs, as `Store.read` returns them, by network and split."""
    return Networks(*(_by_network(stored, kind) for kind in ("re-split ", "split seed ")))


def _by_network(stored: Mapping[str, Mapping[str, Any]], kind: str) -> dict[str, BySplit]:
    found: dict[str, dict[int, Measured]] = {network: {} for network in release.NETWORKS}
    for row, entry in stored.items():
        network, _, split = row.rpartition(", ")
        if split.startswith(kind):
            for measured in entry["runs"].values():
                found[network][int(split.removeprefix(kind))] = measured
    return dict(found)


def gaps(runs: BySplit, stage: str) -> dict[int, float]:
    """Test less validation accuracy, by split."""
    return {
        split: figure(run, f"{stage}.test_accuracy") - figure(run, f"{stage}.validation_accuracy")
        for split, run in runs.items()
    }


def test_accuracies(runs: BySplit, stage: str) -> dict[int, float]:
    """Test accuracy, by split."""
    return {split: figure(run, f"{stage}.test_accuracy") for split, run in runs.items()}


def by_file(runs: BySplit, stage: str) -> dict[int, float]:
    """Of the images that a re-split holds back: accuracy of those from the test file less the others'."""
    return {
        split: _held_back(run, stage, "test") - _held_back(run, stage, "training")
        for split, run in runs.items()
    }


def _held_back(run: Measured, stage: str, file: str) -> float:
    """Accuracy over the test and the validation images that come from a file."""
    parts = [
        tuple(
            figure(run, f"{stage}.{split}_{what}_of_{file}_file") for what in ("images", "accuracy")
        )
        for split in ("test", "validation")
    ]
    return sum(count * accuracy for count, accuracy in parts) / sum(count for count, _ in parts)


Quantity = Callable[[BySplit, str], dict[int, float]]


def over_splits(networks: Mapping[str, BySplit], quantity: Quantity) -> list[Difference]:
    """A quantity of each figure, and its mean over figures, over the splits."""
    by_figure = [quantity(networks[one.network], one.stage) for one in FIGURES]
    found = [
        Difference(one.title, _mean(list(values.values())))
        for one, values in zip(FIGURES, by_figure, strict=True)
    ]
    return [*found, Difference(ALL, _mean(_means(by_figure)))]


def shifts(networks: Networks) -> list[Difference]:
    """Test accuracy on re-splits less test accuracy on the official files."""
    found, samples = [], ([], [])
    for one in FIGURES:
        both = [test_accuracies(runs[one.network], one.stage) for runs in networks]
        found.append(Difference(one.title, _unpaired([list(values.values()) for values in both])))
        if all(len(values) > 1 for values in both):
            for sample, values in zip(samples, both, strict=True):
                sample.append(values)
    return [*found, Difference(ALL, _unpaired([_means(sample) for sample in samples]))]


def _means(by_figure: Sequence[Mapping[int, float]]) -> list[float]:
    """The mean over figures of each split; figures of a single split are left out."""
    several = [values for values in by_figure if len(values) > 1]
    common = sorted(set.intersection(*map(set, several))) if several else []
    return [statistics.fmean(values[split] for values in several) for split in common]


def _unpaired(samples: Sequence[Sequence[float]]) -> Estimate | None:
    more, less = samples
    return unpaired(more, less) if more and less else None


def _mean(values: Sequence[float]) -> Estimate | None:
    return paired(values) if values else None


def reported_gaps() -> dict[str, list[float]]:
    """By group, test accuracy less last logged validation accuracy of report 1's networks."""
    tests = {_log_row(one): one["test_accuracy"] for one in REPORTED["report_1"]["scratch_mlp"]}
    return {
        MLP: [
            tests[log["row"]] - 100 * log["log"][-1]["validation_accuracy"]
            for log in LOGS["report_1_mlp"]
        ],
        CONVNETS: [
            100 * (log["cnn_test_accuracy"] - log["log"][-1]["validation_accuracy"])
            for log in LOGS["report_1_cnn"]
        ],
    }


def _log_row(entry: Mapping[str, Any]) -> str:
    """The row as the logs name it; the last one's sizes are those of its figure."""
    sizes = entry["layer_sizes"]
    if sizes == [784, 256, 128, 10]:
        sizes = [784, 400, 250, 100, 10]
    activation = entry["activation"].replace("_", "-")
    return f"{','.join(map(str, sizes))} {activation} dropout {entry['dropout']:g}"


def group_gaps(networks: Mapping[str, BySplit], group: str) -> list[float]:
    """Test less validation accuracy by split, the mean over the group's networks that were run on it."""
    by_split: dict[int, list[float]] = {}
    for one in FIGURES:
        if one.kind == group:
            for split, gap in gaps(networks[one.network], one.stage).items():
                by_split.setdefault(split, []).append(gap)
    return [statistics.fmean(values) for values in by_split.values()]


class Share(NamedTuple):
    """How much of "test less validation" on the official files is gone on re-splits: 1 is all of it."""

    mean: float
    error: float
    """Standard error by the splits."""


def shares(networks: Networks) -> dict[str, Share]:
    """For each kind: test accuracy on re-splits less that on the official files, over the official gap.

    Means over the kind's networks. Their standard errors are averaged, since networks share their splits. A
    kind without two splits of both is missing, and so is one with an official gap of less than `LEAST_GAP`.
    """
    found: dict[str, Share] = {}
    for kind in (MLP, CONVNETS, FEATURES):
        shifts_, gaps_, errors = [], [], []
        for one in FIGURES:
            resplits, official = (
                list(test_accuracies(runs[one.network], one.stage).values()) for runs in networks
            )
            if one.kind != kind or not resplits or not official:
                continue
            shifts_.append(statistics.fmean(resplits) - statistics.fmean(official))
            of_split = gaps(networks.official[one.network], one.stage)
            gaps_.append(-statistics.fmean(of_split.values()))
            if min(len(resplits), len(official)) > 1:
                errors.append(standard_error(unpaired(resplits, official)))
        if errors and statistics.fmean(gaps_) >= LEAST_GAP:
            gap = statistics.fmean(gaps_)
            found[kind] = Share(statistics.fmean(shifts_) / gap, statistics.fmean(errors) / gap)
    return found


def table(networks: Networks) -> str:
    """All differences as Markdown: mean, 95 % interval and number of splits."""
    columns = {
        "test - validation, re-splits": over_splits(networks.resplits, gaps),
        "test - validation, official": over_splits(networks.official, gaps),
        "re-split test - official test": shifts(networks),
        "held back: test file - training file": over_splits(networks.resplits, by_file),
    }
    lines = Table("", *columns)
    for cells in zip(*columns.values(), strict=True):
        lines.add_row(cells[0].title, *(_cell(one.estimate) for one in cells))
    return markdown(lines)


def _cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return "not run"
    sizes = " and ".join(map(str, dict.fromkeys(estimate.sizes)))
    found = interval(estimate)
    if found is None:
        return f"{number(estimate.mean, sign=True, like=2)} (n = {sizes})"
    low, high = (number(one, sign=True, like=2) for one in found)
    return f"{number(estimate.mean, sign=True, like=2)}, {low} to {high} (n = {sizes})"


def chart_records(networks: Networks) -> Iterator[dict[str, Any]]:
    """Test less validation accuracy by group: in report 1, here on re-splits, here on official files."""
    reported = reported_gaps()
    for group in (MLP, CONVNETS):
        series = {
            "report 1, early release": reported[group],
            "here, re-splits": group_gaps(networks.resplits, group),
            "here, official files": group_gaps(networks.official, group),
        }
        for name, values in series.items():
            if values:
                estimate = paired(values)
                found = interval(estimate)
                yield {
                    "row": group,
                    "series": name,
                    "value": estimate.mean,
                    "low": found and found.low,
                    "high": found and found.high,
                    "n": str(len(values)),
                }
