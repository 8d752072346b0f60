import random
from pathlib import Path

import pytest

from experiments.analysis.claims import CLAIMS
from experiments.analysis.effects import Claim
from experiments.analysis.judgement import all_claims, judge, table
from experiments.analysis.quantities import (
    OF_ACCURACY,
    OF_LOSS,
    TEST,
    epochs_differ,
    greater,
    mean_rise,
    pair,
)
from experiments.study.catalogue import CATALOGUE
from fmnist_jax.storage.files import write_json

ROWS = {entry.name: {row.name: row for row in entry.experiment.rows} for entry in CATALOGUE}


def test_every_claim_of_the_reports_is_there():
    """The issue's list, by words of the statements."""
    for report, words in {
        1: "deeper|dropout 0.2|dropout 0.5|gelu|0.001 is best|unstable|slow|max pool|global|doubling|"
           "3x3|random|own head",
        2: "different epochs|closer|no accuracy|cnn beats",
        3: "batch size of 100|softmax",
        4: "decay|dropout|l2|stride|kernels|combined",
    }.items():  # fmt: skip
        statements = [claim.statement.lower() for claim in CLAIMS if claim.report == report]
        for word in words.split("|"):
            assert any(word in statement for statement in statements), word
    assert len({(claim.report, claim.statement, claim.conditions) for claim in CLAIMS}) == len(
        CLAIMS
    )


def test_the_rows_of_every_claim_exist_and_tell_what_it_asks():
    for claim in CLAIMS:
        for part in claim.parts:
            for figure in part.figures:
                row = ROWS[figure.experiment][figure.row]
                assert figure.quantity.read(made_run(0.0)) is not None, row


def made_run(value: float, seed: int = 0) -> dict:
    """A run that has every figure, all about `value`."""
    rng = random.Random(f"{value} {seed}")
    losses = [rng.random() for _ in range(5)]
    history = {"validation_loss": losses, "validation_accuracy": [rng.random() for _ in range(5)]}
    names = ("test_accuracy", "train_accuracy", "train_loss", "validation_loss", "best_epoch",
             "cnn_test_accuracy", "mlp_test_accuracy")  # fmt: skip
    figures = {name: value + 0.01 * rng.random() for name in names}
    return figures | {"history": history, "seconds": 1.0}


def made_rows(seeds: int) -> dict:
    """Every row of the catalogue with so many runs."""
    return {
        name: {
            row: {"runs": {str(seed): made_run(float(len(row)), seed) for seed in range(seeds)}}
            for row in rows
        }
        for name, rows in ROWS.items()
    }


@pytest.mark.parametrize("seeds", [0, 1, 4])
def test_every_claim_is_judged_from_made_up_results(seeds: int):
    verdicts = {judge(claim, made_rows(seeds)).verdict for claim in CLAIMS}
    if seeds == 0:
        assert verdicts == {"not run"}
    elif seeds == 1:
        # One claim is of all runs, and these are many.
        assert verdicts - {"holds"} == {"can't be told with 1 seed"}
    else:
        assert {"holds", "does not hold"} < verdicts


A_CLAIM = Claim(
    1, "A is best", "made up", (greater("a over b", pair(TEST, "made", "a", "b")),
                                greater("a over c", pair(TEST, "made", "a", "c"))),
)  # fmt: skip


def made(**rows: list[float]) -> dict:
    return {
        "made": {
            name: {"runs": {str(seed): {"test_accuracy": v} for seed, v in enumerate(values)}}
            for name, values in rows.items()
        }
    }


ZERO, BETTER, WORSE, EITHER = [0.0] * 3, [1.0, 1.1, 1.2], [-1.0, -1.1, -1.2], [1.0, -1.0, 2.0]


@pytest.mark.parametrize(
    ("b", "c", "verdict"),
    [
        (WORSE, WORSE, "holds"),
        (WORSE, BETTER, "does not hold"),
        (EITHER, BETTER, "does not hold"),
        (WORSE, EITHER, "can't be told with 3 seeds"),
        (WORSE, WORSE[:1], "can't be told with 1 seed"),
        (EITHER, WORSE[:1], "can't be told with 1 seed"),
        (WORSE, [], "not run"),
        (BETTER, [], "does not hold"),
    ],
)
def test_a_claim_holds_if_all_its_parts_do(b: list[float], c: list[float], verdict: str):
    assert judge(A_CLAIM, made(a=ZERO, b=b, c=c)).verdict == verdict


def test_the_epochs_of_loss_and_accuracy_and_the_rises_between_epochs():
    loss, accuracy = [3.0, 1.0, 2.0, 1.0], [0.1, 0.2, 0.4, 0.4]
    run = {"history": {"validation_loss": loss, "validation_accuracy": accuracy}}
    # The first of equals, as early stopping has it.
    assert (OF_LOSS.read(run), OF_ACCURACY.read(run)) == (2, 3)
    assert epochs_differ(run)
    assert mean_rise(run) == pytest.approx(1 / 3)
    assert mean_rise({"history": {"validation_loss": [1.0]}}) == 0


def test_claims_are_judged_by_what_a_folder_holds(tmp_path: Path):
    assert {judged.verdict for judged in all_claims(tmp_path)} == {"not run"}
    rows = made_rows(3)["report4_mlp"]
    write_json(tmp_path / "report4_mlp.json", {"rows": rows})
    told = {judged.claim.statement: judged.verdict for judged in all_claims(tmp_path)}
    assert told["Dropout 0.2 regularises the MLP"] != "not run"
    assert told["Deeper is better"] == "not run"


def test_the_table_has_each_claim_with_its_verdict_and_parts():
    text = table([judge(A_CLAIM, made(a=ZERO, b=WORSE, c=WORSE[:1]))])
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]
    ]
    assert lines[0][:2] == ["1", "**A is best** (made up)"]
    assert lines[0][-1] == "**can't be told with 1 seed**"
    assert lines[1][1:5] == ["a over b", "+1.10 points [+0.85, +1.35]", "3", "paired t"]
    assert lines[1][-1] == "holds"
    assert lines[2][3:7] == ["1", "none: one seed", "", ""]
