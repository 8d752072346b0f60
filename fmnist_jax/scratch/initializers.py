"""Initializers: functions that draw the weights W and biases b of a layer.

A dense layer has fan_out units, the default of `units`. A k x k convolution of c maps with f filters has
fan_in = k^2 c, fan_out = k^2 f and units = f; its W (fan_in, units) is reshaped to (k, k, c, f).
"""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float, Key

Weights = Float[Array, "fan_in units"]
Biases = Float[Array, " units"]


@runtime_checkable
class Initializer(Protocol):
    """A function that draws the weights and biases of a layer; your own functions work, too."""

    def __call__(
        self,
        key: Key[Array, ""],
        fan_in: int,
        fan_out: int,
        dtype: DTypeLike,
        units: int | None = None,
    ) -> tuple[Weights, Biases]:
        """Draw the weights and biases of a layer.

        Args:
            key: A random key.
            fan_in: Inputs of each unit.
            fan_out: Outputs that each input contributes to.
            dtype: Of weights and biases.
            units: Units of the layer; fan_out by default.

        Returns:
            W (fan_in, units) and b (units,).
        """
        ...


def uniform_fan_in(
    key: Key[Array, ""], fan_in: int, fan_out: int, dtype: DTypeLike, units: int | None = None
) -> tuple[Weights, Biases]:
    """W and b uniform in (-1/sqrt(fan_in), 1/sqrt(fan_in)): "random" in report 1, PyTorch's default.

    Examples:
        >>> W, b = uniform_fan_in(jax.random.key(0), 4, 3, jnp.float32)
        >>> W.shape, b.shape, bool(abs(W).max() < 0.5)
        ((4, 3), (3,), True)

    References:
        Y. LeCun et al., Efficient BackProp, in Neural Networks: Tricks of the Trade, 1998.
    """
    weight_key, bias_key = jax.random.split(key)
    limit = fan_in**-0.5
    W = jax.random.uniform(weight_key, (fan_in, units or fan_out), dtype, -limit, limit)
    b = jax.random.uniform(bias_key, (units or fan_out,), dtype, -limit, limit)
    return W, b


def xavier_uniform(
    key: Key[Array, ""], fan_in: int, fan_out: int, dtype: DTypeLike, units: int | None = None
) -> tuple[Weights, Biases]:
    """W uniform with variance 2 / (fan_in + fan_out), b = 0.

    References:
        X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural
        networks, AISTATS 2010.
    """
    limit = (6 / (fan_in + fan_out)) ** 0.5
    W = jax.random.uniform(key, (fan_in, units or fan_out), dtype, -limit, limit)
    return W, jnp.zeros((units or fan_out,), dtype)


def xavier_normal(
    key: Key[Array, ""], fan_in: int, fan_out: int, dtype: DTypeLike, units: int | None = None
) -> tuple[Weights, Biases]:
    """W normal with variance 2 / (fan_in + fan_out), b = 0.

    References:
        X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural
        networks, AISTATS 2010.
    """
    W = (2 / (fan_in + fan_out)) ** 0.5 * jax.random.normal(key, (fan_in, units or fan_out), dtype)
    return W, jnp.zeros((units or fan_out,), dtype)


def he_uniform(
    key: Key[Array, ""], fan_in: int, fan_out: int, dtype: DTypeLike, units: int | None = None
) -> tuple[Weights, Biases]:
    """W uniform with variance 2 / fan_in, b = 0.

    References:
        K. He et al., Delving deep into rectifiers, ICCV 2015.
    """
    limit = (6 / fan_in) ** 0.5
    W = jax.random.uniform(key, (fan_in, units or fan_out), dtype, -limit, limit)
    return W, jnp.zeros((units or fan_out,), dtype)


def he_normal(
    key: Key[Array, ""], fan_in: int, fan_out: int, dtype: DTypeLike, units: int | None = None
) -> tuple[Weights, Biases]:
    """W normal with variance 2 / fan_in, b = 0.

    References:
        K. He et al., Delving deep into rectifiers, ICCV 2015.
    """
    W = (2 / fan_in) ** 0.5 * jax.random.normal(key, (fan_in, units or fan_out), dtype)
    return W, jnp.zeros((units or fan_out,), dtype)


INITIALIZERS: dict[str, Initializer] = {
    "random": uniform_fan_in,
    "xavier-uniform": xavier_uniform,
    "xavier-normal": xavier_normal,
    "he-uniform": he_uniform,
    "he-normal": he_normal,
}
"""All initializers by name; `uniform_fan_in` has the name that report 1 uses, "random"."""
