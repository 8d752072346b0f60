"""Readers of strangers' files, fuzzed for as long as one likes: `pip install 'fmnist-jax[fuzz]'`, then

    python -m tests.robustness.fuzzing --minutes 10 png

Each input that a coverage-guided mutator makes up is written to a file and read as `predict` would
(`checkpoint`: as a checkpoint's metadata, sealed anew). It gives images or a `UserError` of one
line; whatever else happens, a crash, ten seconds or a gibibyte for one input, ends the run, and the
input is kept in the working directory. Prints the number of inputs and the rate.
"""

import argparse
import importlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 28, 28)).astype(np.uint8)

MAX_LENGTH = {"idx": 4096, "csv": 16384, "png": 4096, "npy": 4096, "checkpoint": 8192}
"""The most bytes of an input, by reader."""


def seeds(reader: str) -> list[bytes]:
    """Good files that the mutator begins with."""
    import gzip
    import struct

    from PIL import Image

    if reader == "idx":
        plain = struct.pack(">4B3I", 0, 0, 8, 3, *IMAGES.shape) + IMAGES.tobytes()
        return [plain, gzip.compress(plain)]
    if reader == "csv":
        rows = "\n".join(",".join(map(str, image.ravel())) for image in IMAGES)
        names = ",".join(["label", *(f"pixel{i}" for i in range(784))])
        labelled = "\n".join("3," + row for row in rows.splitlines())
        return [rows.encode(), f"{names}\n{labelled}\n".encode()]
    if reader == "npy":
        arrays = (IMAGES, IMAGES[0] / np.float32(255))
        return [saved(lambda file, array=array: np.save(file, array)) for array in arrays]
    if reader == "png":
        picture = Image.fromarray(IMAGES[0])
        modes = [picture.convert(mode) for mode in ("L", "P", "RGBA", "1", "LA")]
        modes.append(Image.fromarray(IMAGES[0] * np.uint16(257)))
        return [saved(lambda file, image=image: image.save(file, format="PNG")) for image in modes]
    from fmnist_jax.checkpoint.checkpoint import save_checkpoint
    from fmnist_jax.checkpoint.format import METADATA
    from tests.checkpoints import checkpoint

    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(Path(folder) / "checkpoint", checkpoint())
        return [(Path(folder) / "checkpoint" / METADATA).read_bytes()]


def saved(write: Callable[[io.BytesIO], None]) -> bytes:
    """What `write` writes."""
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def picture_reader(path: Path) -> Callable[[bytes], None]:
    """Reads an input as `predict` reads the file `path`."""
    from fmnist_jax.inference.images import read_images

    def read(content: bytes) -> None:
        path.write_bytes(content)
        result = refused_or(lambda: read_images([path]))
        if result is not None:
            assert result.images.dtype == np.uint8
            assert result.images.shape == (len(result.names), 28, 28)

    return read


def repaired(content: bytes) -> bytes:
    """A PNG with its chunks' checksums made right, so that the mutations reach the decoder."""
    import struct
    import zlib

    result, at = bytearray(content), 8
    while at + 12 <= len(result):
        end = at + 8 + struct.unpack_from(">I", result, at)[0]
        if end + 4 > len(result):
            break
        struct.pack_into(">I", result, end, zlib.crc32(result[at + 4 : end]))
        at = end + 4
    return bytes(result)


def png_reader(path: Path) -> Callable[[bytes], None]:
    """As `picture_reader`, the checksums made right first."""
    read = picture_reader(path)
    return lambda content: read(repaired(content))


def checkpoint_reader(path: Path) -> Callable[[bytes], None]:
    """Restores a checkpoint with the input as its metadata."""
    from fmnist_jax.checkpoint.checkpoint import restore_checkpoint, save_checkpoint
    from fmnist_jax.checkpoint.format import METADATA
    from tests.checkpoints import checkpoint, seal

    save_checkpoint(path, checkpoint())

    def read(content: bytes) -> None:
        (path / METADATA).write_bytes(content)
        seal(path)
        refused_or(lambda: restore_checkpoint(path))

    return read


def refused_or(read: Callable[[], Any]) -> Any:
    """What `read` gives; None where it refuses, in one printable line."""
    from fmnist_jax.errors import UserError

    try:
        return read()
    except UserError as error:
        if not str(error).isprintable():
            raise AssertionError(ascii(str(error))) from error
        return None


READERS = {
    "idx": (picture_reader, "x-idx3-ubyte"),
    "csv": (picture_reader, "x.csv"),
    "png": (png_reader, "x.png"),
    "npy": (picture_reader, "x.npy"),
    "checkpoint": (checkpoint_reader, "checkpoint"),
}


def main() -> None:
    """Fuzz the reader that the command line names."""
    parser = argparse.ArgumentParser(description="Fuzz a reader of strangers' files.")
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1, help="of the mutations")
    parser.add_argument("--folder", type=Path, help="where inputs are written (by default aside)")
    options = parser.parse_args()
    if options.folder is not None:
        fuzz(options)
        return
    # Shared memory where there is some: thousands of inputs a second are written. In a process of
    # its own, as the fuzzer ends its process at once and would leave the folder.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        command = [sys.executable, "-m", "tests.robustness.fuzzing", *sys.argv[1:]]
        sys.exit(subprocess.run([*command, "--folder", folder], check=False).returncode)


def fuzz(options: argparse.Namespace) -> None:
    """Fuzz until the time is up, and end the process."""
    atheris: Any = importlib.import_module("atheris")  # the extra's, typed by nobody
    make, name = READERS[options.reader]
    (corpus := options.folder / "corpus").mkdir()
    with atheris.instrument_imports(include=["fmnist_jax", "PIL"]):
        for number, content in enumerate(seeds(options.reader)):
            (corpus / str(number)).write_bytes(content)
        read = make(options.folder / name)
    atheris.Setup(
        [
            sys.argv[0],
            f"-max_total_time={round(options.minutes * 60)}",
            f"-max_len={MAX_LENGTH[options.reader]}",
            f"-seed={options.seed}",
            "-timeout=10",
            "-rss_limit_mb=4096",
            "-malloc_limit_mb=1024",
            "-print_final_stats=1",
            str(corpus),
        ],
        read,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
