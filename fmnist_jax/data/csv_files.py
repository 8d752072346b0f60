"""The data set as CSV: an optional header, then a row per example: its label and its 784 pixels."""

import itertools
import math
import warnings
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from jaxtyping import Int32, UInt8

from fmnist_jax.data.dataset import IMAGE_SHAPE
from fmnist_jax.errors import UserError
from fmnist_jax.storage.files import open_file

MAX_BYTES = 1 << 29
"""The largest file that is read, four times the training file's size."""

_PIXELS = math.prod(IMAGE_SHAPE)
_MAX_LINE_BYTES = 1 << 16
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_csv_images(
    path: Path,
) -> tuple[UInt8[np.ndarray, "n 28 28"], Int32[np.ndarray, " n"] | None]:
    """Read images from 784 columns, or images and labels from 785; a first row of names is skipped."""
    path = Path(path)
    with open_file(path) as file:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UserError(f"{path}: holds {size} bytes, more than the {MAX_BYTES} that are read")
        if file.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
            file.seek(0)
        rows = _read_rows(file, path)
    pixels = np.ascontiguousarray(rows[:, -_PIXELS:]).reshape(-1, *IMAGE_SHAPE)
    return pixels, rows[:, 0].astype(np.int32) if rows.shape[1] > _PIXELS else None


def _read_rows(file: BufferedIOBase, path: Path) -> UInt8[np.ndarray, "n columns"]:
    """Return all rows but the header."""
    first = _read_line(file, path)
    columns, header = _parse_first_line(first, path)
    lines = itertools.chain([] if header else [first], iter(lambda: _read_line(file, path), ""))
    expected = f"{path}: expected rows of {columns} whole numbers from 0 to 255"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # no rows, which is refused below
            warnings.simplefilter("error", DeprecationWarning)  # "0.5", which older NumPys round
            rows = np.loadtxt(lines, np.uint8, comments=None, delimiter=",", ndmin=2)
    except (ValueError, DeprecationWarning) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{expected} ({reason}): fetch it again") from error
    if not rows.size:
        raise UserError(f"{path}: holds no rows of pixels")
    if rows.shape[1] != columns:
        raise UserError(f"{expected}, found rows of {rows.shape[1]}: fetch it again")
    return rows


def _read_line(file: BufferedIOBase, path: Path) -> str:
    """Return the next line; "" at the end. Its length is limited, so that no line fills the memory."""
    line = file.readline(_MAX_LINE_BYTES)
    if len(line) == _MAX_LINE_BYTES:
        raise UserError(f"{path}: has a line of {len(line)} bytes or more: fetch it again")
    return line.decode("ascii", "replace")


def _parse_first_line(line: str, path: Path) -> tuple[int, bool]:
    """Return the number of columns and whether the first line is a header."""
    fields = [field.strip().strip('"') for field in line.split(",")]
    if len(fields) not in (_PIXELS, _PIXELS + 1):
        raise UserError(
            f"{path}: expected {_PIXELS} columns of pixels, or {_PIXELS + 1} with the label first, "
            f"found {len(fields)}"
        )
    header = fields[0] == "label" or all(map(_is_name, fields))
    if header and "label" in fields and (fields[0] != "label" or len(fields) == _PIXELS):
        raise UserError(
            f"{path}: expected the column 'label' first and {_PIXELS} columns of pixels after it, "
            f"found it as column {fields.index('label') + 1} of {len(fields)}"
        )
    return len(fields), header


def _is_name(field: str) -> bool:
    """Whether a field of the first line is a column's name: it has letters and is no number."""
    try:
        float(field)  # "1e2" and "nan" too: such a row is data, which the reader then refuses
    except ValueError:
        return any(map(str.isalpha, field))
    return False


def read_csv_pair(
    path: Path, _: Path
) -> tuple[UInt8[np.ndarray, "n 28 28"], UInt8[np.ndarray, " n"]]:
    """Read images and labels from a file that must have both."""
    images, labels = read_csv_images(path)
    if labels is None:
        raise UserError(
            f"{path}: expected {_PIXELS + 1} columns with the label first, found {_PIXELS}"
        )
    return images, labels.astype(np.uint8)
