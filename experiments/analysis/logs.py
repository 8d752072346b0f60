"""Judgements of what the reports print next to their tables: tables of docs/open-points.md."""

from collections.abc import Callable, Mapping
from itertools import product
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from experiments.engine.figures import Measured, figure
from experiments.engine.spec import Experiment
from experiments.engine.store import Store, results_folder
from experiments.engine.tables import markdown
from experiments.reports.report1 import initializers, table1, table1_protocol, table2_selection
from experiments.reports.report3 import all_images, lenet
from experiments.reports.report3.class_sample import class_samples
from experiments.reports.report3.loss_log import BATCHES, PRINTED, in_reports_scale
from experiments.reports.report4.matrices import MATRICES
from experiments.reports.reported import LOGS
from fmnist_jax.training.early_stopping import EarlyStopping, update

WINDOW = 10
"""Epochs over which the fall of a measured training loss is taken."""


class Progress(NamedTuple):
    """A training as report 1's logs describe it."""

    best_epoch: float
    train_loss: float
    """Of the best epoch."""
    validation_loss: float
    fall: float | None
    """Of the training loss an epoch, where it is the log's; None if the run ended before."""


def logged_progress(log: list[dict[str, Any]]) -> Progress:
    """The first of the log's five lines is the best epoch."""
    first, last = log[0], log[-1]
    fall = (first["train_loss"] - last["train_loss"]) / (last["epoch"] - first["epoch"])
    return Progress(first["epoch"], first["train_loss"], first["validation_loss"], fall)


def measured_progress(history: Mapping[str, list], min_delta: float, level: float) -> Progress:
    """A measured history, stopped with `min_delta`; its fall at the training loss `level`."""
    stopping = EarlyStopping()
    for epoch, loss in zip(history["epoch"], history["validation_loss"], strict=True):
        stopping = update(stopping, epoch, loss, min_delta)
        if stopping.waited == table1.TRAINING.patience:
            break
    best = stopping.best_epoch - 1
    losses = np.array(history["train_loss"])
    below = np.flatnonzero(losses <= level)
    fall = None
    if below.size and below[0] >= WINDOW:
        end = below[0]
        fall = float(losses[end - WINDOW] - losses[end]) / WINDOW
    return Progress(best + 1, losses[best], history["validation_loss"][best], fall)


def mean_progress(runs: Mapping[int, Measured], min_delta: float, level: float) -> Progress | None:
    """The mean over the runs of a row; None if there is none."""
    found = [measured_progress(figure(run, "history"), min_delta, level) for run in runs.values()]
    if not found:
        return None
    known = [one.fall for one in found if one.fall is not None]
    epoch, train_loss, validation_loss = np.mean([one[:3] for one in found], axis=0).tolist()
    return Progress(epoch, train_loss, validation_loss, fmean(known) if known else None)


def runs_of(experiment: Experiment, row: str) -> Mapping[int, Measured]:
    """The stored runs of a row."""
    stored = Store(experiment, results_folder(quick=False), "").read()
    return stored.get(row, {}).get("runs", {})


PROTOCOLS = (
    ("batch 16", table1.EXPERIMENT, 0.0),
    ("batch 16, least 0.001", table1.EXPERIMENT, 0.001),
    ("batch 32, least 0.001", table1_protocol.EXPERIMENT, 0.001),
)
"""Title, experiment, and the least improvement with which its histories are stopped again."""


def protocol_table() -> str:
    """Report 1's eight logged runs and the protocols that they can have had."""
    table = Table("", "the log", *(title for title, _, _ in PROTOCOLS))
    wanted = {log["row"]: logged_progress(log["log"]) for log in LOGS["report_1_mlp"]}
    for row, log in wanted.items():
        cells = (
            _progress(mean_progress(runs_of(experiment, row), least, log.train_loss))
            for _, experiment, least in PROTOCOLS
        )
        table.add_row(row, _progress(log), *cells)
    _, experiment, least = PROTOCOLS[-1]
    for row in table1_protocol.VARIANTS:
        level = wanted[row.rpartition(", ")[0]].train_loss
        found = mean_progress(runs_of(experiment, row), least, level)
        table.add_row(row, "", "", "", _progress(found))
    return markdown(table)


def _progress(found: Progress | None) -> str:
    if found is None:
        return "not run"
    fall = "" if found.fall is None else f" / {1e4 * found.fall:.1f}"
    return f"{found.best_epoch:.0f} / {found.train_loss:.4f} / {found.validation_loss:.4f}{fall}"


SHOWN_EPOCHS, LOSS_EPOCHS = (1, 2, 3, 4, 6, 8, 10), (1, 5, 10, 15, 20, 25)


