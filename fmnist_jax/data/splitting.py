"""The splits: which image goes where, always the same for the same labels, fractions and seeds.

An image's position counts through the training file and then the test file.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int32

from fmnist_jax.data.dataset import RawData, Split
from fmnist_jax.errors import UserError


def split_indices(
    labels: Int[np.ndarray, " n"], fraction: float, seed: int, stratified: bool = False
) -> tuple[Int[np.ndarray, " train"], Int[np.ndarray, " validation"]]:
    """Return the shuffled indices of the training and the validation examples.

    `round(fraction * n)` examples go to validation: the first of a permutation by NumPy's PCG64, or, if
    stratified, the first of each class in that permutation. It depends on the order of the labels. A
    fraction of 0 takes none. Raises UserError if another fraction leaves either split empty.
    """
    count = round(fraction * len(labels)) if 0 < fraction < 1 else 0
    if fraction != 0 and not 0 < count < len(labels):
        raise UserError(
            f"validation_fraction: expected 0, or a number between 0 and 1 that leaves examples on both "
            f"sides of {len(labels)}, found {fraction}"
        )
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(labels))
    if not stratified or not count:
        return order[count:], order[:count]
    shuffled = labels[order]
    chosen = np.zeros(len(labels), bool)
    for label, share in _class_shares(labels, count, fraction).items():
        chosen[np.flatnonzero(shuffled == label)[:share]] = True
    return order[~chosen], order[chosen]


def _class_shares(labels: Int[np.ndarray, " n"], count: int, fraction: float) -> dict[int, int]:
    """Return how many of the `count` examples each class gives: largest remainder, lower label first."""
    classes, sizes = np.unique(labels, return_counts=True)
    if sizes.min() < 2 or min(count, len(labels) - count) < len(classes):
        raise UserError(
            f"validation_fraction {fraction}: can't be stratified, since one of {len(classes)} classes "
            "would be missing from a split: expected two examples of each class and at least as many "
            f"examples as classes in both splits, found {sizes.min()} of class "
            f"{classes[sizes.argmin()]}, {len(labels) - count} training and {count} validation examples"
        )
    shares, remainders = np.divmod(count * sizes.astype(np.int64), len(labels))
    largest = np.argsort(-remainders, kind="stable")[: count - shares.sum()]
    shares[largest] += 1
    return dict(zip(classes.tolist(), shares.tolist(), strict=True))


class SplitFiles(NamedTuple):
    """The three splits by name, and the position of each image of each of them."""

    splits: dict[str, Split]
    positions: dict[str, Int32[np.ndarray, " n"]]


def split_files(
    raw: RawData,
    fraction: float,
    seed: int,
    stratified: bool = False,
    resplit_seed: int | None = None,
) -> SplitFiles:
    """Divide both files into three splits; with `resplit_seed` the test split is drawn from both."""
    pool = Split(*map(np.concatenate, zip(raw.train, raw.test, strict=True)))
    if resplit_seed is None:
        rest, test = np.split(np.arange(len(pool.labels)), [len(raw.train.labels)])
    else:
        rest, test = draw_test_positions(raw.train.labels, raw.test.labels, resplit_seed)
    train, validation = split_indices(pool.labels[rest], fraction, seed, stratified)
    positions = {"train": rest[train], "validation": rest[validation], "test": test}
    return SplitFiles(
        {name: Split(pool.images[these], pool.labels[these]) for name, these in positions.items()},
        {name: these.astype(np.int32) for name, these in positions.items()},
    )


def draw_test_positions(
    train_labels: Int[np.ndarray, " m"], test_labels: Int[np.ndarray, " n"], seed: int
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " n"]]:
    """Return the positions of all other images and of a test split drawn from both files.

    The others ascend; the test split is in random order, and has as many images of each class as the test
    file: the first of the class in a permutation of all positions by NumPy's PCG64.
    """
    labels = np.concatenate([train_labels, test_labels])
    # The 1 makes it another permutation than that of the validation split with the same seed.
    order = np.random.Generator(np.random.PCG64((seed, 1))).permutation(len(labels))
    shuffled = labels[order]
    chosen = np.zeros(len(labels), bool)
    for label, count in zip(*np.unique(test_labels, return_counts=True), strict=True):
        chosen[order[np.flatnonzero(shuffled == label)[:count]]] = True
    return np.flatnonzero(~chosen), order[chosen[order]]
