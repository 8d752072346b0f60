"""Activation functions A = g(Z), with the backward dZ = dA * g'(Z) of each beneath it.

At a kink the derivative is the one from the left: g'(0) = 0 for ReLU and the slope for Leaky-ReLU.
`jax.grad` of the `where` used here gives the same (of `jnp.maximum` it would give 1/2). NaN stays NaN.
All functions are elementwise and keep shape and dtype.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Values = Float[Array, "*shape"]

LEAK = 0.01
"""Slope of Leaky-ReLU for Z <= 0, and the a of leaky-gelu (report 1)."""


def relu(Z: Values) -> Values:
    """Rectified linear unit, max(Z, 0).

    Examples:
        >>> relu(jnp.array([-2.0, 0.0, 3.0])).tolist()
        [0.0, 0.0, 3.0]

    References:
        V. Nair and G. Hinton, Rectified linear units improve restricted Boltzmann machines, ICML 2010.
    """
    return jnp.where(Z <= 0, jnp.zeros_like(Z), Z)  # not Z > 0, which would turn NaN into 0


def relu_backward(dA: Values, Z: Values) -> Values:
    """dZ = dA where Z > 0, else 0."""
    return jnp.where(Z <= 0, jnp.zeros_like(dA), dA)


def leaky_relu(Z: Values) -> Values:
    """Leaky ReLU: Z where Z > 0, else 0.01 Z.

    Examples:
        >>> leaky_relu(jnp.array([-100.0, 0.0, 3.0])).tolist()
        [-1.0, 0.0, 3.0]

    References:
        A. Maas, A. Hannun and A. Ng, Rectifier nonlinearities improve neural network acoustic models,
        ICML 2013.
    """
    return jnp.where(Z > 0, Z, LEAK * Z)


def leaky_relu_backward(dA: Values, Z: Values) -> Values:
    """dZ = dA where Z > 0, else 0.01 dA."""
    return jnp.where(Z > 0, dA, LEAK * dA)


def tanh(Z: Values) -> Values:
    """Hyperbolic tangent, (exp(Z) - exp(-Z)) / (exp(Z) + exp(-Z)).

    Examples:
        >>> tanh(jnp.array([-100.0, 0.0, 100.0])).tolist()
        [-1.0, 0.0, 1.0]
    """
    return jnp.tanh(Z)


def tanh_backward(dA: Values, Z: Values) -> Values:
    """dZ = dA (1 - A) (1 + A) with A = tanh(Z).

    The product is 1 - A^2, but A^2 is not rounded, which would cancel near 1.
    """
    A = jnp.tanh(Z)
    return dA * ((1 - A) * (1 + A))


def sigmoid(Z: Values) -> Values:
    """Logistic function, 1 / (1 + exp(-Z)).

    Examples:
        >>> print(sigmoid(jnp.array([-100.0, 0.0, 100.0])).round(4))
        [0.  0.5 1. ]
    """
    return jax.nn.sigmoid(Z)


def sigmoid_backward(dA: Values, Z: Values) -> Values:
    """dZ = dA s(Z) s(-Z) with s = sigmoid; s(-Z) is 1 - s(Z) without cancellation."""
    return dA * jax.nn.sigmoid(Z) * jax.nn.sigmoid(-Z)


def normal_cdf(Z: Values) -> Values:
    """Phi(Z), the standard normal distribution function."""
    return 0.5 * jax.lax.erfc(-Z * 0.5**0.5)


def normal_pdf(Z: Values) -> Values:
    """phi(Z) = Phi'(Z), the standard normal density."""
    return jnp.exp(-0.5 * Z**2) * (2 * jnp.pi) ** -0.5


def gelu(Z: Values) -> Values:
    """Gaussian error linear unit in its exact form, Z Phi(Z).

    Examples:
        >>> f"{gelu(jnp.array(1.0)):.4f}"  # 1 * Phi(1)
        '0.8413'

    References:
        D. Hendrycks and K. Gimpel, Gaussian error linear units, arXiv:1606.08415, 2016.
    """
    return Z * normal_cdf(Z)


def gelu_backward(dA: Values, Z: Values) -> Values:
    """dZ = dA (Phi(Z) + Z phi(Z))."""
    return dA * (normal_cdf(Z) + Z * normal_pdf(Z))


def leaky_gelu(Z: Values) -> Values:
    """GELU with a leak: Z (a + (1 - a) Phi(Z)), a = 0.01.

    Report 1 names a "leaky-gelu" without a definition. This reading changes GELU as Leaky-ReLU changes
    ReLU: the factor of Z never falls below a.

    Examples:
        >>> leaky_gelu(jnp.array([-100.0, 0.0, 100.0])).tolist()
        [-1.0, 0.0, 100.0]
    """
    return Z * (LEAK + (1 - LEAK) * normal_cdf(Z))


def leaky_gelu_backward(dA: Values, Z: Values) -> Values:
    """dZ = dA (a + (1 - a) (Phi(Z) + Z phi(Z)))."""
    return dA * (LEAK + (1 - LEAK) * (normal_cdf(Z) + Z * normal_pdf(Z)))


def identity(Z: Values) -> Values:
    """No activation: Z."""
    return Z


def identity_backward(dA: Values, Z: Values) -> Values:
    """dZ = dA."""
    return dA


@dataclass(frozen=True)
class Activation:
    """An activation function with its hand-written backward.

    Your own instances work like the ones below; only a run that is saved needs a name from `ACTIVATIONS`.

    Examples:
        >>> square = Activation("square", lambda Z: Z**2, lambda dA, Z: 2 * Z * dA)
        >>> square.backward(jnp.array([1.0, 1.0]), jnp.array([3.0, -2.0])).tolist()
        [6.0, -4.0]
    """

    name: str
    forward: Callable[[Values], Values]
    """Z to A = g(Z), elementwise."""
    backward: Callable[[Values, Values], Values]
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
"""All activations by name."""
