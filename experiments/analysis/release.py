"""What the re-splits show of the official test file: differences of accuracies, in points, over splits.

Intervals cover the splits, with one training each; they are Student's t intervals of the mean, and of
Welch's test where re-splits are compared with official files. From this follows the shift that is expected
between report 1's test images and today's.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from experiments.analysis.intervals import Estimate, estimate, interval, standard_error
from experiments.engine.figures import Measured, figure, has_figures
from experiments.engine.spec import Row
from experiments.engine.store import RESULTS, Store
from experiments.engine.tables import markdown
from experiments.reports.report1 import release
from experiments.reports.reported import LOGS, REPORTED
from fmnist_jax.config.model import ModelConfig

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


def read(results: Path = RESULTS) -> Networks:
    """The stored runs."""
    return networks_of(Store(release.EXPERIMENT, results, "").read())


def networks_of(stored: Mapping[str, Mapping[str, Any]]) -> Networks:
    """The experiment's runs, as `Store.read` returns them, by network and split."""
    return Networks(*(_by_network(stored, kind) for kind in ("re-split ", "split seed ")))


def _by_network(stored: Mapping[str, Mapping[str, Any]], kind: str) -> Mapping[str, BySplit]:
    found: dict[str, dict[int, Measured]] = {network: {} for network in release.NETWORKS}
    for row, entry in stored.items():
        network, _, split = row.rpartition(", ")
        if split.startswith(kind):
            for measured in entry["runs"].values():
                found[network][int(split.removeprefix(kind))] = measured
    return found


def gap(run: Measured, stage: str) -> float:
    """Test less validation accuracy."""
    return figure(run, f"{stage}.test_accuracy") - figure(run, f"{stage}.validation_accuracy")


def test_accuracy(run: Measured, stage: str) -> float:
    """Test accuracy."""
    return figure(run, f"{stage}.test_accuracy")


def by_file(run: Measured, stage: str) -> float:
    """Of the images that a re-split holds back: accuracy of those from the test file less the others'."""
    return _held_back(run, stage, "test") - _held_back(run, stage, "training")


def _held_back(run: Measured, stage: str, file: str) -> float:
    """Accuracy over the test and the validation images that come from a file."""
    counts, accuracies = (
        [figure(run, f"{stage}.{split}_{what}_of_{file}_file") for split in ("test", "validation")]
        for what in ("images", "accuracy")
    )
    return float(np.average(accuracies, weights=counts))


Quantity = Callable[[Measured, str], float]


def values(networks: Mapping[str, BySplit], quantity: Quantity, one: Figure) -> dict[int, float]:
    """A quantity of one figure's stage, by split."""
    return {split: quantity(run, one.stage) for split, run in networks[one.network].items()}


def differences(quantity: Quantity, *kinds: Mapping[str, BySplit]) -> dict[str, Estimate | None]:
    """Of each figure and of their mean: a quantity over splits, or over one kind of split less another."""
    found: dict[str, Estimate | None] = {}
    several = [[] for _ in kinds]
    for one in FIGURES:
        samples = [values(networks, quantity, one) for networks in kinds]
        found[one.title] = _estimate(list(sample.values()) for sample in samples)
        if all(len(sample) > 1 for sample in samples):
            for its, sample in zip(several, samples, strict=True):
                its.append(sample)
    return found | {ALL: _estimate(map(_means, several))}


def _means(by_figure: Sequence[Mapping[int, float]]) -> list[float]:
    """The mean over figures, of each split that all have."""
    common = sorted(set.intersection(*map(set, by_figure))) if by_figure else []
    return [statistics.fmean(its[split] for its in by_figure) for split in common]


def _estimate(samples: Iterable[list[float]]) -> Estimate | None:
    samples = list(samples)
    return estimate(*samples) if all(samples) else None


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
    by_split: dict[int, list[float]] = defaultdict(list)
    for one in FIGURES:
        if one.kind == group:
            for split, found in values(networks, gap, one).items():
                by_split[split].append(found)
    return list(map(statistics.fmean, by_split.values()))


class Share(NamedTuple):
    """How much of "test less validation" on the official files is gone on re-splits: 1 is all of it."""

    mean: float
    error: float
    """Standard error by the splits."""


