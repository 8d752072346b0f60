from attrs import evolve

from experiments.analysis.statistics import ExperimentStatistics, row_statistics
from experiments.engine.spec import Experiment, Row
from experiments.reports.report1 import table1 as report1_table1
from experiments.site import build, tables
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig

RUN = Run((Stage("mlp", MLPConfig(), TrainingConfig(), Z_SCORE),))


def of(experiment: Experiment, stored) -> ExperimentStatistics:
    rows = (
        row_statistics(row, experiment.columns, stored.get(row.name, {})) for row in experiment.rows
    )
    return ExperimentStatistics(experiment.name, experiment.title, tuple(rows))


MADE = Experiment(
    "made",
    "Made",
    (
        Row("run", RUN, {"test_accuracy": 88.4, "best_train_loss": 0.2, "train_f1": 90.0}),
        Row("failed", RUN, {"test_accuracy": 80.0}),
        Row("open", RUN),
    ),
    ("test_accuracy", "best_epoch", "test_class_3"),
)


def test_labels_name_the_stage():
    assert tables.label("test_accuracy") == "test accuracy"
    assert tables.label("convnet.test_accuracy") == "test accuracy, convnet's own head"
    assert tables.label("mlp.train_f1") == "train F1, MLP on features"
    assert tables.label("another.train_f1") == "train F1, another"
    assert tables.label("test_class_9") == "Ankle boot (test)"


def test_a_table_is_about_the_headline_and_what_was_reported():
    assert tables.main_columns(of(MADE, {})) == ["test_accuracy", "train_f1"]
    selection = evolve(
        MADE, rows=(Row("open", RUN),), columns=("validation_accuracy", "best_epoch")
    )
    assert tables.main_columns(of(selection, {})) == ["validation_accuracy"]


def test_a_line_has_reported_measured_and_verdict(make_run):
    stored = {
        "run": {"runs": {seed: make_run(seed) for seed in range(2)}},
        "failed": {"runs": {}, "failed": {0: "the loss is not finite"}},
    }
    run, f1, failed, untouched = tables.lines(of(MADE, stored))
    assert (run.row, run.figure, run.reported) == ("run", "test accuracy", "88.4")
    assert run.measured == "88.50 ± 0.71"
    assert run.interval == "82.15 to 94.85"
    assert (run.runs, run.difference, run.verdict) == ("2", "+0.10", "reproduced")
    assert "0.10 above the reported figure" in run.reason
    assert f1.figure == "train F1"
    assert (failed.measured, failed.runs, failed.verdict) == ("not run", "1 failed", "not run")
    assert failed.reason == "seed 0: the loss is not finite"
    assert (untouched.reported, untouched.runs, untouched.verdict) == ("", "0", "not run")
    assert [build.SYMBOLS[line.verdict] for line in (run, failed)] == ["✓", "…"]


def test_every_figure_is_in_the_full_table(make_run):
    names, rows = tables.all_figures(of(MADE, {"run": {"runs": {0: make_run(0)}}}))
    assert names[:3] == ["test accuracy", "best epoch", "Dress (test)"]
    assert rows["run"][:3] == ["88.00 (88.4)", "2.00", "83.00"]
    assert rows["open"][0] == "not run"
    assert rows["open"][3:] == ["", ""]


def test_every_run_is_listed_by_seed_and_failures_after_them(make_run):
    stored = {
        "run": {
            "runs": {seed: make_run(seed) for seed in (2, 10)},
            "failed": {3: "the loss is not finite"},
        }
    }
    first, second, failed = tables.runs(stored, ("test_accuracy", "best_epoch"))
    assert [one.seed for one in (first, second, failed)] == ["2", "10", "3"]
    assert (first.finished, first.seconds, first.device) == ("2026-01-03 00:00:00", "14", "made")
    assert first.figures == "90.00, 2.00"
    assert "jax 0.10.2" in first.software
    assert failed.figures == "failed: the loss is not finite"


def test_table_1_is_about_the_test_accuracy():
    assert tables.main_columns(of(report1_table1.EXPERIMENT, {})) == ["test_accuracy"]
