"""Report 3's LeNet."""

from fmnist_jax.data.scaling import SYMMETRIC
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.ops.pooling import AVERAGE
from fmnist_jax.runs.presets.base import fixed_blocks
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import adam

MODEL = ConvNetConfig(
    (Block(6, 5, pooling=AVERAGE), Block(16, 5, padding=0, pooling=AVERAGE)), hidden=(120, 84)
)
"""As report 2's network, with the first convolution padded by 2: 28, 14, 10, 5, so 400 features."""

TRAINING = TrainingConfig(epochs=25, batch_size=100, optimizer=adam, patience=None)
"""25 epochs of Adam, at the batch size of the report's best row."""

PRESET = fixed_blocks("Train report 3's LeNet.", MODEL, TRAINING, SYMMETRIC)
"""The report names no scaling; `experiments/reports/report3/selection.py` chose it."""
