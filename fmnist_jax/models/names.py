"""The names that command lines and files use for behaviours, and for the types of networks."""

from fmnist_jax import scratch
from fmnist_jax.config.codec import Names
from fmnist_jax.config.model import ModelConfig
from fmnist_jax.data.scaling import SCALINGS, Scaling
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.five_conv import POOLING_PLANS, PoolingPlan
from fmnist_jax.models.gradients import GRADIENTS, Gradients
from fmnist_jax.models.views import VIEWS, Views
from fmnist_jax.ops.pooling import POOLINGS, Pooling
from fmnist_jax.scratch.mlp import MLPConfig

NAMES: Names = {
    **scratch.NAMES,
    Gradients: GRADIENTS,
    Pooling: POOLINGS,
    PoolingPlan: POOLING_PLANS,
    Scaling: SCALINGS,
    Views: VIEWS,
    ModelConfig: {"mlp": MLPConfig, "convnet": ConvNetConfig},
}
