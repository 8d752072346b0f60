import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.data.scaling import SCALINGS, SYMMETRIC, UNIT, Z_SCORE

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 3, 3), np.uint8)


def test_unit_goes_from_0_to_1():
    np.testing.assert_allclose(
        UNIT.apply({}, np.array([[0, 51, 255]], np.uint8)), [[0, 0.2, 1]], rtol=1e-6
    )


def test_symmetric_goes_from_minus_1_to_1():
    scaled = SYMMETRIC.apply({}, np.array([[0, 255]], np.uint8))
    np.testing.assert_allclose(scaled, [[-1, 1]], rtol=1e-6)


def test_z_score_standardises_each_pixel_of_what_it_was_fitted_on():
    scaled = Z_SCORE.apply(Z_SCORE.fit(IMAGES), IMAGES)
    np.testing.assert_allclose(scaled.mean(axis=0), np.zeros((3, 3)), atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), np.ones((3, 3)), rtol=1e-4)


def test_z_score_uses_the_fitted_statistics_on_other_images():
    statistics = Z_SCORE.fit(IMAGES)
    other = np.full((1, 3, 3), 7, np.uint8)
    expected = (7 / 255 - IMAGES.mean(0) / 255) / (IMAGES.std(0) / 255 + 1e-8)
    np.testing.assert_allclose(Z_SCORE.apply(statistics, other)[0], expected, rtol=1e-4)


def test_a_pixel_that_never_varied_stays_small_on_an_image_where_it_does():
    dark = np.zeros((5, 2), np.uint8)
    scaled = Z_SCORE.apply(Z_SCORE.fit(dark), np.full((1, 2), 255, np.uint8))
    np.testing.assert_allclose(scaled, [[1, 1]])


@pytest.mark.parametrize("name", sorted(SCALINGS))
def test_scaling_is_float32_and_the_same_inside_a_jitted_program(name: str):
    scaling = SCALINGS[name]
    statistics = scaling.fit(IMAGES)
    inside = jax.jit(scaling.apply)(jax.device_put(statistics), jnp.asarray(IMAGES))
    outside = scaling.apply(statistics, IMAGES)
    assert inside.dtype == outside.dtype == np.float32
    np.testing.assert_allclose(inside, outside, rtol=1e-5, atol=1e-6)
