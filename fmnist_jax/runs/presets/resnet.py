"""Residual networks of any width and depth; by default ResNet-20."""

from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import SYMMETRIC, Scaling
from fmnist_jax.models.resnet import ResNet
from fmnist_jax.models.views import Views, one_view
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.presets.base import Plan, Preset
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import adam, cosine

TRAINING = TrainingConfig(
    epochs=30, batch_size=128, optimizer=adam, learning_rate=0.003, schedule=cosine, patience=None
)
"""Usual values, not chosen by trials."""


def options(
    data: DataConfig,
    network: ResNet = ResNet(),  # noqa: B008 - frozen
    training: TrainingConfig = TRAINING,
    scaling: Scaling = SYMMETRIC,
    views: Views = one_view,
) -> Plan:
    """Train a residual network.

    Args:
        data: Which images.
        network: What is trained.
        training: How it is trained.
        scaling: How grey levels become inputs.
        views: The views of an image that logits are averaged over; training learns from one.
    """
    return Plan(Run((Stage("convnet", network.network, training, scaling, views),), data))


PRESET = Preset(options)
