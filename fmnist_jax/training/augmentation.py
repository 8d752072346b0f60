"""Augmentations by name: changes of training images that leave what an image shows as it is."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Int, Key, Num

from fmnist_jax.models.views import mirror

Images = Num[Array, "batch height width"]


class Draw(NamedTuple):
    """What a change of a batch of images may depend on, in addition to the images."""

    key: Key[Array, ""]
    """Of this step and augmentation alone."""
    indices: Int[Array, " batch"]
    """Where each image stands in the training split."""
    epoch: Int[Array, ""]
    """Counted from 0."""


@runtime_checkable
class Augmentation(Protocol):
    """A change of a batch of images, which may be random."""

    def __call__(self, draw: Draw, images: Images) -> Images:
        """Return the images that the step learns from, of the same shape and dtype."""
        ...


def no_augmentation(draw: Draw, images: Num[Array, "batch *shape"]) -> Num[Array, "batch *shape"]:
    """Return the images, or features, unchanged."""
    return images


def flip(draw: Draw, images: Images) -> Images:
    """Flip each image left to right with probability 1/2."""
    flipped = jax.random.bernoulli(draw.key, shape=(images.shape[0], 1, 1))
    return jnp.where(flipped, mirror(images), images)


def flip_alternately(draw: Draw, images: Images) -> Images:
    """Flip each image left to right in every second epoch, half of the images in each (Jordan 2024).

    https://arxiv.org/abs/2404.00498
    """
    flipped = (draw.indices + draw.epoch) % 2 == 1
    return jnp.where(flipped[:, None, None], mirror(images), images)


@dataclass(frozen=True)
class Shift:
    """Shift each image by up to `pixels` along each axis; zeros fill the border."""

    pixels: int

    def __call__(self, draw: Draw, images: Images) -> Images:
        """Return the shifted images."""
        count, height, width = images.shape
        border = (self.pixels, self.pixels)
        padded = jnp.pad(images, ((0, 0), border, border))
        corners = jax.random.randint(draw.key, (count, 2), 0, 2 * self.pixels + 1)
        return jax.vmap(lambda image, corner: lax.dynamic_slice(image, corner, (height, width)))(
            padded, corners
        )


def flip_and_shift(draw: Draw, images: Images) -> Images:
    """`flip`, then shift by up to one pixel along each axis."""
    flip_key, shift_key = jax.random.split(draw.key)
    images = flip(draw._replace(key=flip_key), images)
    return Shift(1)(draw._replace(key=shift_key), images)


def erase(draw: Draw, images: Images) -> Images:
    """With probability 1/2 fill a rectangle of each image with random grey levels (Zhong et al. 2020).

    Its area is 2 to 40 % of the image's, its aspect ratio 0.3 to 1/0.3, cut to the image's size.
    https://arxiv.org/abs/1708.04896
    """
    count, height, width = images.shape
    keys = jax.random.split(draw.key, 6)
    erased = jax.random.bernoulli(keys[0], shape=(count,))
    area = height * width * jax.random.uniform(keys[1], (count,), minval=0.02, maxval=0.4)
    aspect = jax.random.uniform(keys[2], (count,), minval=0.3, maxval=1 / 0.3)
    inside = erased[:, None, None]
    for axis, size, length, key in (
        (1, height, jnp.sqrt(area * aspect), keys[3]),
        (2, width, jnp.sqrt(area / aspect), keys[4]),
    ):
        length = jnp.clip(jnp.round(length), 1, size)
        first = jnp.floor(jax.random.uniform(key, (count,)) * (size - length + 1))
        place = jnp.arange(size, dtype=first.dtype)[None]
        within = (place >= first[:, None]) & (place < (first + length)[:, None])
        inside &= jnp.expand_dims(within, 3 - axis)
    grey = jax.random.bits(keys[5], images.shape, jnp.uint8).astype(images.dtype)
    return jnp.where(inside, grey, images)


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": no_augmentation,
    "mirror": flip,
    "mirror-alternate": flip_alternately,
    "mirror-move": flip_and_shift,
    "shift-1": Shift(1),
    "shift-2": Shift(2),
    "shift-3": Shift(3),
    "shift-4": Shift(4),
    "erase": erase,
}

MIRRORING = (flip, flip_alternately, flip_and_shift)
"""Of which a training uses at most one."""
