"""The training loop, for any model."""

from fmnist_jax.training.augmentation import AUGMENTATIONS, Augmentation
from fmnist_jax.training.optimizers import OPTIMIZERS, SCHEDULES, Optimizer, Schedule

NAMES = {Optimizer: OPTIMIZERS, Schedule: SCHEDULES, Augmentation: AUGMENTATIONS}
"""The names that command lines and files use, by type of behaviour."""
