"""The charts of an experiment: those that all have, and the reports' own."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from experiments.analysis import release
from experiments.analysis.logs import row_of
from experiments.analysis.statistics import ExperimentStatistics
from experiments.reports.report3.loss_log import REPORTED_LOSSES
from experiments.reports.reported import LOGS
from experiments.site import charts, curves, rows, tables
from experiments.site.charts import Chart, Charts, Record, identifier
from experiments.site.curves import Runs
from experiments.site.rows import REPORTED
from fmnist_jax.data.dataset import CLASS_NAMES

Stored = Mapping[str, Mapping[str, Any]]
"""An experiment's rows as `Store.read` returns them."""

BAND = "the band spans the lowest and the highest run."
OVER_LOG = (
    "Reported: one run, as the report prints it. Measured: the mean of the runs that reached the epoch; "
    + BAND
)


def of_experiment(experiment: ExperimentStatistics, stored: Stored) -> tuple[Charts, ...]:
    """All charts of an experiment, in the page's order."""
    own = (make(experiment, stored) for make in SPECIAL.get(experiment.name, ()))
    groups = [
        Charts(tuple(_measured_and_reported(experiment))),
        *chain.from_iterable(own),
        *_row_chooser(experiment.name, stored),
    ]
    return tuple(one for one in groups if one.charts)


def _measured_and_reported(experiment: ExperimentStatistics) -> Iterator[Chart]:
    """Measured and reported figures, a chart for each accuracy of the main table."""
    for column in tables.main_columns(experiment):
        with_column = [row for row in experiment.rows if column in row.columns]
        records = curves.measured_and_reported(with_column, column)
        if len(with_column) < 2 or not records or not column.endswith("_accuracy"):
            continue
        name = tables.capitalised(tables.label(column))
        yield Chart(
            identifier(experiment.name, column),
            name,
            f"{experiment.title}: {name} in percent, a line for each row, measured and reported. The "
            "table above has the figures.",
            "Means with 95 % intervals. One run alone has no interval.",
            rows.chart(records, f"{name}, %", rows.FIGURES),
        )


def _by_epoch(
    id: str,
    title: str,
    records: Mapping[str, Sequence[Record]],
    words: str,
    captions: Iterable[str],
) -> Iterator[Chart]:
    """Loss and accuracy by epoch, of the row that the reader chooses."""
    for (quantity, points), caption in zip(records.items(), captions, strict=True):
        yield Chart(
            identifier(id, quantity),
            f"{quantity.capitalize()} by epoch{title}",
            f"Line chart: training and validation {quantity} by epoch {words}.",
            caption,
            charts.curves(points, "Accuracy, %" if quantity == "accuracy" else "Loss", chosen=0),
        )


def _row_chooser(name: str, stored: Stored) -> Iterator[Charts]:
    """Learning curves and confusion matrix of one row, which the reader chooses; not of one epoch."""
    options: list[str] = []
    records: dict[str, list[Record]] = {"loss": [], "accuracy": []}
    matrix: list[Record] = []
    splits: set[str] = set()
    for row, entry in stored.items():
        runs = entry["runs"]
        stages = [stage for stage in curves.stages_of(runs) if curves.epochs(runs, stage) > 1]
        for stage in stages:
            index = len(options)
            options.append(f"{row}: {tables.STAGES.get(stage, stage)}" if len(stages) > 1 else row)
            for quantity, points in records.items():
                for split, series in curves.SPLITS.items():
                    points += curves.curve(runs, f"{stage}.{split}_{quantity}", series, index)
            split, cells = curves.confusion(runs, stage, index)
            splits.add(split)
            matrix += cells
    if not options:
        return
    captions = (
        f"Mean of the runs that reached the epoch; {BAND} Training losses are means over the batches of "
        "an epoch.",
        "Lines and bands are drawn as in the chart of the losses.",
    )
    confusion = Chart(
        identifier(name, "confusion"),
        "Confusion matrix",
        "Heat map: share of each correct class by predicted class, for the chosen row.",
        f"Percent of the correct class, {' and '.join(sorted(splits))} images of all runs. Values that "
        "round to 0 are left blank.",
        charts.confusion(matrix, CLASS_NAMES, chosen=0),
    )
    shown = (*_by_epoch(name, "", records, "for the chosen row", captions), confusion)
    yield Charts(shown, identifier(name, "row"), "Row", tuple(options))


def _compared(
    id: str, title: str, alternatives: Mapping[str, Runs], column: str
) -> Iterator[Chart]:
    """A column of the history by epoch, a curve for each alternative; no chart where none has run."""
    records = [
        record
        for series, runs in alternatives.items()
        if runs
        for record in curves.curve(runs, column, series)
    ]
    if records:
        name = column.rpartition(".")[2].replace("_", " ")
        yield Chart(
            id,
            title,
            f"Line chart: {name} by epoch; {title}; curves: {', '.join(charts.series_of(records))}.",
            f"Mean over runs; {BAND}",
            charts.curves(records, tables.capitalised(name) + ", %" * name.endswith("accuracy")),
        )


POOLINGS, INITIALIZERS = ("max", "avg", "global"), ("random", "he", "xavier")
SAME, DOUBLED = "16,16,16,16,16", "16,32,64,128,256"


