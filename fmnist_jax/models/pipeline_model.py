"""The pipeline as one network: images to a convolutional network's features to the scratch MLP's logits."""

import functools
import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Key

from fmnist_jax.config.checks import check_type
from fmnist_jax.data.scaling import Z_SCORE, Scaling, Statistics
from fmnist_jax.errors import UserError
from fmnist_jax.models.base import Inputs, Logits, Network, Parameters, scratch_mlp
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.scratch.mlp import MLPConfig


@dataclass(frozen=True)
class PipelineConfig:
    """A convolutional network whose features a scratch MLP classifies.

    Raises UserError where the MLP doesn't take the network's features or tells other classes apart.
    """

    network: ConvNetConfig
    mlp: MLPConfig
    feature_scaling: Scaling = Z_SCORE
    """How features become the MLP's inputs; fitted on the training split's."""

    def __post_init__(self) -> None:
        """Refuse a pair that doesn't fit."""
        check_type("network", self.network, ConvNetConfig, "as FiveConv().network is")
        check_type("mlp", self.mlp, MLPConfig, "as MLPConfig((512, 1024, 10)) is")
        check_type("feature_scaling", self.feature_scaling, Scaling, "as data.scaling.Z_SCORE is")
        sizes = self.mlp.layer_sizes
        for name, found, expected, of in (
            ("begin", sizes[0], self.network.features, "features of the network"),
            ("end", sizes[-1], self.network.classes, "classes of the network"),
        ):
            if found != expected:
                raise UserError(
                    f"the MLP's layer_sizes must {name} with the {expected} {of}, found {found} in "
                    f"{sizes}"
                )


class PipelineParameters(NamedTuple):
    """What the pipeline has learned, part by part."""

    network: Parameters
    feature_statistics: Statistics
    """What `feature_scaling.fit` found in the training split's features."""
    mlp: Parameters


@functools.cache
def pipeline_model(config: PipelineConfig) -> Network:
    """The network, the feature scaling and the MLP in one, its `Parameters` a PipelineParameters."""
    from fmnist_jax.models import functional  # Flax, which an MLP's prediction does without

    mlp, scaling = scratch_mlp(config.mlp), config.feature_scaling

    def init(key: Key[Array, ""]) -> PipelineParameters:
        network_key, mlp_key = jax.random.split(key)
        none = np.zeros((1, config.network.features), np.float32)
        return PipelineParameters(
            functional.init(network_key, config.network), scaling.fit(none), mlp.init(mlp_key)
        )

    def apply(parameters: PipelineParameters, inputs: Inputs) -> Logits:
        features = functional.features(parameters.network, inputs, config.network)
        return mlp.apply(parameters.mlp, scaling.apply(parameters.feature_statistics, features))

    return Network(init, apply, mlp.losses)


def fingerprint(parameters: Parameters) -> str:
    """SHA-256 over the names, types, shapes and values of all arrays."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree.leaves_with_path(parameters):
        array = np.ascontiguousarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
