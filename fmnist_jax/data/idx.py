"""The IDX format of the data set's four files, packed by gzip or not.

Big-endian: two zero bytes, the type of the elements (0x08: unsigned byte), the number of
dimensions, each dimension as 32 bits, then the elements in C order.
Source: http://yann.lecun.com/exdb/mnist/
"""

import gzip
import math
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from fmnist_jax.errors import UserError
from fmnist_jax.storage.files import open_file

MAX_BYTES = 1 << 29
"""The most that a file may hold unpacked: eleven times the training images."""

# No DEFLATE stream grows by more: 258 bytes from two bits.
_MAX_DEFLATE_RATIO = 1032

_KINDS = {1: "labels (1 dimension)", 3: "images (3 dimensions)"}


def read_idx(path: Path, dimensions: int | None = None) -> UInt8[np.ndarray, "..."]:
    """Read labels `(n,)` or images `(n, height, width)`; no more is allocated than the file holds."""
    path = Path(path)
    with open_file(path) as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        size = path.stat().st_size
        if not packed:
            return _read(file, path, min(size, MAX_BYTES), dimensions)
        try:
            with gzip.open(file) as unpacked:
                # The packed size limits the unpacked size, but doesn't determine it.
                return _read(unpacked, path, min(size * _MAX_DEFLATE_RATIO, MAX_BYTES), dimensions)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UserError(f"{path}: damaged or cut off ({error}): fetch it again") from error


def _read(
    file: BufferedIOBase, path: Path, limit: int, dimensions: int | None
) -> UInt8[np.ndarray, "..."]:
    """Read header and elements from `file`, which holds at most `limit` bytes."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:3] != b"\0\0\x08" or magic[3] not in _KINDS:
        raise UserError(
            f"{path}: not an IDX file of labels or images (expected magic 0x00000801 or 0x00000803, "
            f"found 0x{magic.hex()}): fetch it again"
        )
    found = magic[3]
    if dimensions is not None and found != dimensions:
        raise UserError(
            f"{path}: expected {_KINDS[dimensions]}, found {_KINDS[found]}: the files are swapped, "
            "give them their own names"
        )
    sizes = file.read(4 * found)
    if len(sizes) < 4 * found:
        raise UserError(f"{path}: cut off within its header: fetch it again")
    shape = struct.unpack(f">{found}I", sizes)
    length = math.prod(shape)
    text = "x".join(str(n) for n in shape)
    if length == 0:
        raise UserError(f"{path}: its header promises nothing ({text}): fetch it again")
    if length > limit - 4 - 4 * found:
        raise UserError(
            f"{path}: its header promises {length} bytes ({text}), more than the file can hold: "
            "damaged or cut off, fetch it again"
        )
    elements = np.empty(length, np.uint8)
    filled = 0
    while filled < length:
        count = file.readinto(elements.data[filled:])
        if not count:
            raise UserError(
                f"{path}: its header promises {length} bytes ({text}), found {filled}: cut off, "
                "fetch it again"
            )
        filled += count
    if file.read(1):  # at the end of the stream gzip also compares its own checksum
        raise UserError(f"{path}: holds more than the {length} bytes its header promises ({text})")
    return elements.reshape(shape)


def read_idx_pair(
    images: Path, labels: Path
) -> tuple[UInt8[np.ndarray, "n height width"], UInt8[np.ndarray, " m"]]:
    """Read a file of images and a file of labels."""
    return read_idx(images, 3), read_idx(labels, 1)
