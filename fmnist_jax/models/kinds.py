"""The kinds of model that can be trained, saved and restored: configuration to pure functions."""

from collections.abc import Callable
from typing import Any, NamedTuple

from fmnist_jax import models as networks
from fmnist_jax import scratch
from fmnist_jax.data.scaling import SCALINGS, Scaling
from fmnist_jax.errors import unknown_name
from fmnist_jax.models.base import Model, Network, Parameters, scratch_mlp
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.pipeline_model import PipelineConfig, pipeline_model
from fmnist_jax.scratch.mlp import MLPConfig

NAMES = scratch.NAMES | networks.NAMES | {Scaling: SCALINGS}
"""Every behaviour that a model's configuration can name."""


class Kind(NamedTuple):
    """A kind of model."""

    config: type
    """The dataclass that describes such a model."""
    build: Callable[[Any], Model | Network]
    """The configuration to the network; the same object for the same configuration."""
    extractor: Callable[[Parameters], Parameters] | None = None
    """Where one part was trained on another's features: all parameters to that other's."""


def conv_net(config: ConvNetConfig) -> Model:
    """The convolutional network; Flax is imported when the first one is built."""
    from fmnist_jax.models import functional

    return functional.conv_net(config)


KINDS = {
    "mlp": Kind(MLPConfig, scratch_mlp),
    "cnn": Kind(ConvNetConfig, conv_net),
    "pipeline": Kind(PipelineConfig, pipeline_model, lambda parameters: parameters.network),
}


def kind_of(config: Any) -> str:
    """The name of a configuration's kind. Raises UserError for what describes no model."""
    for name, kind in KINDS.items():
        if isinstance(config, kind.config):
            return name
    raise unknown_name("kind of model", type(config).__name__, KINDS)
