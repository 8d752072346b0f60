"""Report 2's convolutional network."""

from fmnist_jax.data.scaling import SYMMETRIC
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.ops.pooling import AVERAGE
from fmnist_jax.runs.presets.base import fixed_blocks
from fmnist_jax.scratch.initializers import he_uniform
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import adam

MODEL = ConvNetConfig(
    (Block(6, 5, padding=0, pooling=AVERAGE), Block(16, 5, padding=0, pooling=AVERAGE)),
    hidden=(120, 84),
    initializer=he_uniform,
)
"""Two 5x5 convolutions, two 2x2 means, three dense layers. The report gives no counts; these are LeNet-5's
(LeCun et al. 1998), without padding: 28, 24, 12, 8, 4, so 256 features."""

TRAINING = TrainingConfig(
    epochs=200, batch_size=1024, optimizer=adam, monitor="accuracy", patience=None
)
"""200 epochs of Adam; the variables of the best validation accuracy are kept."""

PRESET = fixed_blocks("Train report 2's small convolutional network.", MODEL, TRAINING, SYMMETRIC)
"""The report names no scaling and no initialiser: `experiments/reports/report2/selection.py` chose them."""
