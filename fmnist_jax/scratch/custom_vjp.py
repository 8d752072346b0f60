"""The hand-written gradient for users of `jax.grad`, Flax and optax, by `jax.custom_vjp`."""

import functools

import jax
from jaxtyping import Array, Key

from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.mlp import Cache, Inputs, Logits, MLPConfig, Parameters


def apply(
    parameters: Parameters, X: Inputs, config: MLPConfig, key: Key[Array, ""] | None = None
) -> Logits:
    """Return the logits of the MLP; `jax.grad` through this function runs `mlp.backward`.

    Differentiable in the parameters and in X, in reverse mode, once.

    Args:
        parameters: One `Dense` a layer.
        X: Inputs (batch, inputs).
        config: The network.
        key: Draws the dropout masks; None means no dropout.

    Returns:
        The logits (batch, classes).

    Examples:
        >>> config = MLPConfig((4, 3, 2))
        >>> parameters = mlp.init(jax.random.key(0), config)
        >>> X = jax.numpy.ones((5, 4))
        >>> gradients = jax.grad(lambda p: apply(p, X, config).sum())(parameters)
        >>> [layer.W.shape for layer in gradients]
        [(4, 3), (3, 2)]
    """
    return _apply(parameters, X, config, key)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _apply(
    parameters: Parameters, X: Inputs, config: MLPConfig, key: Key[Array, ""] | None
) -> Logits:
    return mlp.forward(parameters, X, config, key)[0]


def _apply_forward(
    parameters: Parameters, X: Inputs, config: MLPConfig, key: Key[Array, ""] | None
) -> tuple[Logits, tuple[Parameters, Cache]]:
    logits, cache = mlp.forward(parameters, X, config, key)
    return logits, (parameters, cache)


def _apply_backward(
    config: MLPConfig, residuals: tuple[Parameters, Cache], dlogits: Logits
) -> tuple[Parameters, Inputs, None]:
    parameters, cache = residuals
    gradients, dX = mlp.backward(dlogits, parameters, cache, config)
    return gradients, dX, None


_apply.defvjp(_apply_forward, _apply_backward)
