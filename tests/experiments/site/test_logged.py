"""The reports' logs over the measured curves."""

import pytest

from experiments.analysis.logs import row_of
from experiments.analysis.statistics import ExperimentStatistics
from experiments.reports.report1 import table2
from experiments.reports.report3 import lenet
from experiments.reports.report3.loss_log import REPORTED_LOSSES
from experiments.reports.reported import LOGS
from experiments.site import charts, curves, report_charts


def statistics_of(experiment) -> ExperimentStatistics:
    return ExperimentStatistics(experiment.name, experiment.title, ())


def test_every_logged_network_is_a_row_of_table_2():
    rows = {row.name for row in table2.EXPERIMENT.rows}
    names = [row_of(log) for log in LOGS["report_1_cnn"]]
    assert len(set(names)) == 12
    assert set(names) <= rows


def test_a_log_is_a_curve_without_a_band():
    first, second = curves.logged([0.5, 0.25], "reported", row=3)
    assert (first["epoch"], first["mean"], second["epoch"], second["mean"]) == (1, 0.5, 2, 0.25)
    assert first["row"] == 3
    assert first["low"] is first["high"] is None


def test_reported_and_measured_curves_of_the_chosen_network(make_run):
    row = "max 16,32,64,128,256 3x3 he"
    stored = {row: {"runs": {seed: make_run(seed, ("convnet", "mlp")) for seed in (0, 1)}}}
    (chooser,) = report_charts.logged_networks(statistics_of(table2.EXPERIMENT), stored)
    assert chooser.options == (row,)
    assert [chart.title.partition(" ")[0] for chart in chooser.charts] == ["Loss", "Accuracy"]
    text = str(chooser.charts[0].spec)
    for series in ("training, reported", "validation, measured"):
        assert series in text
    assert "0.6156" in text
    assert not list(report_charts.logged_networks(statistics_of(table2.EXPERIMENT), {}))


def test_report_3s_loss_is_drawn_in_means(make_run):
    stored = {"batch 100 softmax-twice": {"runs": {0: make_run(0, ("convnet",))}}}
    (group,) = report_charts.logged_loss(statistics_of(lenet.EXPERIMENT), stored)
    (chart,) = group.charts
    assert f"{REPORTED_LOSSES[0]:.{charts.DIGITS}g}" in str(chart.spec)
    assert not list(report_charts.logged_loss(statistics_of(lenet.EXPERIMENT), {}))


@pytest.mark.parametrize("name", ["report1/table2", "report3/lenet", "report3/all_images"])
def test_the_page_has_them(name: str):
    logged = {report_charts.logged_networks, report_charts.logged_loss}
    assert logged & set(report_charts.SPECIAL[name])
