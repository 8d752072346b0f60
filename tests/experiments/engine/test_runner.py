"""An experiment's rows are run and stored."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.engine import runner as protocol
from experiments.engine.runner import Options, Store, run
from fmnist_jax.data import checksums
from fmnist_jax.data.loading import load_dataset
from fmnist_jax.errors import UserError
from fmnist_jax.runs import run as runs
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.checkpointing import DIGEST, Snapshots
from tests.experiments.small_experiment import EXPERIMENT, OPTIONS, SMALL

pytestmark = pytest.mark.usefixtures("results")


def test_every_row_is_run_with_every_seed_and_stored(results: Path):
    lines: list[str] = []
    stored = run(EXPERIMENT, OPTIONS, lines.append)
    assert list(stored) == ["slow", "fast"]
    for row in stored.values():
        assert list(row["runs"]) == ["0", "1"]
        for measured in row["runs"].values():
            assert measured["stopped_epoch"] == 2
            assert len(measured["history"]["validation_loss"]) == 2
            assert measured["software"]["jax"]
            assert 0 <= measured["test_accuracy"] <= 100
    assert stored["slow"]["reported"] == {"test_accuracy": 50.0}
    assert stored["slow"]["runs"]["0"] != stored["slow"]["runs"]["1"]
    assert json.loads((results / "made.json").read_text())["rows"] == stored
    assert any("slow, seed 1: test_accuracy" in line for line in lines)


def test_what_is_stored_is_not_run_again(results: Path, monkeypatch: pytest.MonkeyPatch):
    first = run(EXPERIMENT, replace(OPTIONS, seeds=1), print)
    trained = []
    measure = protocol.measure
    monkeypatch.setattr(
        protocol, "measure", lambda *words: trained.append(words) or measure(*words)
    )
    again = run(EXPERIMENT, OPTIONS, print)
    assert [protocol.seed_of(words[0]) for words in trained] == [1, 1]
    assert again["slow"]["runs"]["0"] == first["slow"]["runs"]["0"]


def test_a_row_whose_configuration_changed_is_run_anew():
    run(EXPERIMENT, replace(OPTIONS, seeds=1), print)
    slow, fast = EXPERIMENT.rows
    longer = replace(slow, run=replace(SMALL, training=replace(SMALL.training, epochs=3)))
    changed = replace(EXPERIMENT, rows=(longer, fast))
    stored = run(changed, replace(OPTIONS, seeds=1), print)
    assert stored["slow"]["runs"]["0"]["stopped_epoch"] == 3
    assert stored["slow"]["configuration"]["training"]["epochs"] == 3
    assert stored["fast"]["runs"]["0"]["stopped_epoch"] == 2


def test_a_choice_takes_over_no_figure_of_the_test_split():
    slow, _ = EXPERIMENT.rows
    first = run(replace(EXPERIMENT, rows=(slow,)), replace(OPTIONS, seeds=1), print)
    columns, splits = ("validation_accuracy",), ("train", "validation")
    choice = replace(EXPERIMENT, name="choice", rows=(slow,), columns=columns, splits=splits)
    figures = run(choice, replace(OPTIONS, seeds=1), print)["slow"]["runs"]["0"]
    assert not [name for name in figures if "test" in name]
    assert figures["validation_accuracy"] == first["slow"]["runs"]["0"]["validation_accuracy"]


def test_a_run_that_fails_does_not_stop_the_others():
    slow, fast = EXPERIMENT.rows
    training = replace(SMALL.training, learning_rate=1e30)
    wild = replace(SMALL, model=MLPConfig((784, 5, 10)), training=training)
    made = replace(EXPERIMENT, rows=(replace(slow, run=wild), fast))
    lines: list[str] = []
    with pytest.raises(UserError, match=r"not finished.*: made: slow, seed 0$"):
        run(made, replace(OPTIONS, seeds=1), lines.append)
    assert any("slow, seed 0: the " in line for line in lines)
    store = Store(made, protocol.RESULTS, load_dataset(OPTIONS.data, print).checksum)
    stored = store.read()
    assert list(stored["fast"]["runs"]) == ["0"]
    assert "failed" not in stored["fast"]
    assert stored["slow"]["runs"] == {}
    assert "epoch 1, step" in stored["slow"]["failed"]["0"]
    store.add(made.rows[0], wild, stored["fast"]["runs"]["0"])
    assert "failed" not in store.read()["slow"]


class StopError(Exception):
    pass


def without_clock(stored: dict) -> dict:
    for row in stored.values():
        for measured in row["runs"].values():
            for name in ("seconds", "finished"):
                del measured[name]
    return stored


def test_a_run_that_was_cut_short_goes_on(results: Path):
    slow, _ = EXPERIMENT.rows
    alone = replace(EXPERIMENT, name="alone", rows=(slow,))
    expected = without_clock(run(alone, replace(OPTIONS, seeds=1), print))
    (results / "alone.json").unlink()
    one = replace(EXPERIMENT, rows=(slow,))
    asked = iter([None, StopError()])  # not before the first epoch, but after it
    with pytest.raises(StopError):
        run(one, replace(OPTIONS, seeds=1), print, lambda: next(asked))
    (folder,) = (results / ".unfinished").iterdir()
    (kept,) = folder.glob("state_*.npz")
    assert len(Snapshots(folder / "state", f"{key_in(kept)}").newest.history) == 1  # pyright: ignore
    epochs = []
    train_model = runs.train_model
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            runs,
            "train_model",
            lambda model, config, train, validation, scaling, on_epoch, kept: train_model(
                model,
                config,
                train,
                validation,
                scaling,
                lambda state, record: epochs.append(record.epoch),
                kept,
            ),
        )
        stored = run(one, replace(OPTIONS, seeds=1), print)
    assert epochs == [2]
    assert without_clock(stored) == expected
    assert list((results / ".unfinished").iterdir()) == []


def key_in(file: Path) -> str:
    with np.load(io.BytesIO(file.read_bytes()[DIGEST + 1 :])) as archive:
        return json.loads(archive["told"].tobytes())["key"]


def test_a_run_that_another_process_is_at_is_left_to_it(results: Path):
    slow, _ = EXPERIMENT.rows
    store = Store(EXPERIMENT, results, checksums.CHECKSUM)
    options = replace(OPTIONS, seeds=1)
    lines: list[str] = []
    with protocol.begun(store, protocol.configure(slow, 0, options), print):
        stored = run(EXPERIMENT, options, lines.append)
    assert list(stored) == ["fast"]
    assert "made: slow, seed 0: another process is at it" in lines


def test_rows_can_be_picked():
    assert list(run(EXPERIMENT, replace(OPTIONS, seeds=1, rows=("fas",)), print)) == ["fast"]


def test_a_whole_name_means_its_row_alone():
    long = replace(EXPERIMENT.rows[1], name="fast and long")
    experiment = replace(EXPERIMENT, rows=(*EXPERIMENT.rows, long))
    names = [row.name for row, _ in protocol.planned(experiment, Options(1, rows=("fast",)))]
    assert names == ["fast"]
    names = [row.name for row, _ in protocol.planned(experiment, Options(1, rows=("fas",)))]
    assert names == ["fast", "fast and long"]


def test_results_are_of_the_real_images_alone(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr(checksums, "CHECKSUM", "of the real images")
    with pytest.raises(UserError, match=r"synthetic.*use --quick"):
        run(EXPERIMENT, OPTIONS, print)
    assert not results.exists()


def test_quick_is_short_and_stays_out_of_the_results(results: Path):
    stored = run(EXPERIMENT, replace(OPTIONS, seeds=1, quick=True), print)
    assert sum(map(sum, stored["slow"]["runs"]["0"]["train_confusion"])) == protocol.QUICK_IMAGES
    assert not results.exists()
    assert Path("runs/quick/made.json").exists()


def test_without_the_test_split_nothing_of_it_is_measured():
    choosing = replace(EXPERIMENT, splits=("validation",), columns=("validation_accuracy",))
    stored = run(choosing, replace(OPTIONS, seeds=1), print)
    assert not [name for name in stored["slow"]["runs"]["0"] if name.startswith("test")]
