"""Fitted stages: networks with their weights, each later one on the features of the one before."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from attrs import frozen
from jaxtyping import Num

from fmnist_jax.config.model import Logits, Model, ModelConfig, Variables
from fmnist_jax.data.scaling import Scaling, Statistics
from fmnist_jax.models.views import Views, one_view


@frozen(eq=False)
class FittedStage:
    """A trained network with the scaling of its inputs.

    Args:
        name: Identifies the stage in files, such as "convnet" or "mlp".
        model: Describes the network.
        scaling: Turns what the stage receives into the network's inputs: grey levels, shape (n, 28, 28),
            in the first stage; features of the stage before, shape (n, features), in the others.
        variables: The network's arrays.
        statistics: What `scaling.fit` computed from the training split.
        features_of: `fingerprint_stages` of the stages that computed the features which this one was
            trained on; None in the first stage.
        views: The views of an input that the stage's logits are averaged over.
    """

    name: str
    model: ModelConfig
    scaling: Scaling
    variables: Variables
    statistics: Statistics
    features_of: str | None = None
    views: Views = one_view


class StageArrays(NamedTuple):
    """A stage's arrays, as jitted programs take them."""

    variables: Variables
    statistics: Statistics


class StageProgram(NamedTuple):
    """A stage's functions: hashable, so that `jit` takes them as a static argument."""

    model: Model
    scaling: Scaling
    views: Views = one_view


def logits(stages: Sequence[FittedStage], images: Num[Any, "n *shape"]) -> Logits:
    """Compute the last stage's logits; each stage before it contributes its features.

    Args:
        stages: At least one, in order.
        images: Grey levels from 0 to 255, shape (n, 28, 28).

    Returns:
        Logits, shape (n, classes), float32.

    Examples:
        >>> import jax
        >>> from fmnist_jax.data.scaling import UNIT
        >>> from fmnist_jax.scratch.mlp import MLPConfig
        >>> config = MLPConfig((784, 10))
        >>> stage = FittedStage("mlp", config, UNIT, config.build().init(jax.random.key(0)), {})
        >>> logits([stage], np.zeros((2, 28, 28), np.uint8)).shape
        (2, 10)
    """
    return compute_logits(*split_stages(stages), images)


def split_stages(
    stages: Sequence[FittedStage],
) -> tuple[tuple[StageProgram, ...], tuple[StageArrays, ...]]:
    """Split stages into what a jitted program is compiled for and the arrays that it is called with."""
    programs = tuple(
        StageProgram(stage.model.build(), stage.scaling, stage.views) for stage in stages
    )
    return programs, tuple(StageArrays(stage.variables, stage.statistics) for stage in stages)


def compute_logits(
    programs: tuple[StageProgram, ...],
    arrays: tuple[StageArrays, ...],
    images: Num[Any, "n *shape"],
) -> Logits:
    """Compute `logits` from the two parts that `split_stages` returns."""
    inputs = jnp.asarray(images)
    for program, stage in zip(programs[:-1], arrays[:-1], strict=True):
        scaled = program.scaling.apply(stage.statistics, inputs)
        inputs = program.model.features(stage.variables, scaled)
    last, stage = programs[-1], arrays[-1]
    return last.views(
        lambda view: last.model.apply(stage.variables, last.scaling.apply(stage.statistics, view)),
        inputs,
    )


def fingerprint(tree: Any) -> str:
    """Return the SHA-256 over the names, types, shapes and values of all arrays of a tree."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree.leaves_with_path(tree):
        array = np.ascontiguousarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def fingerprint_stages(stages: Sequence[FittedStage]) -> str | None:
    """Return the `fingerprint` of all variables of these stages; None of no stages."""
    return fingerprint([stage.variables for stage in stages]) if stages else None