def shares(networks: Networks) -> dict[str, Share]:
    """For each kind: test accuracy on re-splits less that on the official files, over the official gap.

    Standard errors of the kind's networks are averaged, since networks share their splits.
    """
    found: dict[str, Share] = {}
    for kind in (MLP, CONVNETS, FEATURES):
        shifts, gaps, errors = [], [], []
        for one in FIGURES:
            samples = [list(values(its, test_accuracy, one).values()) for its in networks]
            if one.kind != kind or not all(samples):
                continue
            shift = estimate(*samples)
            shifts.append(shift.mean)
            gaps.append(-statistics.fmean(values(networks.official, gap, one).values()))
            if shift.deviations:
                errors.append(standard_error(shift))
        if errors and (mean_gap := statistics.fmean(gaps)) >= LEAST_GAP:
            found[kind] = Share(
                statistics.fmean(shifts) / mean_gap, statistics.fmean(errors) / mean_gap
            )
    return found


def table(networks: Networks) -> str:
    """All differences as Markdown: mean, 95 % interval and number of splits."""
    columns = {
        "test - validation, re-splits": differences(gap, networks.resplits),
        "test - validation, official": differences(gap, networks.official),
        "re-split test - official test": differences(test_accuracy, *networks),
        "held back: test file - training file": differences(by_file, networks.resplits),
    }
    lines = Table("", *columns)
    for title in (*(one.title for one in FIGURES), ALL):
        lines.add_row(title, *(_cell(its[title]) for its in columns.values()))
    return markdown(lines)


def _cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return "not run"
    sizes = " and ".join(map(str, dict.fromkeys(estimate.sizes)))
    found = interval(estimate)
    ends = f", {found.low:+.2f} to {found.high:+.2f}" if found else ""
    return f"{estimate.mean:+.2f}{ends} (n = {sizes})"


def chart_records(networks: Networks) -> Iterator[dict[str, Any]]:
    """Test less validation accuracy by group: in report 1, here on re-splits, here on official files."""
    reported = reported_gaps()
    for group in (MLP, CONVNETS):
        series = {
            "report 1, early release": reported[group],
            "here, re-splits": group_gaps(networks.resplits, group),
            "here, official files": group_gaps(networks.official, group),
        }
        for name, sample in series.items():
            if sample:
                low, high = interval(estimate(sample)) or (None, None)
                point = {"row": group, "series": name, "value": statistics.fmean(sample)}
                yield point | {"low": low, "high": high, "n": str(len(sample))}


NORMAL_95 = 1.96
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""


class Shift(NamedTuple):
    """An accuracy expected on the images that a report used, less the one measured here, in points."""

    mean: float
    error: float
    """Standard deviation by the choice of the images and by the splits."""

    @property
    def margin(self) -> float:
        """Half the width of the 95 % interval."""
        return NORMAL_95 * self.error


def kind_of(row: Row, column: str) -> str:
    """Which kind of network a figure belongs to."""
    name = column.rpartition(".")[0] or row.run.stages[-1].name
    if name != row.run.stages[0].name:
        return FEATURES
    return MLP if takes_flattened_images(row.run.stages[0].model) else CONVNETS


def takes_flattened_images(model: ModelConfig) -> bool:
    """Whether a first stage's model is an MLP on pixels, by the shape of its inputs."""
    return len(model.input_shape) == 1


def expected_shift(
    row: Row, column: str, runs: Sequence[Measured], shares: Mapping[str, Share]
) -> Shift | None:
    """The shift of a reported test accuracy, by `shares` of the early release's experiment, else None.

    Mean s g: the share s of the row's own gap g (validation less test accuracy) that re-splits remove.
    Error sqrt(t (1 - t) / n + (se(s) g)^2), with the test accuracy t of n images.
    """
    validation = column.replace("test_", "validation_")
    needed = (column, validation, f"{column.removesuffix('accuracy')}confusion")
    share = shares.get(kind_of(row, column))
    if share is None or not column.endswith("test_accuracy") or not runs:
        return None
    if not all(has_figures(run, needed) for run in runs):
        return None
    test, valid = (statistics.fmean(figure(run, name) for run in runs) for name in needed[:2])
    t, gap = test / 100, valid - test
    binomial = 100 * math.sqrt(t * (1 - t) / sum(map(sum, figure(runs[0], needed[2]))))
    return Shift(share.mean * gap, math.hypot(binomial, share.error * gap))
