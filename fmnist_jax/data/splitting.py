"""The validation split: the same for the same labels, fraction and seed."""

import numpy as np
from jaxtyping import Int

from fmnist_jax.data.dataset import Split
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
    if not 0 <= seed < 1 << 32:
        raise UserError(f"split_seed: expected 0 to 2^32 - 1, found {seed}")
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(labels))
    if not stratified or not count:
        return order[count:], order[:count]
    shuffled = labels[order]
    chosen = np.zeros(len(labels), bool)
    for label, share in _class_shares(labels, count, fraction).items():
        chosen[np.flatnonzero(shuffled == label)[:share]] = True
    return order[~chosen], order[chosen]


def _class_shares(labels: Int[np.ndarray, " n"], count: int, fraction: float) -> dict[int, int]:
    """Return how many of the `count` examples each class gives, by largest remainder.

    Class c gives floor(count n_c / n); the examples still missing come from the classes with the
    largest remainders, the lower label first.
    """
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


def take_validation(
    split: Split, fraction: float, seed: int, stratified: bool = False
) -> tuple[Split, Split]:
    """Return the training and the validation examples of `split`, as `split_indices` divides them."""
    train, validation = split_indices(split.labels, fraction, seed, stratified)
    return (
        Split(split.images[train], split.labels[train]),
        Split(split.images[validation], split.labels[validation]),
    )
