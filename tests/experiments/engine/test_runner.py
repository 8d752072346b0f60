"""An experiment's rows are run and stored."""

from pathlib import Path

import pytest
from attrs import evolve

from experiments.engine import runner
from experiments.engine.configuration import change, seed_of
from experiments.engine.runner import Job, Options, configure, run
from experiments.engine.spec import Row
from experiments.engine.store import Store
from experiments.study.study import StudyOptions
from experiments.study.study import unfinished as unfinished_rows
from fmnist_jax.data import checksums
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import UserError
from fmnist_jax.runs.config import Run
from fmnist_jax.runs.lock import lock
from fmnist_jax.training import loop
from fmnist_jax.training.checkpointing import TrainingCheckpoints
from tests.experiments.small_experiment import EXPERIMENT, OPTIONS, SMALL
from tests.stand_ins import early_release

pytestmark = pytest.mark.usefixtures("results")
ONE_SEED = evolve(OPTIONS, seeds=1)
SLOW, FAST = EXPERIMENT.rows


def test_every_row_is_run_with_every_seed_and_stored(results: Path):
    lines: list[str] = []
    stored = run(EXPERIMENT, OPTIONS, lines.append)
    assert list(stored) == ["slow", "fast"]
    for row in stored.values():
        assert list(row["runs"]) == [0, 1]
        for measured in row["runs"].values():
            figures = measured["stages"]["mlp"]
            assert figures["stopped_epoch"] == 2
            assert len(figures["history"]["validation_loss"]) == 2
            assert measured["software"]["jax"]
            assert 0 <= figures["test_accuracy"] <= 100
    assert stored["slow"]["runs"][0] != stored["slow"]["runs"][1]
    checksum = load_dataset(OPTIONS.data, print).checksum
    assert Store(EXPERIMENT, results, checksum).read() == stored
    assert any("slow, seed 1: test_accuracy" in line for line in lines)


def test_a_row_may_be_trained_on_all_training_images():
    all_images = Run(SMALL.with_training(keep="last").stages, DataConfig(validation_fraction=0))
    experiment = evolve(
        EXPERIMENT, rows=(SLOW, Row("all", all_images)), splits=("validation", "test")
    )
    stored = run(experiment, ONE_SEED, print)
    slow, found = (stored[name]["runs"][0]["stages"]["mlp"] for name in ("slow", "all"))
    assert sum(map(sum, found["test_confusion"])) == sum(map(sum, slow["test_confusion"]))
    assert set(slow) - set(found) == {name for name in slow if "validation" in name}
    assert "validation_loss" not in found["history"]
    assert found["best_epoch"] == 2


def test_what_is_stored_is_not_run_again(monkeypatch: pytest.MonkeyPatch):
    first = run(EXPERIMENT, ONE_SEED, print)
    trained = []
    measure = runner.measure
    monkeypatch.setattr(runner, "measure", lambda *args: trained.append(args) or measure(*args))
    again = run(EXPERIMENT, OPTIONS, print)
    assert [seed_of(args[0]) for args in trained] == [1, 1]
    assert again["slow"]["runs"][0] == first["slow"]["runs"][0]


def test_a_row_whose_configuration_changed_is_run_again():
    run(EXPERIMENT, ONE_SEED, print)
    longer = evolve(SLOW, run=change(SMALL, "mlp", training={"epochs": 3}))
    stored = run(evolve(EXPERIMENT, rows=(longer, FAST)), ONE_SEED, print)
    assert stored["slow"]["runs"][0]["stages"]["mlp"]["stopped_epoch"] == 3
    assert stored["slow"]["configuration"]["stages"][0]["training"]["epochs"] == 3
    assert stored["fast"]["runs"][0]["stages"]["mlp"]["stopped_epoch"] == 2


