"""Report 1's five convolutions with their own dense layers."""

from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import SYMMETRIC, Scaling
from fmnist_jax.models.five_conv import FiveConv
from fmnist_jax.models.views import Views, one_view
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.presets.base import Plan, Preset
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import adam

TRAINING = TrainingConfig(
    epochs=10, batch_size=32, optimizer=adam, learning_rate=0.001, patience=None
)
"""Report 1's ten epochs. It names no optimizer, batch size and learning rate; the batch size was chosen on
validation (`experiments/reports/report1/table2_selection.py`)."""


def options(
    data: DataConfig,
    network: FiveConv = FiveConv(),  # noqa: B008 - frozen
    training: TrainingConfig = TRAINING,
    scaling: Scaling = SYMMETRIC,
    views: Views = one_view,
) -> Plan:
    """Train report 1's five convolutions with their own dense layers.

    Args:
        data: Which images.
        network: What is trained.
        training: How it is trained.
        scaling: How grey levels become inputs.
        views: The views of an image that logits are averaged over; training learns from one.
    """
    return Plan(Run((Stage("convnet", network.network, training, scaling, views),), data))


PRESET = Preset(options)
