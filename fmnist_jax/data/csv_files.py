"""The data set as CSV: a header, then a row an example, its label and its 784 pixels (0 to 255).

pyarrow is imported by the functions that need it, so that this module is cheap to import.
"""

import math
from pathlib import Path

import numpy as np
from jaxtyping import Int32, UInt8

from fmnist_jax.data.checksums import check_digest, content_digest, raw_data
from fmnist_jax.data.dataset import IMAGE_SHAPE, RawData, make_split
from fmnist_jax.errors import UserError

MAX_BYTES = 1 << 29
"""The largest file that is read, four times the training file's size."""

_PIXELS = math.prod(IMAGE_SHAPE)
_FILES = {"train": "fashion-mnist_train.csv", "test": "fashion-mnist_test.csv"}


def read_csv_images(
    path: Path,
) -> tuple[UInt8[np.ndarray, "n 28 28"], Int32[np.ndarray, " n"] | None]:
    """Read images from a CSV file of 784 columns, or of 785 with the label first.

    A first row of names is a header and skipped; one of numbers or empty fields is data. Returns
    images and labels (None where the file has none). Raises UserError for other columns, text,
    and values outside 0 to 255; labels are not compared with the classes here.
    """
    rows = _read_table(Path(path))
    pixels = np.ascontiguousarray(rows[:, -_PIXELS:]).reshape(-1, *IMAGE_SHAPE)
    return pixels, rows[:, 0].astype(np.int32) if rows.shape[1] > _PIXELS else None


def _read_table(path: Path) -> UInt8[np.ndarray, "n columns"]:
    """Return all rows but the header."""
    import pyarrow as pa
    from pyarrow import csv

    columns, header = _first_line(path)
    try:
        names = [str(i) for i in range(columns)]
        table = csv.read_csv(
            path,
            read_options=csv.ReadOptions(column_names=names, skip_rows=int(header)),
            parse_options=csv.ParseOptions(quote_char=False),
            # No value stands for "missing": an empty field is an error like any other text.
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.uint8()), null_values=[]
            ),
        )
    except pa.ArrowException as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path}: expected rows of {columns} whole numbers from 0 to 255 ({reason}): fetch it again"
        ) from error
    except OSError as error:
        raise UserError(
            f"{path}: can't be read ({error.strerror or error}): check its permissions"
        ) from error
    if not table.num_rows:
        raise UserError(f"{path}: holds no rows of pixels")
    rows = np.empty((columns, table.num_rows), np.uint8)
    for i, column in enumerate(table.columns):
        rows[i] = column.to_numpy()
    return rows.T


def _first_line(path: Path) -> tuple[int, bool]:
    """Return the number of columns and whether the first line is a header."""
    try:
        if not path.is_file():
            raise UserError(
                f"{path}: {'not a file' if path.exists() else 'no such file'}: check the path"
            )
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UserError(f"{path}: holds {size} bytes, more than the {MAX_BYTES} that are read")
        with path.open("rb") as file:
            line = file.readline(1 << 16).removeprefix(b"\xef\xbb\xbf").decode("ascii", "replace")
    except OSError as error:
        raise UserError(
            f"{path}: can't be read ({error.strerror or error}): check its permissions"
        ) from error
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
    """Say whether a field of the first line is a column's name: it has letters and is no number."""
    try:
        float(field)  # "1e2" and "nan" too: such a row is data, which the reader then refuses
    except ValueError:
        return any(map(str.isalpha, field))
    return False


def find_csv_files(directory: Path) -> dict[str, Path] | None:
    """Return the two files by split; None where `directory` has none.

    Raises UserError where it has one of the two.
    """
    found = {split: directory / name for split, name in _FILES.items()}
    missing = [path.name for path in found.values() if not path.exists()]
    if len(missing) == len(found):
        return None
    if missing:
        raise UserError(f"{directory}: {', '.join(missing)} missing: fetch both CSV files")
    return found


def read_csv_files(files: dict[str, Path], verify: bool) -> RawData:
    """Read the data set from `files`, as `find_csv_files` gives them.

    With `verify`, each file's content must have its known digest, in whatever order its examples
    are. Raises UserError.
    """
    splits = {}
    for split, path in files.items():
        images, labels = read_csv_images(path)
        if labels is None:
            raise UserError(
                f"{path}: expected {_PIXELS + 1} columns with the label first, found {_PIXELS}"
            )
        splits[split] = make_split(images, labels.astype(np.uint8), path, path)
        if verify:
            check_digest(path, split, content_digest(splits[split]))
    directory = files["train"].parent
    return raw_data(splits["train"], splits["test"], f"CSV files in {directory}", directory)
