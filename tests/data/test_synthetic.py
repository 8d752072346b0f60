"""The drawn pictures."""

from collections.abc import Callable

import numpy as np
import pytest

from fmnist_jax.data.dataset import RawData
from fmnist_jax.data.synthetic import draw_synthetic
from fmnist_jax.errors import UserError


def test_shapes_types_and_balance() -> None:
    raw = draw_synthetic(100, 55)
    assert raw.train.images.shape == (100, 28, 28)
    assert raw.train.images.dtype == np.uint8
    assert raw.test.labels.dtype == np.int32
    assert np.bincount(raw.train.labels).tolist() == [10] * 10
    assert set(np.bincount(raw.test.labels).tolist()) == {5, 6}
    assert "not Fashion-MNIST" in raw.source


def test_seeded(assert_same: Callable[[RawData, RawData], None]) -> None:
    assert_same(draw_synthetic(50, 10, seed=1), draw_synthetic(50, 10, seed=1))
    assert draw_synthetic(50, 10, seed=1).checksum != draw_synthetic(50, 10, seed=2).checksum
    raw = draw_synthetic(50, 50, seed=1)
    assert not np.array_equal(raw.train.images, raw.test.images)


def test_no_two_pictures_are_alike() -> None:
    images = draw_synthetic(300, 1).train.images
    assert len(np.unique(images.reshape(300, -1), axis=0)) == 300
    assert images.reshape(300, -1).max(axis=1).min() > 60  # and none is empty


def test_learnable_but_not_trivial() -> None:
    """A linear model is far better than chance after 1000 pictures, and far from perfect."""
    raw = draw_synthetic(1000, 500)
    X, X_test = (split.images.reshape(-1, 784) / 255.0 for split in (raw.train, raw.test))
    mean = X.mean(axis=0)
    Y = np.eye(10)[raw.train.labels] - 0.1
    # Ridge regression on one-hot labels: W = (X^T X + 100 I)^-1 X^T Y.
    W = np.linalg.solve((X - mean).T @ (X - mean) + 100 * np.eye(784), (X - mean).T @ Y)
    score = np.mean(((X_test - mean) @ W).argmax(axis=1) == raw.test.labels)
    assert 0.6 < score < 0.97


def test_sizes_out_of_range() -> None:
    with pytest.raises(UserError, match="at least one"):
        draw_synthetic(0, 10)