def test_a_choice_takes_over_no_figure_of_the_test_split():
    first = run(evolve(EXPERIMENT, rows=(SLOW,)), ONE_SEED, print)
    choice = evolve(
        EXPERIMENT,
        module="experiments.made.choice",
        rows=(SLOW,),
        columns=("validation_accuracy",),
        splits=("train", "validation"),
    )
    figures = run(choice, ONE_SEED, print)["slow"]["runs"][0]["stages"]["mlp"]
    assert not [name for name in figures if "test" in name]
    before = first["slow"]["runs"][0]["stages"]["mlp"]
    assert figures["validation_accuracy"] == before["validation_accuracy"]


def test_a_run_that_fails_does_not_stop_the_others():
    wild = change(
        SMALL, "mlp", model={"layer_sizes": (784, 5, 10)}, training={"learning_rate": 1e30}
    )
    made = evolve(EXPERIMENT, rows=(evolve(SLOW, run=wild), FAST))
    lines: list[str] = []
    with pytest.raises(UserError, match=r"not finished.*: made/small: slow, seed 0$"):
        run(made, ONE_SEED, lines.append)
    assert any("slow, seed 0: the " in line for line in lines)
    store = Store(made, runner.results_folder(quick=False), checksums.CHECKSUM)
    stored = store.read()
    assert list(stored["fast"]["runs"]) == [0]
    assert not stored["fast"]["failed"]
    assert stored["slow"]["runs"] == {}
    assert "epoch 1, step" in stored["slow"]["failed"][0]
    store.add(made.rows[0], wild, stored["fast"]["runs"][0])
    assert not store.read()["slow"]["failed"]


class StopError(Exception):
    pass


def without_clock(stored: dict) -> dict:
    for row in stored.values():
        for measured in row["runs"].values():
            for figures in (measured, *measured["stages"].values()):
                figures.pop("seconds")
            del measured["finished"]
    return stored


def test_a_run_that_was_stopped_resumes(results: Path, monkeypatch: pytest.MonkeyPatch):
    alone = evolve(EXPERIMENT, module="experiments.made.alone", rows=(SLOW,))
    expected = without_clock(run(alone, ONE_SEED, print))
    (results / "made/alone.jsonl").unlink()
    one = evolve(EXPERIMENT, rows=(SLOW,))
    requests = iter([None, StopError()])  # not before the first epoch, but after it
    with pytest.raises(StopError):
        run(one, ONE_SEED, print, lambda: next(requests))
    (folder,) = (results / ".unfinished").iterdir()
    task = Job(Store(one, results, checksums.CHECKSUM), SLOW, configure(SLOW, 0, ONE_SEED)).task
    assert task.folder == folder
    newest = TrainingCheckpoints(folder / "mlp", f"{task.key} mlp").newest
    assert newest is not None
    assert len(newest.history) == 1
    epochs = []
    train_epoch = loop.train_epoch
    monkeypatch.setattr(loop, "train_epoch", lambda *args: epochs.append(1) or train_epoch(*args))
    stored = run(one, ONE_SEED, print)
    assert len(epochs) == 1
    assert without_clock(stored) == expected
    assert list((results / ".unfinished").iterdir()) == []


def test_a_run_that_another_process_is_running_is_left_to_it(results: Path):
    store = Store(EXPERIMENT, results, checksums.CHECKSUM)
    folder = Job(store, SLOW, configure(SLOW, 0, ONE_SEED)).task.folder
    folder.mkdir(parents=True)
    lines: list[str] = []
    with lock(folder):
        stored = run(EXPERIMENT, ONE_SEED, lines.append)
    assert list(stored) == ["fast"]
    assert "made/small: slow, seed 0: another process is running it" in lines


def test_rows_can_be_picked():
    assert list(run(EXPERIMENT, evolve(ONE_SEED, rows=("fas",)), print)) == ["fast"]


def test_a_complete_name_means_its_row_alone():
    long = evolve(FAST, name="fast and long")
    experiment = evolve(EXPERIMENT, rows=(*EXPERIMENT.rows, long))
    names = [row.name for row, _ in runner.planned(experiment, Options(1, rows=("fast",)))]
    assert names == ["fast"]
    names = [row.name for row, _ in runner.planned(experiment, Options(1, rows=("fas",)))]
    assert names == ["fast", "fast and long"]


