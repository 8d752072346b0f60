"""Images in NPY, IDX and CSV files."""

import gzip
import os
import struct

import numpy as np
import pytest

from fmnist_jax.inference.images import read_images
from tests.inference.image_files import (
    PICTURE,
    SEVERAL,
    header,
    read_one,
    refused,
    several_names,
)

# NPY


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 784), (3, 28, 28, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_of_each_shape(tmp_path, shape, order):
    np.save(tmp_path / "x.npy", np.asarray(SEVERAL.reshape(shape), order=order))
    names, images = read_images([tmp_path / "x.npy"])
    assert names == several_names(tmp_path / "x.npy")
    np.testing.assert_array_equal(images, SEVERAL)
    np.testing.assert_array_equal(read_images([tmp_path / "x.npy"], invert=True)[1], 255 - SEVERAL)


def test_npy_of_one_image_is_named_by_its_file(tmp_path):
    np.save(tmp_path / "x.npy", PICTURE)
    np.testing.assert_array_equal(read_one(tmp_path / "x.npy"), PICTURE)
    # Recognised by its content too.
    (tmp_path / "x.npy").rename(tmp_path / "x")
    np.testing.assert_array_equal(read_one(tmp_path / "x"), PICTURE)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8"])
def test_npy_of_floats_is_scaled(tmp_path, dtype):
    np.save(tmp_path / "x.npy", (PICTURE / 255).astype(dtype))
    np.testing.assert_array_equal(read_one(tmp_path / "x.npy"), PICTURE)


@pytest.mark.parametrize("version", [(2, 0), (3, 0)])
def test_npy_of_later_versions(tmp_path, version):
    with (tmp_path / "x.npy").open("wb") as file:
        np.lib.format.write_array(file, PICTURE, version=version)
    np.testing.assert_array_equal(read_one(tmp_path / "x.npy"), PICTURE)


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (PICTURE.astype(np.float32), "floats must lie in 0..1; divide by 255"),
        (np.full((28, 28), np.nan), "floats must lie in 0..1"),
        (np.full((28, 28), -0.1), "floats must lie in 0..1"),
        (PICTURE.astype(np.uint16), r"found uint16; convert with \.astype"),
        (PICTURE.astype(np.int64), "found int64; save it as one of these"),
        (np.zeros((28, 28), complex), "found complex128"),
        (np.full((28, 28), "x"), "found <U1"),
        (np.full((28, 28), None), "found object"),
        (np.zeros((27, 28), np.uint8), r"expected shape \(28, 28\), .* found \(27, 28\)"),
        (np.zeros((2, 28, 28, 3), np.uint8), r"found \(2, 28, 28, 3\)"),
        (np.zeros(784, np.uint8), r"found \(784,\)"),
        (np.zeros((), np.uint8), r"found \(\)"),
        (np.zeros((0, 28, 28), np.uint8), "holds no images"),
    ],
    ids=[
        "floats to 255",
        "NaN",
        "negative",
        "uint16",
        "int64",
        "complex",
        "text",
        "objects",
        "27x28",
        "RGB",
        "flat",
        "scalar",
        "none",
    ],
)
def test_npy_of_another_shape_or_type_is_refused(tmp_path, array, match):
    np.save(tmp_path / "x.npy", array)
    refused(tmp_path / "x.npy", match)


@pytest.mark.parametrize("n", [10**9, 2**62, 2**64 + 1, 10**30])
def test_npy_that_promises_more_than_it_holds_allocates_nothing(tmp_path, n):
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 784), }" % n
    (tmp_path / "x.npy").write_bytes(header(text) + bytes(784))
    refused(tmp_path / "x.npy", f"promises {n * 784} bytes of images and the file holds 784")


def test_npy_that_is_cut_short_at_any_byte_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", PICTURE)
    content = (tmp_path / "x.npy").read_bytes()
    for length in (*range(140), len(content) - 1):
        (tmp_path / "x.npy").write_bytes(content[:length])
        refused(tmp_path / "x.npy")
    (tmp_path / "x.npy").write_bytes(content + b"\0")
    refused(tmp_path / "x.npy", "promises 784 bytes of images and the file holds 785")


def test_npy_that_would_be_unpickled_is_refused(tmp_path):
    class Dangerous:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "unpickled"),))

    np.save(tmp_path / "x.npy", np.array([Dangerous()], object), allow_pickle=True)
    refused(tmp_path / "x.npy", "found object")
    assert not (tmp_path / "unpickled").exists()


# IDX and CSV


def idx(images):
    return struct.pack(">BBBB3I", 0, 0, 8, 3, *images.shape) + images.tobytes()


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("t10k-images-idx3-ubyte.gz", gzip.compress),
        ("t10k-images-idx3-ubyte", bytes),
        ("my images", bytes),
        ("my images.gz", gzip.compress),
    ],
)
def test_idx_is_read(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(idx(SEVERAL)))
    names, images = read_images([tmp_path / name])
    assert names == several_names(tmp_path / name)
    np.testing.assert_array_equal(images, SEVERAL)


def test_idx_of_labels_or_of_another_size_is_refused(tmp_path):
    path = tmp_path / "t10k-labels-idx1-ubyte"
    path.write_bytes(struct.pack(">BBBBI", 0, 0, 8, 1, 5) + bytes(5))
    refused(path, "holds labels, not images")
    path.write_bytes(struct.pack(">BBBBII", 0, 0, 8, 2, 28, 28) + bytes(784))
    refused(path, "not an IDX file")
    path.write_bytes(idx(np.zeros((2, 32, 32), np.uint8)))
    refused(path, r"found \(2, 32, 32\)")


def test_idx_that_is_damaged_is_refused(tmp_path):
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    whole = gzip.compress(idx(SEVERAL))
    for content in (whole[:-9], whole[:30], idx(SEVERAL)[:-1], b"x" * 40):
        path.write_bytes(content)
        refused(path)


@pytest.mark.parametrize("labelled", [True, False])
def test_csv_is_read(tmp_path, labelled):
    columns = [f"pixel{i}" for i in range(1, 785)]
    rows = SEVERAL.reshape(3, 784)
    if labelled:
        columns, rows = ["label", *columns], np.insert(rows, 0, (1, 2, 3), axis=1)
    np.savetxt(
        tmp_path / "x.csv", rows, fmt="%d", delimiter=",", header=",".join(columns), comments=""
    )
    names, images = read_images([tmp_path / "x.csv"])
    assert names == several_names(tmp_path / "x.csv")
    np.testing.assert_array_equal(images, SEVERAL)


def test_csv_of_another_width_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    refused(tmp_path / "x.csv")