def batch_size_table() -> str:
    """Report 1's networks: logged training losses next to those of batches of 32 and of 64, one seed."""
    table = Table("", "", *(f"epoch {epoch}" for epoch in SHOWN_EPOCHS))
    for log in LOGS["report_1_cnn"]:
        name = row_of(log)
        curves = {"the log": [entry["train_loss"] for entry in log["log"]]} | {
            f"batch {size}": figure(runs[0], "convnet.history")["train_loss"]
            for size, row in ((32, name), (64, f"{name}, batch 64"))
            if (runs := runs_of(table2_selection.EXPERIMENT, row))
        }
        for title, losses in curves.items() if len(curves) == 3 else ():
            table.add_row(name, title, *(f"{losses[epoch - 1]:.3f}" for epoch in SHOWN_EPOCHS))
    return markdown(table)


def row_of(log: Mapping[str, Any]) -> str:
    """The name of table 2's row that a network's log belongs to."""
    filters = ",".join(map(str, log["filters"]))
    return f"{log['pooling']} {filters} 3x3 {log['initializer']}"


def loss_log_table() -> str:
    """Report 3's loss log, and the measured one in the report's scale."""
    table = Table("", *(f"epoch {epoch}" for epoch in LOSS_EPOCHS), "largest distance")
    table.add_row("the log", *(f"{PRINTED[epoch - 1]:.4f}" for epoch in LOSS_EPOCHS), "")
    row = "batch 100 softmax-twice"
    for title, experiment in (("48,000 images", lenet), ("60,000 images", all_images)):
        for seed, run in runs_of(experiment.EXPERIMENT, row).items():
            means = figure(run, "history")["train_loss"]
            losses = [in_reports_scale(loss, BATCHES) for loss in means]
            distance = max(abs(one - other) for one, other in zip(losses, PRINTED, strict=True))
            shown = (f"{losses[epoch - 1]:.4f}" for epoch in LOSS_EPOCHS)
            table.add_row(f"{title}, seed {seed}", *shown, f"{distance:.4f}")
    return markdown(table)


def initializer_table() -> str:
    """Every reading's first-epoch losses, and their largest distance from each of the report's rows."""
    labels, poolings = ("random", "he", "xavier"), initializers.POOLINGS
    reported = initializers.FIRST_LOSSES
    table = Table("reading", "batch", *poolings, *(f"from {name}" for name in labels))
    for label in labels:
        losses = (f"{reported[label, pooling]:.3f}" for pooling in poolings)
        table.add_row(f"the report's {label}", "", *losses, "", "", "")
    stored = Store(initializers.EXPERIMENT, results_folder(quick=False), "").read()
    for batch_size, reading in product(initializers.BATCH_SIZES, initializers.CHANGES):
        found: dict[str, float] = {}
        for pooling in poolings:
            entry = stored.get(initializers.row_name(reading, pooling, batch_size), {})
            if runs := entry.get("runs", {}).values():
                found[pooling] = fmean(figure(run, "best_train_loss") for run in runs)
        if found:
            cells = (f"{found[one]:.3f}" if one in found else "not run" for one in poolings)
            distances = (
                max(abs(loss - reported[label, pooling]) for pooling, loss in found.items())
                for label in labels
            )
            table.add_row(reading, str(batch_size), *cells, *(f"{one:.3f}" for one in distances))
    return markdown(table)


def class_sample_table() -> str:
    """Report 3's class accuracies against the accuracy of their row."""
    table = Table(
        "batch", "mean of the classes", "minus the accuracy", "needed a class",
        "4 a batch: images a class", "standard error",
    )  # fmt: skip
    for one in class_samples():
        table.add_row(
            str(one.batch_size), f"{one.mean:.1f}", f"{one.difference:+.2f}", str(one.needed),
            f"{one.images / 10:.0f}", f"{one.standard_error:.2f}",
        )  # fmt: skip
    return markdown(table)


def matrix_table() -> str:
    """Report 4's confusion matrices against its text."""
    table = Table(
        "", "images", "accuracy of the matrix", "in the text", "F1 of the matrix", "in the text"
    )
    for one in MATRICES:
        table.add_row(
            f"{one.network}, {one.split}", f"{one.confusion.sum():,}", f"{one.accuracy:.2f}",
            f"{one.text_accuracy:.2f}", f"{one.f1:.2f}", f"{one.text_f1:.2f}",
        )  # fmt: skip
    return markdown(table)


TABLES: Mapping[str, Callable[[], str]] = {
    "logs/table1": protocol_table,
    "logs/initializers": initializer_table,
    "logs/batch-size": batch_size_table,
    "logs/loss": loss_log_table,
    "logs/class-sample": class_sample_table,
    "logs/matrices": matrix_table,
}
"""By the names that documents use."""
