"""How many parameters a network has, counted from the shapes of its arrays."""

from math import prod

import jax

from fmnist_jax.config.model import ModelConfig


def count_parameters(config: ModelConfig) -> int:
    """Count all weights and biases, without drawing them."""
    variables = jax.eval_shape(config.build().init, jax.random.key(0))
    return sum(prod(leaf.shape) for leaf in jax.tree.leaves(variables.parameters))
