"""Small files of images, and what `read_images` makes of one."""

import struct

import numpy as np
import pytest
from PIL import Image

from fmnist_jax.errors import UserError, printable
from fmnist_jax.inference.images import read_images

PICTURE = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
SEVERAL = np.random.default_rng(1).integers(0, 256, (3, 28, 28), np.uint8)


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def read_one(path, **options):
    names, images = read_images([path], **options)
    assert names == (str(path),)
    assert images.shape == (1, 28, 28)
    assert images.dtype == np.uint8
    return images[0]


def several_names(path):
    return tuple(f"{path}[{i}]" for i in range(3))


def refused(path, match=None, **options):
    with pytest.raises(UserError, match=match) as caught:
        read_images([path], **options)
    message = str(caught.value)
    assert message.startswith(f"{printable(path)}: ")
    assert "\n" not in message


def header(text):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
