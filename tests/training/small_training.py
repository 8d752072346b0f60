"""A small training on patterns that can be learned."""

from fmnist_jax.config.model import Model
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import EpochRecord, FitState, fit, make_task
from fmnist_jax.training.step import TrainingData
from tests.patterns import noisy_patterns

CONFIGURED = MLPConfig((16, 12, 10), dropout=0.2)
MODEL = CONFIGURED.build()
CONFIG = TrainingConfig(epochs=4, batch_size=16, learning_rate=0.05, patience=None)
VALIDATION = noisy_patterns(100, 2)
DATA = TrainingData(noisy_patterns(300, 1), VALIDATION, {})


def trained(
    config: TrainingConfig = CONFIG, model: Model = MODEL, state: FitState | None = None
) -> tuple[FitState, list[EpochRecord]]:
    task = make_task(model, UNIT, config, len(DATA.train.labels))
    steps = list(fit(task, config, DATA, state))
    return steps[-1][0], [record for _, record in steps]


def loss_of(record: EpochRecord) -> float:
    assert record.validation_loss is not None
    return record.validation_loss


def accuracy_of(record: EpochRecord) -> float:
    assert record.validation_accuracy is not None
    return record.validation_accuracy
