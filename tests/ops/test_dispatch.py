"""Which algorithm a CPU uses for which shapes."""

import jax.numpy as jnp

from fmnist_jax.ops import dispatch
from fmnist_jax.ops.geometry import Geometry
from fmnist_jax.ops.im2col import im2col_bytes


def test_the_patches_of_table_2s_heaviest_layer_exceed_the_caches() -> None:
    x, kernel = jnp.zeros((32, 14, 14, 64)), jnp.zeros((5, 5, 32, 64))
    geometry = Geometry(1, 2, 14)
    assert im2col_bytes(x, kernel, geometry) == 25 * 32 * 14**2 * 64 * 4
    assert not dispatch.use_im2col(x, kernel, geometry)
    assert dispatch.use_im2col(x[..., :32], kernel[:3, :3], geometry)


def test_few_channels_use_im2col_whatever_the_batch() -> None:
    x, kernel = jnp.zeros((1, 28, 28, 1024)), jnp.zeros((5, 5, 1, 6))
    geometry = Geometry(1, 0, 24)
    assert im2col_bytes(x, kernel, geometry) > dispatch.MAX_IM2COL_BYTES
    assert dispatch.use_im2col(x, kernel, geometry)


def test_winograd_in_training_needs_channels_and_more_than_one_window() -> None:
    assert dispatch.use_winograd_in_training(16, 3, Geometry(1, 1, 6))
    assert not dispatch.use_winograd_in_training(16, 3, Geometry(1, 1, 2))
    assert not dispatch.use_winograd_in_training(15, 3, Geometry(1, 1, 6))
    assert not dispatch.use_winograd_in_training(16, 6, Geometry(1, 1, 4))


def test_four_outputs_at_a_time_for_many_taps_and_windows() -> None:
    three, five = jnp.zeros((3, 3, 16, 4)), jnp.zeros((5, 5, 16, 4))
    assert dispatch.winograd_tile_outputs(five, Geometry(1, 2, 14)) == 4
    assert dispatch.winograd_tile_outputs(five, Geometry(1, 2, 4)) == 4
    assert dispatch.winograd_tile_outputs(five, Geometry(1, 2, 2)) == 2
    assert dispatch.winograd_tile_outputs(three, Geometry(1, 1, 14)) == 2
