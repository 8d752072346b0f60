"""Reads images for inference: pictures, folders of pictures, IDX, CSV and NPY files."""

import math
import stat
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import UInt8

from fmnist_jax.data.dataset import IMAGE_SHAPE
from fmnist_jax.errors import UserError, printable

if TYPE_CHECKING:
    from PIL import Image

PICTURE_FORMATS = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
}
"""The only formats that Pillow may try, with the file suffixes that are read from a folder."""

PICTURE_SUFFIXES = tuple(suffix for suffixes in PICTURE_FORMATS.values() for suffix in suffixes)

MAX_PIXELS = 64 * 1024 * 1024
"""A picture with more pixels is refused before they are decoded."""

MAX_NPY_BYTES = 1 << 29
"""The largest NPY file that is read: eight times the test images as float64."""


class NamedImages(NamedTuple):
    """Images, each with a name."""

    names: tuple[str, ...]
    """The file's path as given (a folder's pictures: "folder/a.png"), with the image's position if the
    file holds several: "x.npy[17]". Characters that can't be printed, such as line ends, are escaped."""
    images: UInt8[np.ndarray, "n 28 28"]
    """Grey levels, 0 (background) to 255."""


def read_images(paths: Sequence[Path], *, invert: bool = False) -> NamedImages:
    """Read every image in `paths`, in order; pictures become 28x28 like the data set's own (Xiao 2017)."""
    if not paths:
        raise UserError("no images given: name a picture, a folder, or an IDX, CSV or NPY file")
    names: list[str] = []
    batches = []
    for path in (file for given in paths for file in _files(given)):
        if (several := _reader_of_several(path)) is not None:
            batch = several(path)
            # A single (28, 28) array is named by its path alone.
            alone = batch.shape == IMAGE_SHAPE
            batch = _as_images(path, batch)
            name = printable(path)
            names += [name] if alone else [f"{name}[{i}]" for i in range(len(batch))]
            batches.append(255 - batch if invert else batch)
        else:
            names.append(printable(path))
            batches.append(read_picture(path, invert=invert)[None])
    return NamedImages(tuple(names), np.concatenate(batches))


def _files(given: Path) -> list[Path]:
    """Return `given` itself, or its pictures if it is a folder."""
    try:
        status = given.stat()
        if not stat.S_ISDIR(status.st_mode):
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"{given}: not a regular file; name a file or a folder of pictures")
            if status.st_size == 0:
                raise UserError(f"{given}: the file is empty; copy or download it again")
            return [given]
        # Hidden files are ignored: some systems create "._shirt.png" next to "shirt.png".
        found = sorted(
            path
            for path in given.iterdir()
            if path.suffix.lower() in PICTURE_SUFFIXES
            and not path.name.startswith(".")
            and not path.is_dir()
        )
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{given}: no such file or folder; check the path") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise _cannot_read(given, error) from None
    if not found:
        raise UserError(
            f"{given}: no pictures in this folder; expected files that end in "
            f"{', '.join(PICTURE_SUFFIXES)} (name IDX, CSV and NPY files themselves)"
        )
    return [file for path in found for file in _files(path)]


