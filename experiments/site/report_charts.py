"""The charts of an experiment: those that all have, and the reports' own."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from experiments.analysis import release
from experiments.analysis.statistics import ExperimentStatistics
from experiments.site import charts, curves, logged, rows, tables
from experiments.site.charts import Record
from experiments.site.curves import Runs
from experiments.site.parts import Chart, Chooser, identifier
from experiments.site.rows import REPORTED
from fmnist_jax.data.dataset import CLASS_NAMES

Stored = Mapping[str, Mapping[str, Any]]
"""An experiment's rows as `Store.read` returns them."""


def none(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Any]:
    """No charts."""
    yield from ()


def measured_and_reported(experiment: ExperimentStatistics) -> Iterator[Chart]:
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
            rows.measured_and_reported(records, f"{name}, %"),
        )


def row_chooser(name: str, stored: Stored) -> Chooser | None:
    """Learning curves and confusion matrix of one row, which the reader chooses.

    Rows of one epoch have no curves and are left out.
    """
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
        return None
    return Chooser(
        identifier(name, "row"),
        "Row",
        tuple(options),
        (
            Chart(
                identifier(name, "loss"),
                "Loss by epoch",
                "Line chart: training and validation loss by epoch for the chosen row.",
                "Mean of the runs that reached the epoch; the band spans the lowest and the highest run. "
                "Training losses are means over the batches of an epoch.",
                charts.curves(records["loss"], "Loss", chosen=0),
            ),
            Chart(
                identifier(name, "accuracy"),
                "Accuracy by epoch",
                "Line chart: training and validation accuracy by epoch for the chosen row.",
                "Lines and bands are drawn as in the chart of the losses.",
                charts.curves(records["accuracy"], "Accuracy, %", percent=True, chosen=0),
            ),
            Chart(
                identifier(name, "confusion"),
                "Confusion matrix",
                "Heat map: share of each correct class by predicted class, for the chosen row.",
                f"Percent of the correct class, {' and '.join(sorted(splits))} images of all runs. "
                "Values that round to 0 are left blank.",
                charts.confusion(matrix, CLASS_NAMES, chosen=0),
            ),
        ),
    )


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
        percent = name.endswith("accuracy")
        unit = ", %" if percent else ""
        yield Chart(
            id,
            title,
            f"Line chart: {name} by epoch; {title}; curves: {', '.join(charts.series_of(records))}.",
            "Mean over runs; the band spans the lowest and the highest run.",
            charts.curves(records, tables.capitalised(name) + unit, percent=percent),
        )


POOLINGS, INITIALIZERS = ("max", "avg", "global"), ("random", "he", "xavier")
SAME, DOUBLED = "16,16,16,16,16", "16,32,64,128,256"


def _pooling(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Chart]:
    """Report 1's charts: the poolings with each initialiser; the same filters and doubled ones."""

    def runs(pooling: str, filters: str, initializer: str) -> Runs:
        return stored.get(f"{pooling} {filters} 3x3 {initializer}", {}).get("runs", {})

    column = "convnet.validation_accuracy"
    for initializer in INITIALIZERS:
        yield from _compared(
            identifier(experiment.name, "pooling", initializer),
            f"Pooling, initialiser {initializer}",
            {pooling: runs(pooling, DOUBLED, initializer) for pooling in POOLINGS},
            column,
        )
    for pooling in POOLINGS:
        alternatives = {
            f"same: {SAME}": runs(pooling, SAME, "random"),
            f"doubled: {DOUBLED}": runs(pooling, DOUBLED, "random"),
        }
        title = f"Same and doubled filters, {pooling}"
        yield from _compared(
            identifier(experiment.name, "filters", pooling), title, alternatives, column
        )


def _together(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Chart]:
    """Report 4's curves: the rows of 100 epochs in one chart."""
    rows = {name: entry["runs"] for name, entry in stored.items() if "decay" in name}
    for column in ("validation_loss", "validation_accuracy", "train_loss"):
        title = f"Decay, dropout and L2: {column.replace('_', ' ')}"
        yield from _compared(identifier(experiment.name, "together", column), title, rows, column)


def _release(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Chart]:
    """Test less validation accuracy: in report 1, on re-splits, and on the official files."""
    networks = release.networks_of(stored)
    records = list(release.chart_records(networks))
    yield Chart(
        identifier(experiment.name, "gaps"),
        "Test less validation accuracy",
        "Points with intervals: test accuracy less validation accuracy of MLPs and convnets, in report 1, "
        "on re-splits of all images, and on the official files.",
        "Means with 95 % intervals: over the networks of report 1's logs, and here over splits. Left of 0 "
        "test images are harder than validation images.",
        rows.differences(records, "test less validation accuracy, points"),
    )


TWICE, RIGHT = "softmax-twice", "softmax-cross-entropy"


def _classes(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Chooser]:
    """Report 3's class accuracies, for the batch size that the reader chooses."""
    rows = {row.name: row for row in experiment.rows}
    sizes = [name.removesuffix(f" {TWICE}") for name in rows if name.endswith(f" {TWICE}")]
    records: list[Record] = []
    for index, size in enumerate(sizes):
        twice, right = (
            [rows[f"{size} {loss}"].columns[f"test_class_{number}"] for number in range(10)]
            for loss in (TWICE, RIGHT)
        )
        series = {REPORTED: twice, f"measured, {TWICE}": twice, f"measured, {RIGHT}": right}
        records += curves.class_accuracies(series, CLASS_NAMES, index)
    if records:
        yield Chooser(
            identifier(experiment.name, "batch"),
            "Batch size",
            tuple(sizes),
            (
                Chart(
                    identifier(experiment.name, "classes"),
                    "Accuracy by class",
                    "Bar chart: test accuracy of each class at the chosen batch size: reported, "
                    "measured with softmax twice, measured with the right loss.",
                    "Means over runs; the line through a bar spans the lowest and the highest run.",
                    charts.class_bars(records, chosen=0),
                    wide=True,
                ),
            ),
        )


Charts = Callable[[ExperimentStatistics, Stored], Iterator[Chart]]
Choosers = Callable[[ExperimentStatistics, Stored], Iterator[Chooser]]

SPECIAL: Mapping[str, tuple[Charts, Choosers]] = {
    "report1/table2": (_pooling, logged.networks),
    "report1/release": (_release, none),
    "report3/lenet": (logged.loss, _classes),
    "report3/all_images": (logged.loss, none),
    "report4/mlp": (_together, none),
}
"""Charts that only one experiment has."""


def special_charts(name: str) -> tuple[Charts, Choosers]:
    """The charts and choosers that only the experiment of that name has."""
    return SPECIAL.get(name, (none, none))
