"""What the gradient check's report says, drawn and as JSON."""

import json

import jax
import numpy as np

from fmnist_jax.scratch.mlp import MLPConfig
from tests.gradcheck.cases import (
    ALL,
    BELOW_THE_LAST,
    BROKEN,
    SMALL,
    SQUARE,
    check,
    failed,
    rendered,
    then,
)


def test_nothing_to_check_is_no_pass() -> None:
    report = check(MLPConfig((3, 2, 1)))  # with one class the loss is always 0

    assert failed(report) == set()
    assert not report.passed
    assert "zero everywhere" in report.problems[0]
    assert rendered(report).splitlines()[-1].startswith("FAILED: jax.grad is zero everywhere")


def test_the_table_fits_a_terminal_and_names_what_failed() -> None:
    text = rendered(check(SQUARE, value_and_grad=BROKEN["layers swapped"][0]))

    lines = [line.split() for line in text.splitlines()]
    verdicts = {" ".join(words[:3]): words[-1] for words in lines if words[:1] == ["layer"]}
    assert verdicts == {path: "FAIL" if path in BELOW_THE_LAST else "pass" for path in ALL}
    assert "FAILED: 4 of 6 leaves disagree" in text
    assert "h^2" in text
    assert "…" not in text


def test_the_report_as_json_says_what_the_report_says() -> None:
    report = check(SQUARE, value_and_grad=BROKEN["NaN"][0])

    read = json.loads(json.dumps(report.to_dict(), allow_nan=False))

    assert read["passed"] is False
    assert {row["path"] for row in read["rows"] if not row["passed"]} == {"layer 1 W"}
    assert read["rows"][0]["comparisons"][0]["relative"] is None
    b = report.rows[1].comparisons[0]
    assert read["rows"][1]["comparisons"][0]["threshold"] == b.threshold


def test_relative_error_is_by_the_leaf_s_largest() -> None:
    report = check(SMALL, value_and_grad=then(lambda g: jax.tree.map(lambda dp: dp * 2, g)))

    for comparison in (comparison for row in report.rows for comparison in row.comparisons):
        np.testing.assert_allclose(comparison.relative, 0.5, rtol=1e-6)
