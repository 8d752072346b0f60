"""Fashion-MNIST classifiers in JAX whose gradients are written by hand and proven right."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fmnist_jax.data.loading import DataConfig as DataConfig
    from fmnist_jax.data.loading import load_dataset as load_dataset
    from fmnist_jax.errors import UserError as UserError
    from fmnist_jax.inference.classifier import Classifier as Classifier
    from fmnist_jax.models.architectures import FiveConv as FiveConv
    from fmnist_jax.models.config import Block as Block
    from fmnist_jax.models.config import ConvNetConfig as ConvNetConfig
    from fmnist_jax.runs.pipeline import PipelineRun as PipelineRun
    from fmnist_jax.runs.pipeline import assess_pipeline as assess_pipeline
    from fmnist_jax.runs.pipeline import train_pipeline as train_pipeline
    from fmnist_jax.runs.run import CNNRun as CNNRun
    from fmnist_jax.runs.run import MLPRun as MLPRun
    from fmnist_jax.runs.run import assess as assess
    from fmnist_jax.runs.run import train as train
    from fmnist_jax.scratch.mlp import MLPConfig as MLPConfig
    from fmnist_jax.training.config import TrainingConfig as TrainingConfig

# Imported when first used, so that what isn't used costs no time.
_HOMES = {
    "Block": "fmnist_jax.models.config",
    "CNNRun": "fmnist_jax.runs.run",
    "Classifier": "fmnist_jax.inference.classifier",
    "ConvNetConfig": "fmnist_jax.models.config",
    "DataConfig": "fmnist_jax.data.loading",
    "FiveConv": "fmnist_jax.models.architectures",
    "MLPConfig": "fmnist_jax.scratch.mlp",
    "MLPRun": "fmnist_jax.runs.run",
    "PipelineRun": "fmnist_jax.runs.pipeline",
    "TrainingConfig": "fmnist_jax.training.config",
    "UserError": "fmnist_jax.errors",
    "assess": "fmnist_jax.runs.run",
    "assess_pipeline": "fmnist_jax.runs.pipeline",
    "load_dataset": "fmnist_jax.data.loading",
    "train": "fmnist_jax.runs.run",
    "train_pipeline": "fmnist_jax.runs.pipeline",
}

__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
