"""The training loop, for any model."""

from fmnist_jax.training.optimizers import OPTIMIZERS, SCHEDULES, Optimizer, Schedule

NAMES = {Optimizer: OPTIMIZERS, Schedule: SCHEDULES}
"""The names that command lines and files use, by type of behaviour."""
