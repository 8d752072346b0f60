"""The smallest network over 90 %."""

from fmnist_jax.data.scaling import SYMMETRIC
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.ops.pooling import GLOBAL
from fmnist_jax.runs.presets.base import fixed_blocks
from fmnist_jax.scratch.initializers import he_uniform
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import adam, cosine

MODEL = ConvNetConfig(
    (Block(8), Block(16), Block(24, pooling=GLOBAL)), hidden=(), initializer=he_uniform
)
"""Three 3x3 convolutions, the mean of each last map, one dense layer."""

TRAINING = TrainingConfig(
    epochs=30,
    batch_size=64,
    optimizer=adam,
    learning_rate=0.005,
    schedule=cosine,
    patience=None,
)
"""Chosen by `experiments/beyond/smallest_network.py`."""

PRESET = fixed_blocks("Train the smallest network over 90 %.", MODEL, TRAINING, SYMMETRIC)
