"""Fashion-MNIST classifiers in JAX whose gradients are hand-written and proven correct."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fmnist_jax.data.loading import DataConfig as DataConfig
    from fmnist_jax.data.loading import load_dataset as load_dataset
    from fmnist_jax.errors import UserError as UserError
    from fmnist_jax.inference.classifier import Classifier as Classifier
    from fmnist_jax.models.config import Block as Block
    from fmnist_jax.models.config import ConvNetConfig as ConvNetConfig
    from fmnist_jax.models.five_conv import FiveConv as FiveConv
    from fmnist_jax.runs.config import Run as Run
    from fmnist_jax.runs.config import Stage as Stage
    from fmnist_jax.runs.presets.pipeline import pipeline as pipeline
    from fmnist_jax.runs.train import assess as assess
    from fmnist_jax.runs.train import train as train
    from fmnist_jax.scratch.mlp import MLPConfig as MLPConfig
    from fmnist_jax.training.config import TrainingConfig as TrainingConfig

# Imported on first use, so that unused parts cost no start-up time.
_MODULES = {
    "Block": "fmnist_jax.models.config",
    "Classifier": "fmnist_jax.inference.classifier",
    "ConvNetConfig": "fmnist_jax.models.config",
    "DataConfig": "fmnist_jax.data.loading",
    "FiveConv": "fmnist_jax.models.five_conv",
    "MLPConfig": "fmnist_jax.scratch.mlp",
    "Run": "fmnist_jax.runs.config",
    "Stage": "fmnist_jax.runs.config",
    "TrainingConfig": "fmnist_jax.training.config",
    "UserError": "fmnist_jax.errors",
    "assess": "fmnist_jax.runs.train",
    "load_dataset": "fmnist_jax.data.loading",
    "pipeline": "fmnist_jax.runs.presets.pipeline",
    "train": "fmnist_jax.runs.train",
}

__all__ = sorted(_MODULES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
