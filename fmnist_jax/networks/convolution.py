"""2-D convolution of maps (channels, height, width, batch)."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fmnist_jax.networks.pooling import Maps

Kernel = Float[Array, "height width inputs filters"]


def convolution(x: Maps, kernel: Kernel, stride: int, before: int, size: int) -> Maps:
    """y[o,i,j,n] = sum over u, v, c of kernel[u,v,c,o] x[c, i stride + u - before, j stride + v - before, n].

    `before` zeros stand before each row and column, as many behind as `size` outputs need.
    """
    k, _, channels, filters = kernel.shape
    height = x.shape[1]
    reach = (size - 1) * stride + 1
    after = max(0, (size - 1) * stride + k - before - height)
    x = jnp.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))
    patches = jnp.concatenate(
        [x[:, u : u + reach : stride, v : v + reach : stride] for u in range(k) for v in range(k)]
    )
    y = kernel.reshape(k * k * channels, filters).T @ patches.reshape(k * k * channels, -1)
    return y.reshape(filters, size, size, x.shape[-1])
