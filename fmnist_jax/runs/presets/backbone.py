"""Report 4's five-block backbone."""

from fmnist_jax.data.scaling import UNIT
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.runs.presets.base import fixed_blocks
from fmnist_jax.scratch.initializers import he_normal
from fmnist_jax.training.config import TrainingConfig

MODEL = ConvNetConfig(
    (Block(49, 3, padding=1), *(Block(filters, 2, padding=1) for filters in (98, 196, 392, 784))),
    hidden=(128,),
    initializer=he_normal,
)
"""Filters double: maps of 28, 15, 8, 5, 3 before pooling, 784 features, as many as an image has pixels; the
standalone head has one hidden layer of 128. The report names no initialiser."""

TRAINING = TrainingConfig(epochs=10, batch_size=64, learning_rate=0.1, patience=None)
"""Ten epochs of plain gradient descent, at the better of the report's two learning rates."""

PRESET = fixed_blocks("Train report 4's five-block backbone.", MODEL, TRAINING, UNIT)
