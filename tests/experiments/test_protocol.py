import io
import json
import multiprocessing
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments import protocol, store
from experiments.protocol import Experiment, Options, Row, Store, run, summary, table
from fmnist_jax import runs
from fmnist_jax.cli.interruption import Stopped
from fmnist_jax.data import checksums
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import UserError
from fmnist_jax.runs import MLPRun
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.snapshots import DIGEST, Snapshots

SMALL = MLPRun(
    model=MLPConfig((784, 10)), training=TrainingConfig(epochs=2, batch_size=100, patience=None)
)
EXPERIMENT = Experiment(
    name="made",
    title="Made for a test",
    rows=(
        Row("slow", SMALL, {"test_accuracy": 50.0}),
        Row("fast", replace(SMALL, training=replace(SMALL.training, learning_rate=0.01))),
    ),
    columns=("test_accuracy", "best_epoch"),
)
OPTIONS = Options(seeds=2, data=DataConfig(source="synthetic"))


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(protocol, "RESULTS", tmp_path / "results")
    synthetic = load_dataset(OPTIONS.data, lambda line: None).checksum
    monkeypatch.setattr(checksums, "CHECKSUM", synthetic)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"


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


def test_rows_of_one_configuration_are_run_once(monkeypatch: pytest.MonkeyPatch):
    slow, fast = EXPERIMENT.rows
    run(replace(EXPERIMENT, rows=(slow,)), replace(OPTIONS, seeds=1), print)
    again = replace(EXPERIMENT, name="other", rows=(replace(slow, name="the same"), fast))
    trained = []
    measure = protocol.measure
    monkeypatch.setattr(
        protocol, "measure", lambda *words: trained.append(words[0]) or measure(*words)
    )
    stored = run(again, replace(OPTIONS, seeds=1), print)
    assert [one.training.learning_rate for one in trained] == [0.01]
    first = Store(EXPERIMENT, protocol.RESULTS, "").read()
    assert stored["the same"]["runs"] == first["slow"]["runs"]
    # What the other table doesn't hold must be measured.
    more = replace(again, name="more", rows=(slow,), columns=("test_accuracy", "new"))
    assert Store(more, protocol.RESULTS, checksums.CHECKSUM).equal(
        protocol.configure(slow, 0, OPTIONS)
    ) is None  # fmt: skip


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


def test_a_full_disk_is_told_and_what_was_trained_is_kept(
    results: Path, monkeypatch: pytest.MonkeyPatch
):
    slow, _ = EXPERIMENT.rows
    one, options = replace(EXPERIMENT, rows=(slow,)), replace(OPTIONS, seeds=1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    lines: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(store, "write_json", full)
        with pytest.raises(UserError, match="not finished, for the reasons above"):
            run(one, options, lines.append)
    assert f"{results / 'made.json'}: can't be written (No space left on device)" in lines[-1]
    monkeypatch.setattr("fmnist_jax.training.fit.train_epoch", None)  # nothing is trained again
    assert list(run(one, options, print)["slow"]["runs"]) == ["0"]


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


def test_a_signal_is_told_with_the_command_that_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr("sys.argv", ["made", "--seeds", "1", "--source", "synthetic"])
    monkeypatch.setattr(protocol, "run", lambda *words: words[-1]() or _stop(signal.SIGTERM))
    with pytest.raises(SystemExit) as exit_:
        protocol.main(EXPERIMENT)
    assert exit_.value.code == 143
    assert str(capsys.readouterr().err) == (
        "Stopped. To go on, give the same command again: "
        "python -m experiments.made --seeds 1 --source synthetic\n"
    )


def _stop(number: int) -> None:
    raise Stopped(number)


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


def test_runs_on_other_images_do_not_count(monkeypatch: pytest.MonkeyPatch):
    quick = replace(OPTIONS, seeds=1, quick=True)
    run(EXPERIMENT, quick, print)
    other = replace(quick, data=DataConfig(source="synthetic", split_seed=1))
    lines: list[str] = []
    run(EXPERIMENT, other, lines.append)
    assert not any("stored already" in line for line in lines)
    store = Store(EXPERIMENT, Path("runs/quick"), "of other images")
    slow = EXPERIMENT.rows[0]
    assert not store.has(slow, protocol.configure(slow, 0, other))


@pytest.mark.parametrize(
    ("words", "told"),
    [(["--seeds", "0"], "seeds must be at least 1"), (["--rows", "nosuch"], "'nosuch'"),
     (["--data-dir", "no/such/place"], "no/such/place"), (["--nonsense"], "--nonsense")],
)  # fmt: skip
def test_what_the_user_can_mend_is_one_line_and_exit_code_2(
    words: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
):
    monkeypatch.setattr("sys.argv", ["made", *words])
    with pytest.raises(SystemExit) as exit_:
        protocol.main(EXPERIMENT)
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert told in error


def test_main_prints_the_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.setattr("sys.argv", ["made", "--quick", "--seeds", "1", "--source", "synthetic"])
    protocol.main(EXPERIMENT)
    assert "| slow" in capsys.readouterr().out


def test_quick_is_short_and_stays_out_of_the_results(results: Path):
    stored = run(EXPERIMENT, replace(OPTIONS, seeds=1, quick=True), print)
    assert sum(map(sum, stored["slow"]["runs"]["0"]["train_confusion"])) == protocol.QUICK_IMAGES
    assert not results.exists()
    assert Path("runs/quick/made.json").exists()


def test_without_the_test_split_nothing_of_it_is_measured():
    choosing = replace(EXPERIMENT, splits=("validation",), columns=("validation_accuracy",))
    stored = run(choosing, replace(OPTIONS, seeds=1), print)
    assert not [name for name in stored["slow"]["runs"]["0"] if name.startswith("test")]


def _add(folder: Path, seed: int) -> None:
    row = EXPERIMENT.rows[seed % 2]
    seeded = protocol.with_trainings(row.run, seed=seed)
    measured = {"test_accuracy": float(seed), "data_checksum": "made"}
    Store(EXPERIMENT, folder, "made").add(row, seeded, measured)


def test_processes_that_share_the_work_lose_nothing(tmp_path: Path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.starmap(_add, [(tmp_path, seed) for seed in range(12)])
    rows = Store(EXPERIMENT, tmp_path, "made").read()
    assert list(rows) == ["slow", "fast"]
    found = {int(seed) for row in rows.values() for seed in row["runs"]}
    assert found == set(range(12))


def test_the_table_sets_measured_beside_reported():
    stored = {
        "slow": {"runs": {"0": {"test_accuracy": 40.0, "best_epoch": 2},
                          "1": {"test_accuracy": 42.0, "best_epoch": 2}}}
    }  # fmt: skip
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table(EXPERIMENT, stored).splitlines()
    ]
    assert lines[0] == ["", "test accuracy", "best epoch", "seeds"]
    assert lines[2] == ["slow", "41.00 ± 1.41 (50)", "2.00 ± 0.00", "2"]
    assert lines[3] == ["fast", "not run", "not run", "0"]


@pytest.mark.parametrize(
    ("values", "told"),
    [([], "not run"), ([88.0], "88.00"), ([1.0, 2.0], "1.5000 ± 0.7071"), ([0.3], "0.3000")],
)
def test_summary(values: list[float], told: str):
    assert summary(values) == told
