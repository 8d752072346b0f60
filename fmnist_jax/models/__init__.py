"""Networks: their descriptions, the Flax modules, and the pure functions that training takes."""

from fmnist_jax.models.architectures import POOLING_PLANS, PoolingPlan
from fmnist_jax.ops.pooling import POOLINGS, Pooling

NAMES = {Pooling: POOLINGS, PoolingPlan: POOLING_PLANS}
"""The names that command lines and files use, by type of behaviour; those of `scratch` are used too."""
