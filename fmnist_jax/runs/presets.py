"""The named networks of reports 2, 3 and 4, each with its report's training, and one of our own."""

from dataclasses import replace

from fmnist_jax.data.scaling import SYMMETRIC, UNIT
from fmnist_jax.models.architectures import BACKBONE, LENET, SMALL_CNN, SMALLEST
from fmnist_jax.runs.run import CNNRun
from fmnist_jax.scratch.initializers import he_normal, he_uniform
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import adam, cosine

SMALL_CNN_RUN = CNNRun(
    replace(SMALL_CNN, initializer=he_uniform),
    TrainingConfig(epochs=200, batch_size=1024, optimizer=adam, monitor="accuracy", patience=None),
    SYMMETRIC,
)
"""Report 2: 200 epochs of Adam, the weights of the best validation accuracy; the scaling and the
initialiser, which it leaves open, as `experiments/reports/report2/selection.py` chose them."""

LENET_RUN = CNNRun(
    LENET, TrainingConfig(epochs=25, batch_size=100, optimizer=adam, patience=None), SYMMETRIC
)
"""Report 3: 25 epochs of Adam, at the batch size of its best row; the scaling, which it leaves open, as
`experiments/reports/report3/selection.py` chose it."""

BACKBONE_RUN = CNNRun(
    replace(BACKBONE, initializer=he_normal),
    TrainingConfig(epochs=10, batch_size=64, learning_rate=0.1, patience=None),
    UNIT,
)
"""Report 4: ten epochs of plain gradient descent, at the better of its two learning rates; he-normal, the
report naming no initialiser."""

SMALLEST_RUN = CNNRun(
    SMALLEST,
    TrainingConfig(
        epochs=30,
        batch_size=64,
        optimizer=adam,
        learning_rate=0.005,
        schedule=cosine,
        patience=None,
    ),
)
"""The smallest network over 90 %, as `experiments/beyond/smallest_network.py` chose it."""
