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

from fmnist_jax.data.checksums import check_release, raw_data
from fmnist_jax.data.dataset import RawData, make_split
from fmnist_jax.errors import UserError

MAX_BYTES = 1 << 29
"""The most that a file may hold unpacked: eleven times the training images."""

# No DEFLATE stream grows by more: 258 bytes from two bits.
_MAX_DEFLATE_RATIO = 1032

_KINDS = {1: "labels (1 dimension)", 3: "images (3 dimensions)"}

_SPLITS = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def read_idx(path: Path, dimensions: int | None = None) -> UInt8[np.ndarray, "..."]:
    """Read a file of labels `(n,)` or images `(n, height, width)`, packed by gzip or not.

    The header is checked against the file's size before anything is allocated, and no more is
    unpacked than it promises. Raises UserError for a file that isn't a whole IDX file of unsigned
    bytes or has another number of `dimensions` than requested.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise UserError(
                f"{path}: {'not a file' if path.exists() else 'no such file'}: check the path"
            )
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            size = path.stat().st_size
            if packed:
                with gzip.open(file) as unpacked:
                    # The packed size limits the unpacked size, but doesn't determine it.
                    limit = min(size * _MAX_DEFLATE_RATIO, MAX_BYTES)
                    return _read(unpacked, path, limit, dimensions)
            return _read(file, path, min(size, MAX_BYTES), dimensions)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: damaged or cut off ({error}): fetch it again") from error
    except OSError as error:
        raise UserError(
            f"{path}: can't be read ({error.strerror or error}): check its permissions"
        ) from error


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


def find_idx_files(directory: Path) -> dict[str, Path] | None:
    """Return the four files by name, unpacked ones preferred; None if `directory` has none of them.

    Raises UserError if it has only some of the four.
    """
    found = {}
    for name in (name for names in _SPLITS.values() for name in names):
        for path in (directory / name, directory / f"{name}.gz"):
            if path.exists():
                found[name] = path
                break
    missing = [name for names in _SPLITS.values() for name in names if name not in found]
    if found and missing:
        raise UserError(
            f"{directory}: {', '.join(missing)} (or with .gz) missing: fetch all four files"
        )
    return found or None


def read_idx_files(files: dict[str, Path], verify: bool) -> RawData:
    """Read the data set from `files`, as `find_idx_files` gives them.

    With `verify`, the content must be one of the two releases', as `check_release` checks it. Raises
    UserError.
    """
    parts = {
        split: (files[images_name], files[labels_name])
        for split, (images_name, labels_name) in _SPLITS.items()
    }
    splits = {
        split: make_split(read_idx(images, 3), read_idx(labels, 1), images, labels)
        for split, (images, labels) in parts.items()
    }
    directory = next(iter(files.values())).parent
    raw = raw_data(splits["train"], splits["test"], f"IDX files in {directory}", directory)
    if verify:
        check_release(raw, parts)
    return raw
