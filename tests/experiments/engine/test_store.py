"""Results that several processes and experiments share, and a disk that is full."""

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.engine import runner as protocol
from experiments.engine import store
from experiments.engine.runner import Experiment, Row, Store, run
from fmnist_jax.data import checksums
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.errors import UserError
from fmnist_jax.runs.pipeline import PipelineRun
from fmnist_jax.runs.run import MLPRun
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.augmentation import mirrored
from fmnist_jax.training.config import TrainingConfig
from tests.experiments.small_experiment import EXPERIMENT, OPTIONS

pytestmark = pytest.mark.usefixtures("results")


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
    monkeypatch.setattr("fmnist_jax.training.loop.train_epoch", None)  # nothing is trained again
    assert list(run(one, options, print)["slow"]["runs"]) == ["0"]


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


RUN = MLPRun(model=MLPConfig((784, 10)), training=TrainingConfig(epochs=2))
ROW = Row("a row", RUN)
OLDER = Experiment("made", "Made for a test", (ROW,), ("test_accuracy",))


@pytest.fixture
def older(tmp_path: Path) -> Store:
    """A store of one run, kept when configurations had no augmentation yet."""
    older = Store(OLDER, tmp_path, "made")
    older.add(ROW, RUN, {"test_accuracy": 50.0, "data_checksum": "made"})
    stored = json.loads(older.path.read_text("utf-8"))
    del stored["rows"]["a row"]["configuration"]["training"]["augmentation"]
    older.path.write_text(json.dumps(stored), "utf-8")
    return older


def test_a_run_counts_that_was_stored_before_a_field_was_added(older: Store):
    assert older.has(ROW, RUN)
    assert older.equal(RUN) is not None
    second = replace(RUN, training=replace(RUN.training, seed=1))
    older.add(ROW, second, {"test_accuracy": 60.0, "data_checksum": "made"})
    assert list(older.read()["a row"]["runs"]) == ["0", "1"]
    assert older.read()["a row"]["configuration"]["training"]["augmentation"] == "none"


def test_a_run_of_another_value_or_kind_does_not(older: Store):
    changed = replace(RUN, training=replace(RUN.training, augmentation=mirrored))
    assert not older.has(ROW, changed)
    assert not older.has(ROW, PipelineRun())
