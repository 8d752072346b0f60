from pathlib import Path

import numpy as np
import pytest

from experiments.engine import store
from fmnist_jax.data import checksums
from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.data.loading import load_dataset
from tests.experiments.small_experiment import OPTIONS


def split(count: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 28, 28), np.uint8)
    return Split(images, rng.integers(0, 10, count, np.int32))


@pytest.fixture
def small_dataset() -> Dataset:
    """A few images of noise in each split."""
    return Dataset(split(40, 0), split(20, 1), split(30, 2), "made", "made")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of results; the synthetic pictures count as the real ones."""
    monkeypatch.setattr(store, "RESULTS", tmp_path / "results")
    synthetic = load_dataset(OPTIONS.data, lambda line: None).checksum
    monkeypatch.setattr(checksums, "CHECKSUM", synthetic)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"
