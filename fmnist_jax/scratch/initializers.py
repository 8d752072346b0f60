"""Initialisers of a layer: (key, fan_in, fan_out, dtype, units) to its weights W and biases b.

A dense layer has as many units as its fan_out, which is what leaving out `units` means. A convolution
of k x k has fan_in = k^2 inputs and fan_out = k^2 filters, and its units are the filters.
"""

from typing import Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float, Key

Weights = Float[Array, "fan_in units"]
Biases = Float[Array, " units"]


class Initializer(Protocol):
    """A function that draws a layer's weights and biases."""

    def __call__(
        self,
        key: Key[Array, ""],
        fan_in: int,
        fan_out: int,
        dtype: DTypeLike,
        units: int | None = None,
    ) -> tuple[Weights, Biases]:
        """Draw W (fan_in, units) and b (units,)."""
        ...


def uniform_fan_in(
    key: Key[Array, ""], fan_in: int, fan_out: int, dtype: DTypeLike, units: int | None = None
) -> tuple[Weights, Biases]:
    """W and b uniform in (-1/sqrt(fan_in), 1/sqrt(fan_in)): report 1's "random"."""
    weight_key, bias_key = jax.random.split(key)
    limit = fan_in**-0.5
    W = jax.random.uniform(weight_key, (fan_in, units or fan_out), dtype, -limit, limit)
    b = jax.random.uniform(bias_key, (units or fan_out,), dtype, -limit, limit)
    return W, b


def xavier_uniform(
    key: Key[Array, ""], fan_in: int, fan_out: int, dtype: DTypeLike, units: int | None = None
) -> tuple[Weights, Biases]:
    """W uniform with variance 2 / (fan_in + fan_out), b = 0 (Glorot and Bengio 2010)."""
    limit = (6 / (fan_in + fan_out)) ** 0.5
    W = jax.random.uniform(key, (fan_in, units or fan_out), dtype, -limit, limit)
    return W, jnp.zeros((units or fan_out,), dtype)


def xavier_normal(
    key: Key[Array, ""], fan_in: int, fan_out: int, dtype: DTypeLike, units: int | None = None
) -> tuple[Weights, Biases]:
    """W normal with variance 2 / (fan_in + fan_out), b = 0 (Glorot and Bengio 2010)."""
    W = (2 / (fan_in + fan_out)) ** 0.5 * jax.random.normal(key, (fan_in, units or fan_out), dtype)
    return W, jnp.zeros((units or fan_out,), dtype)


def he_uniform(
    key: Key[Array, ""], fan_in: int, fan_out: int, dtype: DTypeLike, units: int | None = None
) -> tuple[Weights, Biases]:
    """W uniform with variance 2 / fan_in, b = 0 (He et al. 2015)."""
    limit = (6 / fan_in) ** 0.5
    W = jax.random.uniform(key, (fan_in, units or fan_out), dtype, -limit, limit)
    return W, jnp.zeros((units or fan_out,), dtype)


def he_normal(
    key: Key[Array, ""], fan_in: int, fan_out: int, dtype: DTypeLike, units: int | None = None
) -> tuple[Weights, Biases]:
    """W normal with variance 2 / fan_in, b = 0 (He et al. 2015)."""
    W = (2 / fan_in) ** 0.5 * jax.random.normal(key, (fan_in, units or fan_out), dtype)
    return W, jnp.zeros((units or fan_out,), dtype)


random = uniform_fan_in  # the old name, until no module imports it

INITIALIZERS: dict[str, Initializer] = {
    "random": uniform_fan_in,
    "xavier-uniform": xavier_uniform,
    "xavier-normal": xavier_normal,
    "he-uniform": he_uniform,
    "he-normal": he_normal,
}
"""By name. Report 1 calls `uniform_fan_in` "random"."""
