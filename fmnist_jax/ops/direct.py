"""Convolution of one channel on a CPU as a plain sum over taps, for inference.

With one channel a matrix product is too small to pay for building patches. Training needs the patches
for its gradients, so it does not use this.
"""

import functools
import itertools
import operator
from itertools import product

from jaxtyping import Array, Float

from fmnist_jax.ops.geometry import Geometry, Kernel, Maps, Outputs, pad_input
from fmnist_jax.ops.pooling import Windows

MAX_DIRECT_TAPS = 5
"""Largest kernel size: the sum is unrolled, and larger ones would take long to compile."""


def direct_conv(x: Maps, kernel: Kernel, geometry: Geometry) -> Outputs:
    """The convolution of one channel."""
    return _sum_over_taps(pad_input(x, kernel.shape[0], geometry)[0], kernel, (0, 0), geometry)


def direct_conv_windows(x: Maps, kernel: Kernel, geometry: Geometry) -> Windows:
    """`split_windows(direct_conv(...))` at stride 1, computed so that pooling fuses with it."""
    image = pad_input(x, kernel.shape[0], geometry)[0]
    every_second = Geometry(2, geometry.pad_before, geometry.output_size // 2)
    offsets = product(range(2), range(2))
    a, b, c, d = (_sum_over_taps(image, kernel, offset, every_second) for offset in offsets)
    return a, b, c, d


def _sum_over_taps(
    image: Float[Array, "padded_height padded_width batch"],
    kernel: Kernel,
    offset: tuple[int, int],
    geometry: Geometry,
) -> Outputs:
    """Every stride-th output of a padded image, starting at row and column `offset`."""
    stride, _, size = geometry
    span = (size - 1) * stride + 1

    def term(u: int, v: int) -> Outputs:
        top, left = offset[0] + u, offset[1] + v
        pixels = image[top : top + span : stride, left : left + span : stride]
        return kernel[u, v, 0][:, None, None, None] * pixels[None]

    terms = itertools.starmap(term, product(range(kernel.shape[0]), repeat=2))
    return functools.reduce(operator.add, terms)