def _pooling(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Charts]:
    """Report 1's charts: the poolings with each initialiser; the same filters and doubled ones."""
    by_title = {
        ("pooling", initializer, f"Pooling, initialiser {initializer}"): {
            pooling: f"{pooling} {DOUBLED} 3x3 {initializer}" for pooling in POOLINGS
        }
        for initializer in INITIALIZERS
    } | {
        ("filters", pooling, f"Same and doubled filters, {pooling}"): {
            f"same: {SAME}": f"{pooling} {SAME} 3x3 random",
            f"doubled: {DOUBLED}": f"{pooling} {DOUBLED} 3x3 random",
        }
        for pooling in POOLINGS
    }
    shown: list[Chart] = []
    for (kind, which, title), its in by_title.items():
        alternatives = {series: _runs(stored, row) for series, row in its.items()}
        id = identifier(experiment.name, kind, which)
        shown += _compared(id, title, alternatives, "convnet.validation_accuracy")
    yield Charts(tuple(shown))


def _together(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Charts]:
    """Report 4's curves: the rows of 100 epochs in one chart."""
    its = {name: entry["runs"] for name, entry in stored.items() if "decay" in name}
    shown: list[Chart] = []
    for column in ("validation_loss", "validation_accuracy", "train_loss"):
        title = f"Decay, dropout and L2: {column.replace('_', ' ')}"
        shown += _compared(identifier(experiment.name, "together", column), title, its, column)
    yield Charts(tuple(shown))


def _runs(stored: Stored, row: str) -> Runs:
    return stored.get(row, {}).get("runs", {})


def _release(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Charts]:
    """Test less validation accuracy: in report 1, on re-splits, and on the official files."""
    records = list(release.chart_records(release.networks_of(stored)))
    chart = Chart(
        identifier(experiment.name, "gaps"),
        "Test less validation accuracy",
        "Points with intervals: test accuracy less validation accuracy of MLPs and convnets, in report 1, "
        "on re-splits of all images, and on the official files.",
        "Means with 95 % intervals: over the networks of report 1's logs, and here over splits. Left of 0 "
        "test images are harder than validation images.",
        rows.chart(records, "test less validation accuracy, points", rows.DIFFERENCES),
    )
    yield Charts((chart,))


TWICE, RIGHT = "softmax-twice", "softmax-cross-entropy"


def _classes(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Charts]:
    """Report 3's class accuracies, for the batch size that the reader chooses."""
    by_name = {row.name: row for row in experiment.rows}
    sizes = [name.removesuffix(f" {TWICE}") for name in by_name if name.endswith(f" {TWICE}")]
    records: list[Record] = []
    for index, size in enumerate(sizes):
        twice, right = (
            [by_name[f"{size} {loss}"].columns[f"test_class_{number}"] for number in range(10)]
            for loss in (TWICE, RIGHT)
        )
        series = {REPORTED: twice, f"measured, {TWICE}": twice, f"measured, {RIGHT}": right}
        records += curves.class_accuracies(series, CLASS_NAMES, index)
    if records:
        chart = Chart(
            identifier(experiment.name, "classes"),
            "Accuracy by class",
            "Bar chart: test accuracy of each class at the chosen batch size: reported, measured with "
            "softmax twice, measured with the right loss.",
            "Means over runs; the line through a bar spans the lowest and the highest run.",
            charts.class_bars(records, chosen=0),
            wide=True,
        )
        yield Charts((chart,), identifier(experiment.name, "batch"), "Batch size", tuple(sizes))


def logged_networks(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Charts]:
    """Report 1's networks: reported and measured loss and accuracy by epoch."""
    with_runs = [log for log in LOGS["report_1_cnn"] if _runs(stored, row_of(log))]
    records: dict[str, list[Record]] = {"loss": [], "accuracy": []}
    for index, log in enumerate(with_runs):
        for quantity, points in records.items():
            for split, words in curves.SPLITS.items():
                column = f"{split}_{quantity}"
                values = [
                    (100 if quantity == "accuracy" else 1) * one[column] for one in log["log"]
                ]
                points += curves.logged(values, f"{words}, reported", index)
                runs = _runs(stored, row_of(log))
                points += curves.curve(runs, f"convnet.{column}", f"{words}, measured", index)
    if with_runs:
        words = "of the chosen network, as the report prints it and as measured"
        id, title = f"{experiment.name}-log", ", reported and measured"
        shown = tuple(_by_epoch(id, title, records, words, [OVER_LOG] * 2))
        yield Charts(shown, identifier(id), "Network", tuple(map(row_of, with_runs)))


def logged_loss(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Charts]:
    """Report 3's training loss, reported (in the scale of a mean over images) and measured."""
    if runs := _runs(stored, "batch 100 softmax-twice"):
        records = [
            *curves.logged(REPORTED_LOSSES, "reported, times 938/600"),
            *curves.curve(runs, "train_loss", "measured"),
        ]
        chart = Chart(
            identifier(experiment.name, "log"),
            "Training loss by epoch, reported and measured",
            "Line chart: report 3's training loss at batch size 100 by epoch, as it prints it times "
            "938/600, and as measured.",
            OVER_LOG,
            charts.curves(records, "Training loss"),
        )
        yield Charts((chart,))


MakeCharts = Callable[[ExperimentStatistics, Stored], Iterator[Charts]]

SPECIAL: Mapping[str, tuple[MakeCharts, ...]] = {
    "report1/table2": (_pooling, logged_networks),
    "report1/release": (_release,),
    "report3/lenet": (logged_loss, _classes),
    "report3/all_images": (logged_loss,),
    "report4/mlp": (_together,),
}
"""Charts that only one experiment has."""
