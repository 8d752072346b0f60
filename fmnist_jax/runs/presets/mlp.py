"""The scratch MLP on pixels; the defaults are the best row of report 1's table 1 by validation accuracy."""

from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import Z_SCORE, Scaling
from fmnist_jax.models.views import Views, one_view
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.presets.base import Plan, Preset
from fmnist_jax.scratch.activations import GELU
from fmnist_jax.scratch.initializers import uniform_fan_in
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig

MODEL = MLPConfig(activations=(GELU,), dropout=0.2, initializer=uniform_fan_in)


def options(
    data: DataConfig,
    model: MLPConfig = MODEL,
    training: TrainingConfig = TrainingConfig(),  # noqa: B008 - frozen
    scaling: Scaling = Z_SCORE,
    views: Views = one_view,
) -> Plan:
    """Train the scratch MLP, whose gradients are hand-written.

    Args:
        data: Which images.
        model: The network.
        training: How it is trained.
        scaling: How grey levels become inputs.
        views: The views of an image that logits are averaged over; training learns from one.
    """
    return Plan(Run((Stage("mlp", model, training, scaling, views),), data))


PRESET = Preset(options)
