"""The validation split: seeded, and the same for the same seed, labels and fraction."""

import numpy as np
from jaxtyping import Int

from fmnist_jax.data.dataset import Split
from fmnist_jax.errors import UserError


def split_indices(
    labels: Int[np.ndarray, " n"], fraction: float, seed: int, stratified: bool = False
) -> tuple[Int[np.ndarray, " train"], Int[np.ndarray, " validation"]]:
    """Return shuffled indices of the training and the validation examples.

    `round(fraction * n)` examples go to validation. The plain split is a permutation by NumPy's
    PCG64; the stratified one, scikit-learn's, keeps each class's share. Both depend on nothing but
    the arguments, so a data set in another order (a shuffled CSV copy) is split differently.
    Raises UserError where the fraction leaves either part empty.
    """
    count = round(fraction * len(labels)) if 0 < fraction < 1 else 0
    if not 0 < count < len(labels):
        raise UserError(
            f"validation_fraction: expected a number between 0 and 1 that leaves examples on both "
            f"sides of {len(labels)}, found {fraction}"
        )
    if not 0 <= seed < 1 << 32:
        raise UserError(f"split_seed: expected 0 to 2^32 - 1, found {seed}")
    if stratified:
        # Slow to import, so only where it is asked for.
        from sklearn.model_selection import train_test_split

        try:
            train, validation = train_test_split(
                np.arange(len(labels)), test_size=count, random_state=seed, stratify=labels
            )
        except ValueError as error:
            raise UserError(
                f"validation_fraction {fraction}: can't be stratified ({error})"
            ) from error
        return np.asarray(train), np.asarray(validation)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(labels))
    return order[count:], order[:count]


def take_validation(
    split: Split, fraction: float, seed: int, stratified: bool = False
) -> tuple[Split, Split]:
    """Return `split` parted into a training and a validation split by `split_indices`."""
    train, validation = split_indices(split.labels, fraction, seed, stratified)
    return (
        Split(split.images[train], split.labels[train]),
        Split(split.images[validation], split.labels[validation]),
    )
