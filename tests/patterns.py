"""Small images that can be learned: ten noisy patterns of 4x4 pixels."""

import numpy as np

from fmnist_jax.training.step import DeviceSplit, put_on_device


def noisy_patterns(count: int, seed: int) -> DeviceSplit:
    """Draw images of 4x4 pixels with their labels."""
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(99).integers(0, 200, (10, 4, 4))
    labels = rng.integers(0, 10, count, np.int32)
    images = (patterns[labels] + rng.integers(0, 56, (count, 4, 4))).astype(np.uint8)
    return put_on_device(images, labels, 10)
