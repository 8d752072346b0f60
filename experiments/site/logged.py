"""The curves that the reports print as logs, over the measured ones."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.analysis.statistics import ExperimentStatistics
from experiments.reports.report3.loss_log import REPORTED_LOSSES
from experiments.reports.reported import LOGS
from experiments.site import charts, curves
from experiments.site.charts import Record
from experiments.site.parts import Chart, Chooser, identifier

Stored = Mapping[str, Mapping[str, Any]]
"""An experiment's rows as `Store.read` returns them."""

NOTE = (
    "Reported: one run, as the report prints it. Measured: the mean of the runs that reached the epoch; "
    "the band spans the lowest and the highest run."
)


def logged(values: Sequence[float], series: str, row: int = 0) -> list[Record]:
    """A printed log as a curve: a value an epoch."""
    return [
        {"row": row, "series": series, "epoch": epoch, "mean": value, "low": None, "high": None}
        | {"runs": 1}
        for epoch, value in enumerate(values, start=1)
    ]


def row_of(log: Mapping[str, Any]) -> str:
    """The name of table 2's row that a network's log belongs to."""
    filters = ",".join(map(str, log["filters"]))
    return f"{log['pooling']} {filters} 3x3 {log['initializer']}"


def networks(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Chooser]:
    """Report 1's networks: reported and measured loss and accuracy by epoch."""
    records: dict[str, list[Record]] = {"loss": [], "accuracy": []}
    options: list[str] = []
    for log in LOGS["report_1_cnn"]:
        name = row_of(log)
        runs = stored.get(name, {}).get("runs", {})
        if not runs:
            continue
        index = len(options)
        options.append(name)
        for quantity, points in records.items():
            scale = 100 if quantity == "accuracy" else 1
            for split, words in curves.SPLITS.items():
                column = f"{split}_{quantity}"
                values = [scale * entry[column] for entry in log["log"]]
                points += logged(values, f"{words}, reported", index)
                points += curves.curve(runs, f"convnet.{column}", f"{words}, measured", index)
    if options:
        yield Chooser(
            identifier(experiment.name, "log"),
            "Network",
            tuple(options),
            tuple(
                Chart(
                    identifier(experiment.name, "log", quantity),
                    f"{quantity.capitalize()} by epoch, reported and measured",
                    f"Line chart: training and validation {quantity} by epoch of the chosen network, as "
                    "the report prints it and as measured.",
                    NOTE,
                    charts.curves(
                        points,
                        "Accuracy, %" if percent else "Loss",
                        percent=percent,
                        chosen=0,
                    ),
                )
                for quantity, points in records.items()
                for percent in [quantity == "accuracy"]
            ),
        )


def loss(experiment: ExperimentStatistics, stored: Stored) -> Iterator[Chart]:
    """Report 3's training loss, reported (in the scale of a mean over images) and measured."""
    runs = stored.get("batch 100 softmax-twice", {}).get("runs", {})
    if runs:
        yield Chart(
            identifier(experiment.name, "log"),
            "Training loss by epoch, reported and measured",
            "Line chart: report 3's training loss at batch size 100 by epoch, as it prints it times "
            "938/600, and as measured.",
            NOTE,
            charts.curves(
                [
                    *logged(REPORTED_LOSSES, "reported, times 938/600"),
                    *curves.curve(runs, "train_loss", "measured"),
                ],
                "Training loss",
            ),
        )
