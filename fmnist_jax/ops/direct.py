"""The convolution of one channel on a CPU as the sum over taps that it is.

With one channel there is too little in it for a matrix product to pay for writing patches, nor for a
gradient, which needs the patches anyway: this is for inference alone.
"""

import functools
import itertools
import operator
from itertools import product

from fmnist_jax.ops.geometry import Geometry, Kernel, padded
from fmnist_jax.ops.pooling import Maps, Windows

MOST_TAPS = 5
"""Of a kernel's row and column; the sum is written out, and larger ones would take long to compile."""


def direct(x: Maps, kernel: Kernel, geometry: Geometry) -> Maps:
    """The sum over taps, one output at a time."""
    return _sum(padded(x, kernel.shape[0], geometry), kernel, 0, 0, geometry)


def direct_windows(x: Maps, kernel: Kernel, geometry: Geometry) -> Windows:
    """The same at stride 1 by the outputs' place in each 2x2 window, so that pooling fuses with it."""
    x = padded(x, kernel.shape[0], geometry)
    every_other = Geometry(2, geometry.before, geometry.size // 2)
    a, b, c, d = (_sum(x, kernel, i, j, every_other) for i, j in product(range(2), repeat=2))
    return a, b, c, d


def _sum(x: Maps, kernel: Kernel, row: int, column: int, geometry: Geometry) -> Maps:
    """Of padded x with one channel, the outputs from that row and column on, a stride apart."""
    stride, _, size = geometry
    reach = (size - 1) * stride + 1
    image = x[0]

    def term(u: int, v: int) -> Maps:
        top, left = row + u, column + v
        seen = image[top : top + reach : stride, left : left + reach : stride]
        return kernel[u, v, 0][:, None, None, None] * seen[None]

    terms = itertools.starmap(term, product(range(kernel.shape[0]), repeat=2))
    return functools.reduce(operator.add, terms)