def test_results_are_of_the_real_images_alone(results: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checksums, "CHECKSUM", "of the real images")
    with pytest.raises(UserError, match=r"synthetic.*use --quick"):
        run(EXPERIMENT, OPTIONS, print)
    assert not results.exists()


def test_quick_is_short_and_stays_out_of_the_results(results: Path):
    stored = run(EXPERIMENT, evolve(ONE_SEED, quick=True), print)
    figures = stored["slow"]["runs"][0]["stages"]["mlp"]
    assert sum(map(sum, figures["train_confusion"])) == runner.QUICK_IMAGES
    assert not results.exists()
    assert Path("runs/quick/results/made/small.jsonl").exists()


def test_without_the_test_split_nothing_of_it_is_measured():
    choosing = evolve(EXPERIMENT, splits=("validation",), columns=("validation_accuracy",))
    stored = run(choosing, ONE_SEED, print)
    figures = stored["slow"]["runs"][0]["stages"]["mlp"]
    assert not [name for name in figures if name.startswith("test")]


def test_a_row_keeps_its_own_split():
    own = evolve(SMALL, data=DataConfig(resplit_seed=4, validation_fraction=0.5))
    row = Row("re-split", own)
    run_ = configure(row, 1, OPTIONS)
    assert run_.data == evolve(OPTIONS.data, resplit_seed=4, validation_fraction=0.5)
    stored = run(evolve(EXPERIMENT, rows=(SLOW, row)), ONE_SEED, print)
    plain, resplit = (one["runs"][0]["stages"]["mlp"] for one in stored.values())
    assert "test_images_of_test_file" not in plain
    counts = [resplit[f"test_images_of_{file}_file"] for file in ("training", "test")]
    assert sum(counts) == 1000
    assert min(counts) > 50
    assert sum(map(sum, resplit["validation_confusion"])) == 3000
    assert stored["re-split"]["configuration"]["data"]["resplit_seed"] == 4
    assert len({one["runs"][0]["data_checksum"] for one in stored.values()}) == 1


@pytest.fixture
def early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataConfig:
    """Pictures that stand for the early release, required by name."""
    early_release(tmp_path / "early", monkeypatch)
    return DataConfig(data_dir=tmp_path / "early", release="early")


def test_results_of_the_early_release_are_kept_apart(results: Path, early: DataConfig):
    one = evolve(EXPERIMENT, rows=(SLOW,))
    official = run(one, ONE_SEED, print)
    before = (results / "made/small.jsonl").read_bytes()
    options = evolve(ONE_SEED, data=early)
    stored = run(one, options, print)
    assert (results / "made/small.jsonl").read_bytes() == before
    assert (results / "early/made/small.jsonl").exists()
    first, second = official["slow"], stored["slow"]
    assert first["configuration"]["data"]["release"] == "any"
    assert second["configuration"]["data"]["release"] == "early"
    assert first["runs"][0]["data_checksum"] != second["runs"][0]["data_checksum"]
    assert second["runs"][0]["images"] == (
        "Fashion-MNIST, early release (August 2017, as on Kaggle)"
    )
    # They are recognised without the option too, and neither is run twice.
    lines: list[str] = []
    run(one, evolve(options, data=evolve(early, release="any")), lines.append)
    run(one, ONE_SEED, lines.append)
    run(one, evolve(ONE_SEED, data=evolve(OPTIONS.data, release="official")), lines.append)
    assert lines.count("made/small: slow, seed 0: stored already") == 3


def test_a_study_of_the_early_release_counts_its_own_runs(results: Path, early: DataConfig):
    one = evolve(EXPERIMENT, rows=(SLOW,))
    run(one, ONE_SEED, print)
    options = StudyOptions(data=early)
    assert [row.stored for row in unfinished_rows([one], options)] == [0]
    run(one, evolve(ONE_SEED, data=early), print)
    assert [row.stored for row in unfinished_rows([one], options)] == [1]
    assert [row.stored for row in unfinished_rows([one], StudyOptions(data=OPTIONS.data))] == [1]
