"""The sum over taps against `lax.conv_general_dilated`, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.ops.direct import MAX_DIRECT_TAPS, direct_conv, direct_conv_windows
from fmnist_jax.ops.geometry import Geometry
from fmnist_jax.ops.pooling import split_windows
from tests.compiling import quick_jit
from tests.ops.test_conv import by_lax


@pytest.mark.parametrize("taps", range(1, MAX_DIRECT_TAPS + 1))
@pytest.mark.parametrize("geometry", [Geometry(1, 0, 4), Geometry(2, 1, 4), Geometry(3, 2, 2)])
def test_it_is_the_sum(taps: int, geometry: Geometry) -> None:
    with jax.enable_x64(True):
        rng = np.random.default_rng(taps)
        x = jnp.asarray(rng.standard_normal((1, 8, 8, 2)))
        kernel = jnp.asarray(rng.standard_normal((taps, taps, 1, 3)))
        expected = by_lax(x, kernel, geometry)

        found = quick_jit(direct_conv, static_argnums=2)(x, kernel, geometry)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
        if geometry.stride == 1:
            windows = quick_jit(direct_conv_windows, static_argnums=2)(x, kernel, geometry)
            for a, b in zip(windows, split_windows(expected), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
