"""The validation split, and re-splits of both files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist_jax.data.dataset import RawData
from fmnist_jax.data.splitting import (
    SplitFiles,
    draw_test_positions,
    split_files,
    split_indices,
)
from fmnist_jax.errors import UserError

LABELS = np.repeat(np.arange(10), [10, 20, 30, 40, 50, 10, 10, 10, 10, 10]).astype(np.int32)


@pytest.mark.parametrize("stratified", [False, True])
def test_parts_are_seeded_and_disjoint(stratified: bool) -> None:
    train, validation = split_indices(LABELS, 0.2, 3, stratified)
    assert len(validation) == 40
    assert sorted([*train, *validation]) == list(range(200))
    again = split_indices(LABELS, 0.2, 3, stratified)
    np.testing.assert_array_equal(train, again[0])
    np.testing.assert_array_equal(validation, again[1])
    assert not np.array_equal(validation, split_indices(LABELS, 0.2, 4, stratified)[1])


def test_stratified_keeps_shares() -> None:
    _, validation = split_indices(LABELS, 0.2, 0, stratified=True)
    assert np.bincount(LABELS[validation]).tolist() == [2, 4, 6, 8, 10, 2, 2, 2, 2, 2]


def test_stratified_shares_go_by_the_largest_remainder() -> None:
    """Quotas 1.5, 3 and 1.5 of 6, then 2.4, 2.4 and 1.2; a tie goes to the lower label."""
    for sizes, count, expected in (([5, 10, 5], 6, [2, 3, 1]), ([4, 4, 2], 6, [3, 2, 1])):
        labels = np.repeat(np.arange(3), sizes).astype(np.int32)
        for seed in range(3):
            _, validation = split_indices(labels, count / len(labels), seed, stratified=True)
            assert np.bincount(labels[validation]).tolist() == expected


def test_a_stratified_split_is_shuffled() -> None:
    train, validation = split_indices(np.repeat(np.arange(10), 100).astype(np.int32), 0.2, 0, True)
    for part in (train, validation):
        assert abs(np.corrcoef(np.arange(len(part)), part)[0, 1]) < 0.15


def test_the_same_on_every_version() -> None:
    """Golden values: a split that changes unnoticed would mix validation into training."""
    assert split_indices(LABELS, 0.04, 0)[1].tolist() == PLAIN
    assert split_indices(LABELS, 0.05, 0, stratified=True)[1].tolist() == STRATIFIED


PLAIN = [105, 6, 168, 90, 65, 159, 71, 165]
STRATIFIED = [105, 6, 90, 65, 159, 111, 131, 54, 39, 10]


@given(n=st.integers(2, 50), fraction=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_any_fraction_and_seed(n: int, fraction: float, seed: int) -> None:
    labels = np.zeros(n, np.int32)
    if fraction != 0 and not 0 < round(fraction * n) < n:
        with pytest.raises(UserError, match="validation_fraction"):
            split_indices(labels, fraction, seed)
        return
    train, validation = split_indices(labels, fraction, seed)
    assert len(validation) == round(fraction * n)
    assert sorted([*train, *validation]) == list(range(n))


@pytest.mark.parametrize("fraction", [1.0, -0.1, 1.5, float("nan"), float("inf"), 0.001])
def test_fractions_that_leave_nothing(fraction: float) -> None:
    with pytest.raises(UserError, match="validation_fraction"):
        split_indices(LABELS, fraction, 0)


@pytest.mark.parametrize("stratified", [False, True])
def test_a_fraction_of_0_takes_no_validation_split(stratified: bool) -> None:
    train, validation = split_indices(LABELS, 0, 3, stratified)
    assert sorted(train.tolist()) == list(range(len(LABELS)))
    assert validation.size == 0


@pytest.mark.parametrize(
    ("labels", "fraction"),
    [([0, 0, 0, 1], 0.5), ([0, 0, 1, 1], 0.25), ([0, 0, 1, 1], 0.75)],
    ids=["one of a class", "one for validation", "one for training"],
)
def test_what_cannot_be_stratified(labels: list[int], fraction: float) -> None:
    with pytest.raises(UserError, match="can't be stratified"):
        split_indices(np.array(labels, np.int32), fraction, 0, stratified=True)


def assert_images_are_where_they_were(raw: RawData, files: SplitFiles) -> None:
    """Every image of both files is in one split, with its label, and its position is known."""
    positions = np.concatenate(list(files.positions.values()))
    assert sorted(positions) == list(range(len(raw.train.labels) + len(raw.test.labels)))
    images, labels = (np.concatenate(parts) for parts in zip(raw.train, raw.test, strict=True))
    for name, split in files.splits.items():
        np.testing.assert_array_equal(split.images, images[files.positions[name]])
        np.testing.assert_array_equal(split.labels, labels[files.positions[name]])


def test_images_and_labels_stay_together(small: RawData) -> None:
    files = split_files(small, 0.25, 1)
    assert_images_are_where_they_were(small, files)
    train, validation = split_indices(small.train.labels, 0.25, 1)
    np.testing.assert_array_equal(files.positions["train"], train)
    np.testing.assert_array_equal(files.positions["validation"], validation)
    np.testing.assert_array_equal(files.splits["test"].images, small.test.images)


def test_a_resplit_holds_each_image_once_and_is_seeded(small: RawData) -> None:
    files, again, other = (split_files(small, 0.25, 0, resplit_seed=seed) for seed in (3, 3, 4))
    assert_images_are_where_they_were(small, files)
    for name, positions in files.positions.items():
        np.testing.assert_array_equal(positions, again.positions[name])
        assert sorted(positions) != sorted(other.positions[name])
    assert [len(split.labels) for split in files.splits.values()] == [30, 10, 20]
    drawn, of_file = (np.bincount(one.labels) for one in (files.splits["test"], small.test))
    np.testing.assert_array_equal(drawn, of_file)


def test_a_resplit_draws_from_both_files_by_their_sizes() -> None:
    labels = np.tile(np.arange(10, dtype=np.int32), 600)
    rest, test = draw_test_positions(labels, labels[:1000], 0)
    assert np.bincount(np.concatenate([labels, labels[:1000]])[test]).tolist() == [100] * 10
    assert not set(rest) & set(test)
    # 1,000 of 7,000 come from the test file: 143 of 1,000 are expected, with a deviation of 10.
    assert abs(int((test >= 6000).sum()) - 143) < 40
    # In random order, so that the first images are a sample of all.
    assert abs(np.corrcoef(np.arange(1000), test)[0, 1]) < 0.15
    assert abs(np.corrcoef(np.arange(1000), labels[test % 6000])[0, 1]) < 0.15


def test_a_resplit_is_the_same_on_every_version() -> None:
    rest, test = draw_test_positions(LABELS, LABELS[:12], 0)
    assert test.tolist() == RESPLIT
    assert len(rest) == 200


RESPLIT = [11, 19, 2, 1, 0, 207, 206, 7, 9, 200, 8, 208]
