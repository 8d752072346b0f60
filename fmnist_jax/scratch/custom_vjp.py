"""The hand-written gradient behind JAX's own face, for users of `jax.grad`, Flax and optax."""

from functools import partial

import jax
from jaxtyping import Array, Key

from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.mlp import Cache, Inputs, Logits, MLPConfig, Parameters


def apply(
    parameters: Parameters, X: Inputs, config: MLPConfig, key: Key[Array, ""] | None = None
) -> Logits:
    """The MLP's logits; `jax.grad` of anything built on them runs `mlp.backward`.

    Differentiable in the parameters and in X, in reverse mode, once.
    """
    return _apply(parameters, X, config, key)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
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
