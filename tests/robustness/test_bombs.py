"""Files of data and pictures that promise, or unpack to, far more than they are: memory is bounded."""

import gzip
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from fmnist_jax.errors import UserError
from fmnist_jax.inference.images import read_images
from tests.robustness.memory import STATUS, peak

ROOT = Path(__file__).parents[2]
GIGABYTE = 1 << 30


def idx_header(*shape: int) -> bytes:
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)


def gzip_of_zeros(start: bytes, count: int) -> bytes:
    """`start`, then so many zeros."""
    packer = zlib.compressobj(1, wbits=31)
    parts = [packer.compress(start)]
    parts += [packer.compress(bytes(1 << 24)) for _ in range(count >> 24)]
    return b"".join([*parts, packer.flush()])


def npy(shape: str, descr: str = "|u1") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def png(width: int, height: int, kind: int, depth: int, data: bytes) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
        )

    size = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(GIGABYTE >> 4)))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", size)
        + text
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def sparse(path: Path, start: bytes, size: int) -> None:
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)


def write_all(folder: Path) -> None:
    """Each must be refused."""
    zeros = gzip_of_zeros(idx_header(2, 28, 28), GIGABYTE >> 2)
    (folder / "bomb-idx3-ubyte.gz").write_bytes(zeros)
    (folder / "promise-idx3-ubyte.gz").write_bytes(gzip.compress(idx_header(*[2**32 - 1] * 3)))
    honest = idx_header(690_000, 28, 28)
    (folder / "honest-idx3-ubyte.gz").write_bytes(gzip_of_zeros(honest, GIGABYTE >> 1))
    sparse(folder / "sparse-idx3-ubyte", idx_header(1 << 30, 28, 28), 16 + (784 << 30))
    (folder / "promise.npy").write_bytes(npy(f"({1 << 40}, 784)"))
    header = npy(f"({1 << 30}, 784)")
    sparse(folder / "sparse.npy", header, len(header) + (784 << 30))
    (folder / "deep.npy").write_bytes(npy("(" * 9000))
    (folder / "digits.npy").write_bytes(npy(f"({'9' * 9000}, 784)"))
    (folder / "header.npy").write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1))
    sparse(folder / "sparse.csv", b"0," * 784 + b"0\n", 1 << 42)
    sparse(folder / "one-line.csv", b"0," * 784, 400 << 20)
    (folder / "bomb.png").write_bytes(png(8193, 8193, 6, 8, zlib.compress(bytes(1000))))
    (folder / "cut.png").write_bytes(png(8000, 8000, 6, 8, zlib.compress(bytes(1000))))


def cost_of_each(folder: Path) -> None:
    """In a separate process: how each was refused, and the MiB by which memory grew, as JSON."""
    from PIL import Image  # noqa: F401

    costs = {}
    for file in sorted(folder.iterdir()):
        with peak() as grown, pytest.raises(UserError) as caught:
            read_images([file])
        assert str(caught.value).startswith(f"{file}: ")
        assert str(caught.value).isprintable()
        costs[file.name] = round(grown[0])
    print(json.dumps(costs))


@pytest.mark.skipif(not STATUS.exists(), reason="needs /proc to measure memory")
def test_bombs_are_refused_in_bounded_memory(tmp_path: Path) -> None:
    write_all(tmp_path)
    program = (
        "import sys; from pathlib import Path; from tests.robustness.test_bombs import cost_of_each; "
        "cost_of_each(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, tmp_path]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    costs = json.loads(done.stdout)
    assert len(costs) == 13
    print(costs)
    assert {name: grown for name, grown in costs.items() if grown > 64} == {}
