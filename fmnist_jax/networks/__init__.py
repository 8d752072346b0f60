"""Convolutional networks: descriptions, the reports' own ones, and the Flax modules that they describe."""

from fmnist_jax.networks.architectures import POOLING_PLANS, PoolingPlan
from fmnist_jax.networks.pooling import POOLINGS, Pooling

NAMES = {Pooling: POOLINGS, PoolingPlan: POOLING_PLANS}
"""The names that command lines and files use, by type of behaviour; those of `scratch` are used too."""
