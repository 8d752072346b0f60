"""Augmentations by name: random changes of training images that leave what an image shows as it is."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Key, Num

Images = Num[Array, "batch height width"]

MAX_SHIFT = 1
"""Pixels by which `flip_and_shift` moves an image at most, along each axis."""


@runtime_checkable
class Augmentation(Protocol):
    """A random change of a batch of images."""

    def __call__(self, key: Key[Array, ""], images: Images) -> Images:
        """Return the images that the step learns from, of the same shape and dtype."""
        ...


def no_augmentation(
    key: Key[Array, ""], images: Num[Array, "batch *shape"]
) -> Num[Array, "batch *shape"]:
    """Return the images, or features, unchanged."""
    return images


def flip(key: Key[Array, ""], images: Images) -> Images:
    """Flip each image left to right with probability 1/2."""
    flipped = jax.random.bernoulli(key, shape=(images.shape[0], 1, 1))
    return jnp.where(flipped, images[:, :, ::-1], images)


def flip_and_shift(key: Key[Array, ""], images: Images) -> Images:
    """`flip`, then shift by up to `MAX_SHIFT` pixels along each axis; zeros fill the border."""
    flip_key, shift_key = jax.random.split(key)
    images = flip(flip_key, images)
    count, height, width = images.shape
    padded = jnp.pad(images, ((0, 0), (MAX_SHIFT, MAX_SHIFT), (MAX_SHIFT, MAX_SHIFT)))
    corners = jax.random.randint(shift_key, (count, 2), 0, 2 * MAX_SHIFT + 1)
    return jax.vmap(lambda image, corner: lax.dynamic_slice(image, corner, (height, width)))(
        padded, corners
    )


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": no_augmentation,
    "mirror": flip,
    "mirror-move": flip_and_shift,
}
