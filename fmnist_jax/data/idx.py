"""The IDX format of the data set's four files, packed by gzip or not.

Big-endian: two zero bytes, the type of the elements (0x08: unsigned byte), the number of
dimensions, each dimension as 32 bits, then the elements in C order.
Source: http://yann.lecun.com/exdb/mnist/
"""

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from jaxtyping import UInt8

from fmnist_jax.data.checksums import check_file, raw_data
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
    unpacked than it promises. Raises UserError for whatever is not a whole IDX file of unsigned
    bytes, or has other than the wanted number of `dimensions`.
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
                    # What a packed file can hold at most is known, what it does hold is not.
                    limit = min(size * _MAX_DEFLATE_RATIO, MAX_BYTES)
                    return _read(cast(BinaryIO, unpacked), path, limit, dimensions)
            return _read(file, path, min(size, MAX_BYTES), dimensions)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: damaged or cut off ({error}): fetch it again") from error
    except OSError as error:
        raise UserError(
            f"{path}: can't be read ({error.strerror or error}): check its permissions"
        ) from error


def _read(
    file: BinaryIO, path: Path, limit: int, dimensions: int | None
) -> UInt8[np.ndarray, "..."]:
    """Read header and elements from `file`, which holds `limit` bytes at most."""
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
        count = file.readinto(elements.data[filled:])  # pyright: ignore[reportAttributeAccessIssue]
        if not count:
            raise UserError(
                f"{path}: its header promises {length} bytes ({text}), found {filled}: cut off, "
                "fetch it again"
            )
        filled += count
    if file.read(1):  # also makes gzip compare its own checksum
        raise UserError(f"{path}: holds more than the {length} bytes its header promises ({text})")
    return elements.reshape(shape)


def find_idx_files(directory: Path) -> dict[str, Path] | None:
    """Return the four files by their names, unpacked ones first; None where `directory` has none.

    Raises UserError where it has some of the four.
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

    With `verify`, each file's unpacked bytes must have their known SHA-256. Raises UserError.
    """
    splits = {}
    for split, (images_name, labels_name) in _SPLITS.items():
        images = read_idx(files[images_name], 3)
        labels = read_idx(files[labels_name], 1)
        splits[split] = make_split(images, labels, files[images_name], files[labels_name])
        if verify:
            for name, array in ((images_name, images), (labels_name, labels)):
                check_file(files[name], name, _sha256(array))
    directory = next(iter(files.values())).parent
    return raw_data(splits["train"], splits["test"], f"IDX files in {directory}", directory)


def _sha256(array: UInt8[np.ndarray, "..."]) -> str:
    """Return the SHA-256 of the unpacked file that holds `array`."""
    digest = hashlib.sha256(struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape))
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
