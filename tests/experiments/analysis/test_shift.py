"""What the release of the images explains of a difference."""

from typing import Any

import numpy as np
import pytest

from experiments.analysis.release import (
    CONVNETS,
    FEATURES,
    MLP,
    Share,
    Shift,
    expected_shift,
    kind_of,
)
from experiments.analysis.statistics import (
    ExperimentStatistics,
    column_statistics,
    row_statistics,
    table,
)
from experiments.engine.spec import Row
from experiments.study.catalogue import experiments
from fmnist_jax.runs.presets.pipeline import pipeline
from tests.experiments.small_experiment import SMALL

COLUMN = "mlp.test_accuracy"
ROW = Row("a row", SMALL, {COLUMN: 91.3})
SHARES = {MLP: Share(1.0, 0.0)}


def run(test: float, validation: float, seed: int = 0) -> dict[str, Any]:
    figures: dict[str, Any] = {"test_accuracy": test, "validation_accuracy": validation}
    for split, size in (("test", 10_000), ("validation", 12_000)):
        figures[f"{split}_confusion"] = np.eye(10, dtype=int).tolist()
        figures[f"{split}_confusion"][0][1] = size - 10
    return {"stages": {"mlp": figures}, "seconds": 1.0}


RUNS = [run(90.0, 91.0), run(90.4, 91.0)]


def test_the_shift_is_the_share_of_the_gap_that_re_splits_remove():
    shift = expected_shift(ROW, COLUMN, RUNS, {MLP: Share(0.5, 0.0)})
    assert shift is not None
    assert shift.mean == pytest.approx(0.5 * 0.8)
    # The share of correct answers of a network on 10,000 images, drawn many times.
    drawn = np.random.default_rng(0).binomial(10_000, 0.902, 20_000) / 10_000
    assert shift.error == pytest.approx(100 * np.std(drawn), rel=0.03)
    assert shift.margin == pytest.approx(1.96 * shift.error)
    uncertain = expected_shift(ROW, COLUMN, RUNS, {MLP: Share(0.5, 0.2)})
    assert uncertain is not None
    assert uncertain.error == pytest.approx(np.hypot(shift.error, 0.2 * 0.8))


def test_each_kind_of_network_has_its_own_share():
    pipeline_row = Row("pipeline", pipeline())
    assert kind_of(ROW, "test_accuracy") == MLP
    assert kind_of(pipeline_row, "convnet.test_accuracy") == CONVNETS
    for column in ("mlp.test_accuracy", "test_accuracy"):
        assert kind_of(pipeline_row, column) == FEATURES


@pytest.mark.parametrize(
    ("column", "runs", "shares"),
    [
        (COLUMN, RUNS, {}),
        (COLUMN, RUNS, {CONVNETS: Share(1.0, 0.0)}),
        ("mlp.validation_accuracy", RUNS, SHARES),
        (COLUMN, [], SHARES),
        (COLUMN, [{"stages": {"mlp": {"test_accuracy": 90.0}}}], SHARES),
    ],
)
def test_other_figures_have_none(column: str, runs: list, shares: dict[str, Share]):
    assert expected_shift(ROW, column, runs, shares) is None


def test_runs_are_judged_as_expected_on_the_reports_images():
    values, shift = [90.0, 90.1, 90.2], Shift(0.8, 0.2)
    plain = column_statistics(values, 91.0, 0.3)
    moved = column_statistics(values, 91.0, 0.3, shift=shift)
    assert (plain.verdict, moved.verdict) == ("worse", "reproduced")
    assert (plain.remains, moved.remains) == (None, pytest.approx(-0.1))
    # What was measured stays as it is.
    assert (moved.mean, moved.difference) == (plain.mean, plain.difference)
    assert (moved.interval, moved.prediction) == (plain.interval, plain.prediction)
    assert moved.reason.startswith("with +0.80 expected for the early release, the mean of 3 seeds")


@pytest.mark.parametrize(
    ("reported", "verdict"),
    [(90.4, "better"), (90.55, "reproduced"), (91.25, "reproduced"), (91.4, "worse")],
)
def test_what_remains_is_compared_within_the_choice_of_images(reported: float, verdict: str):
    """Expected is 90.9; the margin of 0.39 is larger than the tolerance of 0.3."""
    one = column_statistics([90.1] * 3, reported, 0.3, shift=Shift(0.8, 0.2))
    assert one.verdict == verdict


def test_a_row_reported_on_the_early_release_is_judged_with_its_shift():
    stored = {"runs": dict(enumerate(RUNS))}
    here, early = (row_statistics(ROW, (), stored, shares) for shares in ({}, SHARES))
    verdicts = [one.columns[COLUMN].verdict for one in (here, early)]
    assert verdicts == ["worse", "reproduced"]
    assert here.columns[COLUMN].shift is None


def test_report_1_was_measured_on_the_early_release():
    for one in experiments():
        reported = any(row.reported for row in one.rows)
        assert (one.reported_on == "early") == (reported and one.group == "report1"), one.name


def test_the_table_has_the_shift_and_what_remains():
    row = row_statistics(ROW, (), {"runs": {0: RUNS[0]}}, SHARES)
    *_, line = table(ExperimentStatistics("made", "Made", (row,))).splitlines()
    assert "| +1.00 ± 0.59 | -0.30 " in line
