"""Results that several processes and experiments share, and files that were cut short."""

import json
import multiprocessing
from pathlib import Path

import pytest
from attrs import evolve

from experiments.engine import runner
from experiments.engine.configuration import change
from experiments.engine.runner import configure, run
from experiments.engine.spec import Experiment, Row
from experiments.engine.store import Store, results_folder
from fmnist_jax.data import checksums
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.errors import UserError
from fmnist_jax.runs.presets.pipeline import pipeline
from fmnist_jax.training import loop
from fmnist_jax.training.augmentation import flip
from tests.experiments.small_experiment import EXPERIMENT, OPTIONS, SMALL, measured

ONE_SEED = evolve(OPTIONS, seeds=1)
SLOW, FAST = EXPERIMENT.rows


def seeded(row: Row, seed: int):
    return row.run.with_training(seed=seed)


@pytest.fixture
def small(tmp_path: Path) -> Store:
    """A store with two runs of each row."""
    store = Store(EXPERIMENT, tmp_path, "made")
    for seed in (0, 1):
        for row in EXPERIMENT.rows:
            store.add(row, seeded(row, seed), measured(test_accuracy=50.0 + seed))
    return store


def test_a_line_is_a_run(small: Store):
    lines = [json.loads(line) for line in small.path.read_text("utf-8").splitlines()]
    assert [(line["row"], line["seed"]) for line in lines] == [
        ("slow", 0), ("fast", 0), ("slow", 1), ("fast", 1),
    ]  # fmt: skip
    assert lines[2]["configuration"] == lines[0]["configuration"]
    assert lines[2]["stages"] == {"mlp": {"test_accuracy": 51.0}}
    stored = small.read()
    assert list(stored) == ["slow", "fast"]
    assert stored["fast"]["runs"][1] == measured(test_accuracy=51.0)
    assert stored["fast"]["failed"] == {}


def test_a_changed_configuration_drops_its_rows_lines_and_no_others(small: Store):
    before = small.path.read_bytes().splitlines(keepends=True)
    longer = change(SMALL, "mlp", training={"epochs": 3})
    small.add(SLOW, longer, measured(test_accuracy=60.0))
    after = small.path.read_bytes().splitlines(keepends=True)
    assert after[:2] == [before[1], before[3]]
    assert len(after) == 3
    assert list(small.read()["slow"]["runs"]) == [0]
    assert small.has(SLOW, longer)
    assert not small.has(SLOW, SMALL)


def test_rows_that_no_longer_exist_are_dropped_when_the_file_is_written(small: Store):
    fewer = Store(evolve(EXPERIMENT, rows=(FAST,)), small.folder, "made")
    fewer.add(FAST, seeded(FAST, 2), measured(test_accuracy=60.0))
    assert {name: list(row["runs"]) for name, row in fewer.read().items()} == {"fast": [0, 1, 2]}


def test_a_seed_that_is_added_again_replaces_its_line(small: Store):
    small.add(SLOW, SMALL, measured(test_accuracy=70.0))
    assert small.read()["slow"]["runs"][0] == measured(test_accuracy=70.0)
    assert len(small.path.read_bytes().splitlines()) == 4


def test_a_failed_run_is_stored_and_forgotten_when_it_succeeds(small: Store):
    third = seeded(SLOW, 2)
    small.add_failed(SLOW, third, "the loss is nan")
    assert small.read()["slow"]["failed"] == {2: "the loss is nan"}
    assert not small.has(SLOW, third)
    small.add(SLOW, third, measured(test_accuracy=50.0))
    assert small.read()["slow"]["failed"] == {}
    assert small.has(SLOW, third)


def test_a_line_that_was_cut_short_is_ignored_and_repaired(small: Store):
    whole = small.path.read_bytes()
    small.path.write_bytes(whole[:-10])
    assert list(small.read()["fast"]["runs"]) == [0]
    small.add(FAST, seeded(FAST, 1), measured(test_accuracy=51.0))
    assert small.path.read_bytes() == whole


def test_what_a_killed_process_left_is_removed(small: Store):
    left = small.path.with_name(f".{small.path.name}.0123456789abcdef")
    left.write_text("half of a fi")
    small.add(SLOW, seeded(SLOW, 2), measured(test_accuracy=50.0))
    assert not left.exists()


