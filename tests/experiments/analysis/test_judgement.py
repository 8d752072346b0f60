import json
import random
from pathlib import Path

import pytest

from experiments.analysis.claims import CLAIMS
from experiments.analysis.comparisons import Claim, greater, pair
from experiments.analysis.judgement import (
    Judgement,
    all_claims,
    as_json,
    claims_json,
    claims_text,
    judge,
    seeds_text,
    table,
)
from experiments.analysis.quantities import (
    OF_ACCURACY,
    OF_LOSS,
    TEST,
    epochs_differ,
    mean_rise,
)
from experiments.analysis.rule import RULE
from experiments.study.catalogue import experiments
from tests.experiments.small_experiment import accuracies

ROWS = {one.name: [row.name for row in one.rows] for one in experiments()}


def made_run(value: float, seed: int = 0) -> dict:
    """A run that has every figure, all about `value`."""
    rng = random.Random(f"{value} {seed}")
    losses = [rng.random() for _ in range(5)]
    history = {"validation_loss": losses, "validation_accuracy": [rng.random() for _ in range(5)]}
    names = ("test_accuracy", "train_accuracy", "train_loss", "validation_loss", "best_epoch")
    figures = {name: value + 0.01 * rng.random() for name in names} | {"history": history}
    return {"stages": {"convnet": figures, "mlp": figures}, "data_checksum": "", "seconds": 1.0}


def made_rows(seeds: int) -> dict:
    """Every row of the study with so many runs."""
    return {
        name: {
            row: {
                "configuration": {"stages": [{"row": row}, {}]},
                "runs": {seed: made_run(float(len(row)), seed) for seed in range(seeds)},
            }
            for row in rows
        }
        for name, rows in ROWS.items()
    }


@pytest.mark.parametrize("seeds", [0, 1, 4])
def test_every_claim_is_judged_from_made_up_results(seeds: int):
    verdicts = {one.verdict for one in judge(CLAIMS, made_rows(seeds))}
    if seeds == 0:
        assert verdicts == {"not run"}
    elif seeds == 1:
        # One claim is about all runs, and these are many.
        assert verdicts - {"holds"} == {"inconclusive"}
    else:
        assert {"holds", "does not hold", "no difference that matters"} < verdicts


A_CLAIM = Claim(
    1, "A is best", "made up", (greater("a over b", pair(TEST, "made", "a", "b")),
                                greater("a over c", pair(TEST, "made", "a", "c"))),
)  # fmt: skip


def judged(claim: Claim, stored: dict) -> Judgement:
    (one,) = judge([claim], stored)
    return one


ZERO, BETTER, WORSE, EITHER = [0.0] * 3, [1.0, 1.1, 1.2], [-1.0, -1.1, -1.2], [1.0, -1.0, 2.0]
SAME = [0.01, -0.01, 0.02]


@pytest.mark.parametrize(
    ("b", "c", "verdict"),
    [
        (WORSE, WORSE, "holds"),
        (WORSE, BETTER, "does not hold"),
        (EITHER, BETTER, "does not hold"),
        (WORSE, EITHER, "inconclusive"),
        (WORSE, SAME, "no difference that matters"),
        (SAME, EITHER, "inconclusive"),
        (WORSE, WORSE[:1], "inconclusive"),
        (EITHER, WORSE[:1], "inconclusive"),
        (WORSE, [], "not run"),
        (BETTER, [], "does not hold"),
    ],
)
def test_a_claim_is_as_strong_as_its_weakest_comparison(
    b: list[float], c: list[float], verdict: str
):
    assert judged(A_CLAIM, accuracies(a=ZERO, b=b, c=c)).verdict == verdict


def test_p_values_are_corrected_within_a_report():
    claims = [
        Claim(report, f"{report} {row}", "", (greater("a", pair(TEST, "made", "a", row)),))
        for report, row in ((1, "b"), (1, "c"), (1, "d"), (2, "b"), (2, "e"))
    ]
    rows = {"a": ZERO, "b": WORSE, "c": [-1.0, -1.5, -2.6], "d": BETTER, "e": [-1.0]}
    found = judge(claims, accuracies(**rows))
    assert [one.p is None for one in found] == [False, False, False, False, True]
    p, q = found[0].p, found[1].p
    assert p is not None
    assert q is not None
    assert p < q < 0.05
    # Three tested claims in report 1, one in report 2.
    wrong_way_round = found[2].p
    assert wrong_way_round is not None
    assert wrong_way_round > 0.99
    expected = [3 * p, 2 * q, wrong_way_round, p, None]
    assert [one.corrected_p for one in found] == pytest.approx(expected)
    assert [one.verdict for one in found] == [
        "holds", "inconclusive", "does not hold", "holds", "inconclusive",
    ]  # fmt: skip
    assert seeds_text(found[1]) == "not significant after the correction; seeds needed: about 4"


