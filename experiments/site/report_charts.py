"""The charts of an experiment: those that all have, and the reports' own pictures."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from experiments.analysis.statistics import ExperimentStatistics
from experiments.site import charts, curves, rows, tables
from experiments.site.charts import Record
from experiments.site.curves import Runs
from experiments.site.parts import Chart, Chooser
from experiments.site.rows import BESIDE
from fmnist_jax.data.dataset import CLASS_NAMES

Stored = Mapping[str, Mapping[str, Any]]
"""An experiment's rows as they are stored."""


def none(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Any]:
    """No charts of its own."""
    yield from ()


def beside_charts(experiment: ExperimentStatistics) -> Iterator[Chart]:
    """Reported beside measured, a chart a figure in percent."""
    for column in tables.main_columns(experiment):
        those = [row for row in experiment.rows if column in row.columns]
        records = curves.beside(those, column)
        if len(those) < 2 or not records or not column.endswith("_accuracy"):
            continue
        name = tables.first_up(tables.label(column))
        yield Chart(
            f"{experiment.name}-{column}",
            name,
            f"{experiment.title}: {name} in percent, a line a row, measured beside reported; the "
            "figures stand in the table above.",
            "Means with 95 % intervals; of one run there is none.",
            rows.beside(records, f"{name}, %"),
        )


def row_chooser(name: str, stored: Stored) -> Chooser | None:
    """Learning curves and confusion matrix of one row at a time."""
    options: list[str] = []
    records: dict[str, list[Record]] = {"loss": [], "accuracy": []}
    matrix: list[Record] = []
    splits: set[str] = set()
    for row, entry in stored.items():
        runs = entry["runs"]
        for prefix in curves.parts_of(runs):
            index = len(options)
            words = curves.PARTS[prefix]
            options.append(f"{row}: {words}" if words else row)
            for quantity, points in records.items():
                for split, series in curves.SPLITS.items():
                    points += curves.curve(runs, f"{split}_{quantity}", series, prefix, index)
            split, cells = curves.confusion(runs, prefix, index)
            splits.add(split)
            matrix += cells
    if not options:
        return None
    return Chooser(
        f"{name}-row",
        "Row",
        tuple(options),
        (
            Chart(
                f"{name}-loss",
                "Loss by epoch",
                "Line chart: training and validation loss by epoch of the chosen row.",
                "Mean over the runs that reached the epoch; the band goes from the lowest to the "
                "highest. Training losses are means over each epoch's batches.",
                charts.curves(records["loss"], "Loss", chosen=0),
            ),
            Chart(
                f"{name}-accuracy",
                "Accuracy by epoch",
                "Line chart: training and validation accuracy by epoch of the chosen row.",
                "As the losses.",
                charts.curves(records["accuracy"], "Accuracy, %", percent=True, chosen=0),
            ),
            Chart(
                f"{name}-confusion",
                "Confusion matrix",
                "Heat map: share of each correct class by predicted class, for the chosen row.",
                f"Percent of the correct class, {' and '.join(sorted(splits))} images, over all runs; "
                "what rounds to 0 is left blank.",
                charts.confusion(matrix, CLASS_NAMES, chosen=0),
            ),
        ),
    )


def _compared(
    id: str, title: str, alternatives: Mapping[str, Runs], quantity: str, prefix: str = ""
) -> Iterator[Chart]:
    """A figure by epoch, a curve an alternative; nothing where none of them has run."""
    records = [
        record
        for series, runs in alternatives.items()
        if runs
        for record in curves.curve(runs, quantity, series, prefix)
    ]
    if records:
        percent = quantity.endswith("accuracy")
        name = quantity.replace("_", " ")
        yield Chart(
            id,
            title,
            f"Line chart: {name} by epoch; {title}; curves: {', '.join(charts.series_of(records))}.",
            "Mean over runs; the band goes from the lowest to the highest.",
            charts.curves(
                records, tables.first_up(name) + (", %" if percent else ""), percent=percent
            ),
        )


POOLINGS, INITIALIZERS = ("max", "avg", "global"), ("random", "he", "xavier")
SAME, DOUBLED = "16,16,16,16,16", "16,32,64,128,256"


def _pooling(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Chart]:
    """Report 1's pictures: the poolings under each initialiser; same against doubled filters."""

    def runs(pooling: str, filters: str, initializer: str) -> Runs:
        return stored.get(f"{pooling} {filters} 3x3 {initializer}", {}).get("runs", {})

    for initializer in INITIALIZERS:
        yield from _compared(
            f"{experiment.name}-pooling-{initializer}",
            f"Pooling, initialiser {initializer}",
            {pooling: runs(pooling, DOUBLED, initializer) for pooling in POOLINGS},
            "validation_accuracy",
            "cnn_",
        )
    for pooling in POOLINGS:
        yield from _compared(
            f"{experiment.name}-filters-{pooling}",
            f"Same against doubled filters, {pooling}",
            {
                f"same: {SAME}": runs(pooling, SAME, "random"),
                f"doubled: {DOUBLED}": runs(pooling, DOUBLED, "random"),
            },
            "validation_accuracy",
            "cnn_",
        )


def _together(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Chart]:
    """Report 4's curves: the rows of 100 epochs, together."""
    rows = {name: entry["runs"] for name, entry in stored.items() if "decay" in name}
    for quantity in ("validation_loss", "validation_accuracy", "train_loss"):
        title = f"Decay, dropout and L2: {quantity.replace('_', ' ')}"
        yield from _compared(f"{experiment.name}-together-{quantity}", title, rows, quantity)


TWICE, RIGHT = "softmax-twice", "softmax-cross-entropy"


def _classes(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Chooser]:
    """Report 3's accuracies of classes, a batch size at a time."""
    rows = {row.name: row for row in experiment.rows}
    sizes = [name.removesuffix(f" {TWICE}") for name in rows if name.endswith(f" {TWICE}")]
    records: list[Record] = []
    for index, size in enumerate(sizes):
        twice, right = (
            [rows[f"{size} {loss}"].columns[f"test_class_{number}"] for number in range(10)]
            for loss in (TWICE, RIGHT)
        )
        series = {BESIDE[2]: twice, f"measured, {TWICE}": twice, f"measured, {RIGHT}": right}
        records += curves.class_accuracies(series, CLASS_NAMES, index)
    if records:
        yield Chooser(
            f"{experiment.name}-batch",
            "Batch size",
            tuple(sizes),
            (
                Chart(
                    f"{experiment.name}-classes",
                    "Accuracy by class",
                    "Bar chart: test accuracy of each class at the chosen batch size: reported, "
                    "measured with softmax twice, measured with the right loss.",
                    "Means over runs; the line through a bar goes from the lowest run to the highest.",
                    charts.class_bars(records, chosen=0),
                    wide=True,
                ),
            ),
        )


Charts = Callable[[ExperimentStatistics, Stored], Iterator[Chart]]
Choosers = Callable[[ExperimentStatistics, Stored], Iterator[Chooser]]

SPECIAL: Mapping[str, tuple[Charts, Choosers]] = {
    "report1_table2": (_pooling, none),
    "report3_lenet": (none, _classes),
    "report4_mlp": (_together, none),
}
"""What one experiment alone has."""


def of(name: str) -> tuple[Charts, Choosers]:
    """What an experiment has beside what all have."""
    return SPECIAL.get(name, (none, none))
