import json
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.store import Experiment, Row, Store
from fmnist_jax.pipeline import PipelineRun
from fmnist_jax.runs import MLPRun
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.augmentation import mirrored
from fmnist_jax.training.config import TrainingConfig

RUN = MLPRun(model=MLPConfig((784, 10)), training=TrainingConfig(epochs=2))
ROW = Row("a row", RUN)
EXPERIMENT = Experiment("made", "Made for a test", (ROW,), ("test_accuracy",))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store of one run, kept when configurations had no augmentation yet."""
    store = Store(EXPERIMENT, tmp_path, "made")
    store.add(ROW, RUN, {"test_accuracy": 50.0, "data_checksum": "made"})
    stored = json.loads(store.path.read_text("utf-8"))
    del stored["rows"]["a row"]["configuration"]["training"]["augmentation"]
    store.path.write_text(json.dumps(stored), "utf-8")
    return store


def test_a_run_counts_that_was_stored_before_a_field_was_added(store: Store):
    assert store.has(ROW, RUN)
    assert store.equal(RUN) is not None
    second = replace(RUN, training=replace(RUN.training, seed=1))
    store.add(ROW, second, {"test_accuracy": 60.0, "data_checksum": "made"})
    assert list(store.read()["a row"]["runs"]) == ["0", "1"]
    assert store.read()["a row"]["configuration"]["training"]["augmentation"] == "none"


def test_a_run_of_another_value_or_kind_does_not(store: Store):
    changed = replace(RUN, training=replace(RUN.training, augmentation=mirrored))
    assert not store.has(ROW, changed)
    assert not store.has(ROW, PipelineRun())