def _reader_of_several(path: Path) -> Callable[[Path], np.ndarray] | None:
    """Return the reader for a file of many images, or None for a picture; by suffix, then by content."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".csv"]:
        return _read_csv
    if suffixes[-1:] == [".npy"]:
        return read_npy
    if suffixes and suffixes[-1] in PICTURE_SUFFIXES:
        return None
    try:
        with path.open("rb") as file:
            start = file.read(6)
    except OSError as error:
        raise _cannot_read(path, error) from None
    if start == b"\x93NUMPY":
        return read_npy
    # The magic numbers of IDX and gzip, or the usual names, so that a damaged IDX file is reported as such.
    if start[:2] in (b"\0\0", b"\x1f\x8b") or "ubyte" in path.name or ".idx" in suffixes:
        return _read_idx
    return None


def _read_idx(path: Path) -> np.ndarray:
    from fmnist_jax.data.idx import read_idx

    array = read_idx(path)
    if array.ndim == 1:
        raise UserError(f"{path}: holds labels, not images; name the images file instead")
    return array


def _read_csv(path: Path) -> np.ndarray:
    from fmnist_jax.data.csv_files import read_csv_images

    images, _ = read_csv_images(path)
    return images


def _as_images(path: Path, array: np.ndarray) -> UInt8[np.ndarray, "n 28 28"]:
    """Return `array` as (n, 28, 28) uint8; floats in 0..1 are scaled to 0..255."""
    _check_shape(path, array.shape)
    if array.dtype.kind == "f":
        # Written so that NaN fails too.
        if not ((array >= 0) & (array <= 1)).all():
            raise UserError(f"{path}: floats must lie in 0..1; divide by 255, or save as uint8")
        floats, array = array, np.empty(array.shape, np.uint8)
        for start in range(
            0, len(floats), 1024
        ):  # in blocks: the temporaries are larger than the input
            rows = slice(start, start + 1024)
            array[rows] = np.rint(floats[rows].astype(np.float64) * 255)
    elif array.dtype != np.uint8:
        raise UserError(
            f"{path}: expected uint8, or floats in 0..1, found {array.dtype}; "
            "convert with .astype(np.uint8)"
        )
    return array.reshape(-1, *IMAGE_SHAPE)


def _check_shape(path: Path, shape: tuple[int, ...]) -> None:
    if shape != IMAGE_SHAPE and shape[1:] not in (IMAGE_SHAPE, (784,), (*IMAGE_SHAPE, 1)):
        raise UserError(
            f"{path}: expected shape (28, 28), (n, 28, 28), (n, 28, 28, 1) or (n, 784), "
            f"found {shape}; resize or reshape the images"
        )
    if shape[0] < 1:
        raise UserError(f"{path}: holds no images (shape {shape}); name a file that has some")


def read_npy(path: Path) -> np.ndarray:
    """Read images as they were saved; the header is checked before anything is allocated."""
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers written by Python 2
            version = np.lib.format.read_magic(file)
            if version == (1, 0):
                shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
            else:  # 3.0 differs only in the names of fields, which images don't have
                shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(file)
            start = file.tell()
            found = path.stat().st_size - start
    except OSError as error:
        raise _cannot_read(path, error) from None
    except Exception as error:  # the header is Python source: its parser may raise anything
        raise UserError(
            f"{path}: not a NPY file that can be read ({_one_line(error)}); save it with numpy.save"
        ) from None
    if dtype.kind not in "uf":
        raise UserError(
            f"{path}: expected uint8, or floats in 0..1, found {dtype}; save it as one of these"
        )
    _check_shape(path, shape)
    count = math.prod(shape)
    promised = count * dtype.itemsize
    if promised != found:
        raise UserError(
            f"{path}: its header promises {promised} bytes of images and the file holds {found}; "
            "copy it or save it again"
        )
    if promised > MAX_NPY_BYTES:
        raise UserError(
            f"{path}: holds {promised} bytes, more than the {MAX_NPY_BYTES} that are read; split it"
        )
    flat = np.fromfile(path, dtype=dtype, count=count, offset=start)
    return flat.reshape(shape, order="F" if fortran_order else "C")


def read_picture(path: Path, *, invert: bool = False) -> UInt8[np.ndarray, "28 28"]:
    """Read a picture, upright, as 28x28 grey on black; a 28x28 grey picture stays unchanged."""
    from PIL import Image

    background = 255 if invert else 0
    grey = _grey(_decode(path), background)
    longer = max(grey.size)
    # Scaled, then padded: padding a picture of 1x60,000,000 first would need the square of that.
    width, height = (max(1, round(side * 28 / longer)) for side in grey.size)
    if grey.size != (width, height):
        # A cheap average down to about three times the size, then Lanczos, which keeps edges sharp.
        grey = grey.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    canvas = np.full(IMAGE_SHAPE, background, np.uint8)
    top, left = (28 - height) // 2, (28 - width) // 2
    canvas[top : top + height, left : left + width] = np.asarray(grey)
    return 255 - canvas if invert else canvas


def _decode(path: Path) -> "Image.Image":
    """Decode the (first) picture in the file, upright."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    too_large = UserError(
        f"{path}: the picture claims more than {MAX_PIXELS:,} pixels; scale it down first"
    )
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # about damaged EXIF data, which only costs the rotation
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=tuple(PICTURE_FORMATS)) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise too_large
                image.load()
                return ImageOps.exif_transpose(image)
    except UserError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise too_large from None
    except UnidentifiedImageError:
        raise UserError(
            f"{path}: not a picture ({', '.join(PICTURE_FORMATS)}) nor an IDX, CSV or NPY file; "
            "convert it to PNG"
        ) from None
    except Exception as error:  # Pillow documents no complete list of what a damaged file raises
        if isinstance(error, OSError) and error.errno is not None:
            raise _cannot_read(path, error) from None
        raise UserError(
            f"{path}: the picture can't be decoded ({_one_line(error)}); "
            "copy it again or save it as PNG"
        ) from None


def _grey(image: "Image.Image", background: int) -> "Image.Image":
    """Return `image` in 8-bit grey, its transparent parts over `background`."""
    from PIL import Image

    if image.mode.startswith("I"):
        # 16-bit grey: Pillow's own conversion clips, or drops the low byte without rounding.
        grey = np.asarray(image, np.int32).clip(0, 65535)
        return Image.fromarray(((grey + 128) // 257).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        ground = Image.new("RGBA", image.size, (background, background, background, 255))
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    return image.convert("L")


def _cannot_read(path: Path, error: Exception) -> UserError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else _one_line(error)
    return UserError(f"{path}: can't be read ({reason}); check the path and its permissions")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
