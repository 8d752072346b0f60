import json
from dataclasses import replace
from pathlib import Path

import pytest

from experiments import seeds_at_once as table
from experiments.seeds_at_once import ROWS, describe, main
from fmnist_jax.scratch.mlp import MLPConfig

SMALL = replace(ROWS[0], model=MLPConfig((784, 10)), seeds=2)


@pytest.fixture(autouse=True)
def one_small_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(table, "ROWS", (SMALL,))


def test_both_ways_are_timed_and_their_differences_stored(capsys: pytest.CaptureFixture[str]):
    main(["--quick", "--rounds", "2", "--source", "synthetic"])
    path = Path("runs/quick/seeds_at_once.json")
    ((told, rows),) = json.loads(path.read_text()).items()
    assert told.endswith(", cpu")
    measured = rows[SMALL.name]
    assert {way: len(values) for way, values in measured["seconds"].items()} == {
        "in_turn": 2,
        "at_once": 2,
    }
    assert measured["ratio_min"] <= measured["ratio"] <= measured["ratio_max"]
    for values in measured["largest_differences"].values():
        assert len(values) == 3
        assert max(values) < 1e-4
    assert "in turn takes" in capsys.readouterr().out
    # Another version's figures stay.
    path.write_text(json.dumps({"jax 0.1, gpu": {}}))
    main(["--quick", "--rounds", "1", "--source", "synthetic"])
    assert list(json.loads(path.read_text())) == ["jax 0.1, gpu", told]


def test_describe():
    measured = {
        "batch_size": 16, "seeds": 5, "images": 200, "device": "cpu", "ratio": 1.5, "ratio_min": 1.0,
        "ratio_max": 2.0, "median_seconds": {"in_turn": 3.0, "at_once": 2.0},
        "first_epoch_seconds": {"in_turn": 5.0, "at_once": 6.0},
        "largest_differences": {"losses": [1e-7, 2e-6]},
    }  # fmt: skip
    lines = list(describe(SMALL, measured))
    assert lines[1].strip() == "in turn 3.000 s an epoch (the first, compiled in it, 5.0 s)"
    assert "1.50 times as long as at once (1.00 to 2.00)" in lines[3]
    assert lines[4].strip() == "losses differ by 1.0e-07 after 1 epoch, 2.0e-06 after 2"


@pytest.mark.parametrize(
    "words", [["--rounds", "0"], ["--rows", "nosuch"], ["--source", "synthetic"]]
)
def test_main_refuses_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as exit_:
        main(words)
    assert exit_.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_rows_are_those_of_the_experiments():
    assert [(row.name, row.training.batch_size, row.seeds) for row in ROWS] == [
        ("784,128,10", 16, 5),
        ("784,400,250,100,10", 16, 5),
        ("five-conv", 32, 3),
        ("LeNet", 64, 3),
    ]
