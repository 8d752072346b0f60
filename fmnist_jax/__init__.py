"""Fashion-MNIST classifiers in JAX whose gradients are written by hand and proven right."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fmnist_jax.data.loading import DataConfig as DataConfig
    from fmnist_jax.data.loading import load_dataset as load_dataset
    from fmnist_jax.errors import UserError as UserError
    from fmnist_jax.inference.classifier import Classifier as Classifier
    from fmnist_jax.runs import MLPRun as MLPRun
    from fmnist_jax.runs import assess as assess
    from fmnist_jax.runs import train as train
    from fmnist_jax.scratch.mlp import MLPConfig as MLPConfig
    from fmnist_jax.training.config import TrainingConfig as TrainingConfig

# Imported when first used, so that what isn't used costs no time.
_HOMES = {
    "Classifier": "fmnist_jax.inference.classifier",
    "DataConfig": "fmnist_jax.data.loading",
    "MLPConfig": "fmnist_jax.scratch.mlp",
    "MLPRun": "fmnist_jax.runs",
    "TrainingConfig": "fmnist_jax.training.config",
    "UserError": "fmnist_jax.errors",
    "assess": "fmnist_jax.runs",
    "load_dataset": "fmnist_jax.data.loading",
    "train": "fmnist_jax.runs",
}

__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
