"""Activation functions g(Z), each with its backward dZ = dA * g'(Z) beneath it.

At a kink the derivative is the one from the left: g'(0) = 0 for ReLU and the slope for Leaky-ReLU,
as `jax.grad` finds for the `where` written here (`jnp.maximum` would give 1/2). NaN stays NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Units = Float[Array, "*batch units"]

LEAK = 0.01
"""Slope of Leaky-ReLU, and the a of leaky-gelu (report 1)."""


def relu(Z: Units) -> Units:
    """max(Z, 0)."""
    return jnp.where(Z <= 0, jnp.zeros_like(Z), Z)  # not Z > 0, which would make NaN 0


def relu_backward(dA: Units, Z: Units) -> Units:
    """dZ = dA where Z > 0, else 0."""
    return jnp.where(Z <= 0, jnp.zeros_like(dA), dA)


def leaky_relu(Z: Units) -> Units:
    """Z where Z > 0, else 0.01 Z (Maas et al. 2013)."""
    return jnp.where(Z > 0, Z, LEAK * Z)


def leaky_relu_backward(dA: Units, Z: Units) -> Units:
    """dZ = dA where Z > 0, else 0.01 dA."""
    return jnp.where(Z > 0, dA, LEAK * dA)


def tanh(Z: Units) -> Units:
    """Hyperbolic tangent."""
    return jnp.tanh(Z)


def tanh_backward(dA: Units, Z: Units) -> Units:
    """dZ = dA (1 - A) (1 + A), A = tanh(Z): 1 - A^2 without rounding the square near 1."""
    A = jnp.tanh(Z)
    return dA * ((1 - A) * (1 + A))


def sigmoid(Z: Units) -> Units:
    """1 / (1 + exp(-Z))."""
    return jax.nn.sigmoid(Z)


def sigmoid_backward(dA: Units, Z: Units) -> Units:
    """dZ = dA s (1 - s), s = sigmoid(Z); 1 - s is taken as sigmoid(-Z), which doesn't cancel."""
    return dA * jax.nn.sigmoid(Z) * jax.nn.sigmoid(-Z)


def normal_cdf(Z: Units) -> Units:
    """Phi(Z), the standard normal distribution function."""
    return 0.5 * jax.lax.erfc(-Z * 0.5**0.5)


def normal_pdf(Z: Units) -> Units:
    """phi(Z) = Phi'(Z), the standard normal density."""
    return jnp.exp(-0.5 * Z**2) * (2 * jnp.pi) ** -0.5


def gelu(Z: Units) -> Units:
    """Z Phi(Z), the exact form (Hendrycks and Gimpel 2016)."""
    return Z * normal_cdf(Z)


def gelu_backward(dA: Units, Z: Units) -> Units:
    """dZ = dA (Phi(Z) + Z phi(Z))."""
    return dA * (normal_cdf(Z) + Z * normal_pdf(Z))


def leaky_gelu(Z: Units) -> Units:
    """Z (a + (1 - a) Phi(Z)) with a = 0.01.

    Report 1 names a "leaky-gelu" and doesn't define it. This is the reading that stands to GELU as
    Leaky-ReLU stands to ReLU: the gate Phi(Z) never falls below a.
    """
    return Z * (LEAK + (1 - LEAK) * normal_cdf(Z))


def leaky_gelu_backward(dA: Units, Z: Units) -> Units:
    """dZ = dA (a + (1 - a) (Phi(Z) + Z phi(Z)))."""
    return dA * (LEAK + (1 - LEAK) * (normal_cdf(Z) + Z * normal_pdf(Z)))


def identity(Z: Units) -> Units:
    """Z."""
    return Z


def identity_backward(dA: Units, Z: Units) -> Units:
    """dZ = dA."""
    return dA


@dataclass(frozen=True)
class Activation:
    """A function of Z with its hand-written backward; one's own serve like the ones below."""

    name: str
    forward: Callable[[Units], Units]
    """A = g(Z)."""
    backward: Callable[[Units, Units], Units]
    """(dA, Z) to dZ = dA * g'(Z)."""


RELU = Activation("relu", relu, relu_backward)
LEAKY_RELU = Activation("leaky-relu", leaky_relu, leaky_relu_backward)
TANH = Activation("tanh", tanh, tanh_backward)
SIGMOID = Activation("sigmoid", sigmoid, sigmoid_backward)
GELU = Activation("gelu", gelu, gelu_backward)
LEAKY_GELU = Activation("leaky-gelu", leaky_gelu, leaky_gelu_backward)
IDENTITY = Activation("identity", identity, identity_backward)

ACTIVATIONS = {
    activation.name: activation
    for activation in (RELU, LEAKY_RELU, TANH, SIGMOID, GELU, LEAKY_GELU, IDENTITY)
}