@pytest.mark.usefixtures("results")
def test_rows_of_one_configuration_are_run_once(monkeypatch: pytest.MonkeyPatch):
    run(evolve(EXPERIMENT, rows=(SLOW,)), ONE_SEED, print)
    renamed = evolve(SLOW, name="the same")
    again = evolve(EXPERIMENT, module="experiments.made.other", rows=(renamed, FAST))
    trained = []
    measure = runner.measure
    monkeypatch.setattr(runner, "measure", lambda *args: trained.append(args[0]) or measure(*args))
    stored = run(again, ONE_SEED, print)
    assert [one.stages[0].training.learning_rate for one in trained] == [0.01]
    folder = results_folder(quick=False)
    first = Store(EXPERIMENT, folder, "").read()
    assert stored["the same"]["runs"] == first["slow"]["runs"]
    # A figure that the other table doesn't hold must be measured.
    more = evolve(
        again, module="experiments.made.more", rows=(SLOW,), columns=("test_accuracy", "new")
    )
    assert Store(more, folder, checksums.CHECKSUM).equal(configure(SLOW, 0, OPTIONS)) is None


@pytest.mark.usefixtures("results")
def test_runs_on_other_images_do_not_count():
    quick = evolve(ONE_SEED, quick=True)
    run(EXPERIMENT, quick, print)
    other = evolve(quick, data=DataConfig(source="synthetic", split_seed=1))
    lines: list[str] = []
    run(EXPERIMENT, other, lines.append)
    assert not any("stored already" in line for line in lines)
    store = Store(EXPERIMENT, results_folder(quick=True), "of other images")
    assert not store.has(SLOW, configure(SLOW, 0, other))


def test_a_full_disk_is_reported_and_what_was_trained_is_kept(
    results: Path, monkeypatch: pytest.MonkeyPatch
):
    one = evolve(EXPERIMENT, rows=(SLOW,))
    path, opened = results / "made/small.jsonl", Path.open

    def full(self: Path, *args: str, **options: str):
        if self == path:
            raise OSError(28, "No space left on device")
        return opened(self, *args, **options)  # pyright: ignore[reportCallIssue, reportArgumentType]

    lines: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        with pytest.raises(UserError, match="not finished, for the reasons above"):
            run(one, ONE_SEED, lines.append)
    assert f"{path}: can't be written (No space left on device)" in lines[-1]
    monkeypatch.setattr(loop, "train_epoch", None)  # nothing is trained again
    assert list(run(one, ONE_SEED, print)["slow"]["runs"]) == [0]


def add(folder: Path, seed: int) -> None:
    row = EXPERIMENT.rows[seed % 2]
    Store(EXPERIMENT, folder, "made").add(row, seeded(row, seed), measured(test_accuracy=seed))


def test_processes_that_share_the_work_lose_nothing(tmp_path: Path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.starmap(add, [(tmp_path, seed) for seed in range(12)])
    rows = Store(EXPERIMENT, tmp_path, "made").read()
    assert list(rows) == ["slow", "fast"]
    found = {seed for row in rows.values() for seed in row["runs"]}
    assert found == set(range(12))


ROW = Row("a row", SMALL)
OLDER = Experiment("experiments.made.older", "Made for a test", (ROW,), ("test_accuracy",))


@pytest.fixture
def older(tmp_path: Path) -> Store:
    """A store of one run, stored when configurations had no augmentation yet."""
    older = Store(OLDER, tmp_path, "made")
    older.add(ROW, SMALL, measured(test_accuracy=50.0))
    line = json.loads(older.path.read_text("utf-8"))
    del line["configuration"]["stages"][0]["training"]["augmentation"]
    older.path.write_text(json.dumps(line) + "\n", "utf-8")
    return older


def test_a_run_counts_that_was_stored_before_a_field_was_added(older: Store):
    assert older.has(ROW, SMALL)
    assert older.equal(SMALL) is not None
    older.add(ROW, SMALL.with_training(seed=1), measured(test_accuracy=60.0))
    stored = older.read()["a row"]
    assert list(stored["runs"]) == [0, 1]
    assert stored["configuration"]["stages"][0]["training"]["augmentation"] == []


def test_a_run_of_another_value_or_other_stages_does_not(older: Store):
    assert not older.has(ROW, change(SMALL, "mlp", training={"augmentation": flip}))
    assert not older.has(ROW, pipeline())
