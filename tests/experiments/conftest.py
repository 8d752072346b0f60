import numpy as np
import pytest

from fmnist_jax.data.dataset import Dataset, Split


def split(count: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 28, 28), np.uint8)
    return Split(images, rng.integers(0, 10, count, np.int32))


@pytest.fixture
def small_dataset() -> Dataset:
    """A few images of noise in each split."""
    return Dataset(split(40, 0), split(20, 1), split(30, 2), "made", "made")
