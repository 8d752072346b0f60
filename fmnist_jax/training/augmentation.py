"""Augmentations by name: changes drawn anew for every step that leave what an image shows as it is."""

from typing import Protocol

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Key, Num

Images = Num[Array, "batch height width"]

MOVED = 1
"""Pixels by which `mirrored_and_moved` moves an image at most, along each axis."""


class Augmentation(Protocol):
    """A change of a batch of images, drawn by a key."""

    def __call__(self, key: Key[Array, ""], images: Images) -> Images:
        """The images that the step learns from, of the same shape and type."""
        ...


def unchanged(key: Key[Array, ""], images: Images) -> Images:
    """The images themselves."""
    return images


def mirrored(key: Key[Array, ""], images: Images) -> Images:
    """Each image or, with a chance of one half, its mirror image, left for right."""
    turned = jax.random.bernoulli(key, shape=(images.shape[0], 1, 1))
    return jnp.where(turned, images[:, :, ::-1], images)


def mirrored_and_moved(key: Key[Array, ""], images: Images) -> Images:
    """As `mirrored`, then moved by up to `MOVED` pixels up or down and left or right; zeros come in."""
    mirror_key, move_key = jax.random.split(key)
    images = mirrored(mirror_key, images)
    count, height, width = images.shape
    padded = jnp.pad(images, ((0, 0), (MOVED, MOVED), (MOVED, MOVED)))
    corners = jax.random.randint(move_key, (count, 2), 0, 2 * MOVED + 1)
    return jax.vmap(lambda image, corner: lax.dynamic_slice(image, corner, (height, width)))(
        padded, corners
    )


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": unchanged,
    "mirror": mirrored,
    "mirror-move": mirrored_and_moved,
}