def test_an_inconclusive_claim_says_how_many_seeds_it_would_take():
    one = judged(A_CLAIM, accuracies(a=ZERO, b=WORSE, c=EITHER))
    assert one.verdict == "inconclusive"
    needed = one.seeds_needed
    assert needed is not None
    # The same mean and spread from more seeds: differences -1, 1, -2, again and again.
    assert needed > 3
    assert seeds_text(one) == f"seeds needed: about {needed}"
    assert judged(A_CLAIM, accuracies(a=ZERO, b=WORSE, c=WORSE)).seeds_needed is None
    lone = judged(A_CLAIM, accuracies(a=ZERO, b=WORSE, c=WORSE[:1]))
    assert lone.seeds_needed is None
    assert seeds_text(lone) == "seeds needed: unknown, a row with one seed has no spread"


def test_the_number_of_seeds_settles_the_claim():
    """With runs of the same mean and spread, the number that is given is enough, and one less is not."""
    claim = Claim(1, "A is best", "", (greater("a over b", pair(TEST, "made", "a", "b")),))
    one = judged(claim, accuracies(a=[0.3, -0.1, 0.7], b=ZERO))
    assert one.verdict == "inconclusive"
    needed = one.seeds_needed
    assert needed is not None

    def verdict(n: int) -> str:
        effect = one.effects[0]
        assert effect.estimate is not None
        # n values of mean 0.3 and standard deviation 0.4.
        values = [(-1.0) ** index for index in range(n // 2 * 2)] + [0.0] * (n % 2)
        scale = 0.4 / (sum(value**2 for value in values) / (n - 1)) ** 0.5
        runs = accuracies(a=[0.3 + scale * value for value in values], b=[0.0] * n)
        return judged(claim, runs).verdict

    assert (verdict(needed - 1), verdict(needed)) == ("inconclusive", "holds")


def test_the_epochs_of_loss_and_accuracy_and_the_rises_between_epochs():
    loss, accuracy = [3.0, 1.0, 2.0, 1.0], [0.1, 0.2, 0.4, 0.4]

    def run(**history: list[float]) -> dict:
        return {"stages": {"mlp": {"history": history}}}

    both = run(validation_loss=loss, validation_accuracy=accuracy)
    # The first of equals, as in early stopping.
    assert (OF_LOSS.read(both), OF_ACCURACY.read(both)) == (2, 3)
    assert epochs_differ(both)
    assert mean_rise(both) == pytest.approx(1 / 3)
    assert mean_rise(run(validation_loss=[1.0])) == 0


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with results of one experiment."""
    lines = [
        json.dumps({"row": row, "seed": seed, "configuration": entry["configuration"], **run})
        for row, entry in made_rows(3)["report4/mlp"].items()
        for seed, run in entry["runs"].items()
    ]
    (tmp_path / "report4").mkdir()
    (tmp_path / "report4/mlp.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return tmp_path


def test_claims_are_judged_from_the_results_in_a_folder(results: Path, tmp_path: Path):
    assert {one.verdict for one in all_claims(tmp_path / "empty")} == {"not run"}
    verdicts = {one.claim.statement: one.verdict for one in all_claims(results)}
    assert verdicts["Dropout 0.2 regularises the MLP"] != "not run"
    assert verdicts["Deeper is better"] == "not run"


def test_the_table_has_each_claim_with_its_verdict_and_comparisons():
    text = table([judged(A_CLAIM, accuracies(a=ZERO, b=WORSE, c=WORSE[:1]))])
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]
    ]
    assert lines[0][:2] == ["1", "**A is best** (made up)"]
    assert lines[0][-1].startswith("**inconclusive**; seeds needed: unknown")
    assert lines[1][1:5] == ["a over b", "+1.10 points [+0.93, +1.27]", "3", "paired t"]
    assert lines[1][-1] == "holds"
    assert lines[2][3:7] == ["1", "none: one seed", "", ""]


def test_the_json_has_every_claim_with_effect_interval_p_and_n(results: Path):
    one = judged(A_CLAIM, accuracies(a=ZERO, b=WORSE, c=WORSE))
    values = json.loads(json.dumps(as_json(7, one)))
    assert (values["number"], values["verdict"], values["p"]) == (7, "holds", one.p)
    assert values["corrected_p"] == one.corrected_p
    first, _ = values["comparisons"]
    assert first["effect"] == pytest.approx(1.1)
    assert first["interval"] == pytest.approx([0.931, 1.269], abs=1e-3)
    assert (first["n"], first["test"], first["verdict"]) == ([3], "paired t", "holds")
    claims = json.loads(claims_json(results))
    assert [claim["number"] for claim in claims] == list(range(1, len(CLAIMS) + 1))
    assert claims[0]["comparisons"][0] | {"name": ""} == {
        "name": "", "unit": "points", "effect": None, "interval": None, "test": "", "p": None, "n": [],
        "smallest_difference_that_matters": 0.1, "verdict": "not run",
    }  # fmt: skip


def test_the_text_ends_with_the_rule(results: Path):
    text = claims_text(results)
    assert "Comparisons tested: 5. Expected number of false positives" in text
    assert text.endswith(RULE[-1])
