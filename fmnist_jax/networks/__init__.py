"""Convolutional networks: descriptions, the reports' own ones, and the Flax modules that they describe."""

from fmnist_jax.networks.architectures import POOLING_PLANS, PoolingPlan
from fmnist_jax.networks.pooling import POOLINGS, Pooling
from fmnist_jax.scratch.initializers import INITIALIZERS, Initializer

NAMES = {Pooling: POOLINGS, PoolingPlan: POOLING_PLANS, Initializer: INITIALIZERS}
"""The names that command lines and files use, by type of behaviour."""
