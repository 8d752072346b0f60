import gzip
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fmnist_jax.errors import UserError, printable
from fmnist_jax.inference import images as module
from fmnist_jax.inference.images import NamedImages, read_images

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


# Pictures


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".gif", ".webp"])
def test_grey_28x28_passes_through_unchanged(tmp_path, suffix):
    path = save(tmp_path / f"a{suffix}", PICTURE, **({"lossless": True} if "w" in suffix else {}))
    np.testing.assert_array_equal(read_one(path), PICTURE)
    np.testing.assert_array_equal(read_one(path, invert=True), 255 - PICTURE)


def test_grey_in_other_modes_is_the_same(tmp_path):
    rgb = np.repeat(PICTURE[..., None], 3, axis=2)
    np.testing.assert_array_equal(read_one(save(tmp_path / "rgb.png", rgb)), PICTURE)
    wide = PICTURE.astype(np.uint16) * 257
    np.testing.assert_array_equal(read_one(save(tmp_path / "wide.png", wide)), PICTURE)
    bits = Image.fromarray(PICTURE > 127)
    bits.save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_one(tmp_path / "bits.png"), (PICTURE > 127) * 255)
    Image.fromarray(PICTURE).convert("P").save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_one(tmp_path / "palette.png"), PICTURE)


def test_jpeg_is_read_nearly_as_it_was(tmp_path):
    smooth = np.add.outer(4 * np.arange(28), 3 * np.arange(28)).astype(np.uint8)
    read = read_one(save(tmp_path / "a.jpg", smooth, quality=95))
    assert np.abs(read.astype(int) - smooth).max() <= 4


def test_jpeg_in_cmyk_is_read(tmp_path):
    Image.new("CMYK", (28, 28), (0, 0, 0, 55)).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_one(tmp_path / "a.jpg").astype(int) - 200).max() <= 2


def test_a_suffix_does_not_matter_to_a_picture(tmp_path):
    save(tmp_path / "a.png", PICTURE)
    for name in ("a.jpg", "a"):
        (tmp_path / name).write_bytes((tmp_path / "a.png").read_bytes())
        np.testing.assert_array_equal(read_one(tmp_path / name), PICTURE)


@pytest.mark.parametrize("factor", [2, 4, 17])
def test_a_large_picture_is_scaled_down(tmp_path, factor):
    blocks = np.zeros((28, 28), np.uint8)
    blocks[6:22, 8:20] = 200
    read = read_one(save(tmp_path / "a.png", np.kron(blocks, np.ones((factor,) * 2, np.uint8))))
    assert np.abs(read.astype(int) - blocks).mean() < 6  # edges ring a little
    assert (read[10:18, 12:16] == 200).all()
    assert (read[:3] == 0).all()


def test_a_small_picture_is_scaled_up(tmp_path):
    assert (read_one(save(tmp_path / "a.png", np.full((1, 1), 77, np.uint8))) == 77).all()


@pytest.mark.parametrize("invert", [False, True])
def test_the_aspect_ratio_is_kept_on_black(tmp_path, invert):
    tall = np.full((200, 100), 100, np.uint8)
    read = read_one(save(tmp_path / "a.png", tall), invert=invert)
    expected = np.zeros((28, 28), np.uint8)
    expected[:, 7:21] = 155 if invert else 100
    np.testing.assert_array_equal(read, expected)
    wide = read_one(save(tmp_path / "b.png", tall.T), invert=invert)
    np.testing.assert_array_equal(wide, expected.T)


def test_a_sliver_leaves_a_line(tmp_path):
    read = read_one(save(tmp_path / "a.png", np.full((1, 5000), 90, np.uint8)))
    assert (read[13] == 90).all()
    assert read.sum() == 28 * 90


@pytest.mark.parametrize("invert", [False, True])
def test_transparency_becomes_black_background(tmp_path, invert):
    transparent = np.full((28, 28, 4), 130, np.uint8)
    transparent[..., 3] = 0
    transparent[10:20, 10:20, 3] = 255
    expected = np.zeros((28, 28), np.uint8)
    expected[10:20, 10:20] = 125 if invert else 130
    for name in ("a.png", "a.webp"):
        path = save(tmp_path / name, transparent, **({"lossless": True} if "w" in name else {}))
        np.testing.assert_array_equal(read_one(path, invert=invert), expected)


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_a_transparent_colour_becomes_black_background(tmp_path, mode):
    grey = np.full((28, 28), 250, np.uint8)
    grey[10:20, 10:20] = 130
    picture = Image.fromarray(grey).convert(mode)
    picture.save(
        tmp_path / "a.png",
        transparency=(250, 250, 250) if mode == "RGB" else picture.getpixel((0, 0)),
    )
    np.testing.assert_array_equal(read_one(tmp_path / "a.png"), np.where(grey == 130, 130, 0))


def test_exif_orientation_is_respected(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    read = read_one(save(tmp_path / "a.png", PICTURE, exif=exif))
    np.testing.assert_array_equal(read, np.rot90(PICTURE, -1))


def test_the_first_frame_of_an_animation_is_read(tmp_path):
    frames = [Image.fromarray(image) for image in SEVERAL]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_one(tmp_path / "a.gif"), SEVERAL[0])


# Folders and order


def test_a_folder_gives_its_pictures_sorted_and_nothing_else(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, image in zip(("c.png", "a.PNG", "b.bmp"), SEVERAL, strict=True):
        Image.fromarray(image).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    (folder / "._a.png").write_bytes(b"no picture")
    (folder / "d.png").mkdir()
    names, images = read_images([folder])
    assert names == tuple(str(folder / name) for name in ("a.PNG", "b.bmp", "c.png"))
    np.testing.assert_array_equal(images, SEVERAL[[1, 2, 0]])


def test_images_of_one_name_are_told_apart_by_the_paths_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder / "x.png", PICTURE)
    np.save(tmp_path / "b" / "x.npy", SEVERAL)
    names, _ = read_images([Path("a"), Path("b/x.png"), Path("b/x.npy")])
    assert names == ("a/x.png", "b/x.png", "b/x.npy[0]", "b/x.npy[1]", "b/x.npy[2]")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb.png", r"a\nb.png"),
        ("a\x1b[2K\r.png", r"a\x1b[2K\r.png"),
        ("a\u2028b.png", r"a\u2028b.png"),
        ("a\udcff.png", r"a\udcff.png"),  # a byte that is no UTF-8
        ("Mütze 帽子.png", "Mütze 帽子.png"),
    ],
)
def test_what_cannot_be_printed_in_a_name_is_escaped(tmp_path, monkeypatch, name, shown):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "plain.png", PICTURE).rename(name)
    assert read_images([Path(name)]).names == (shown,)
    np.save("x\n.npy", SEVERAL[:1])
    assert read_images([Path("x\n.npy")]).names == (r"x\n.npy[0]",)


def test_paths_keep_their_order(tmp_path):
    np.save(tmp_path / "x.npy", SEVERAL)
    save(tmp_path / "b.png", PICTURE)
    names, images = read_images([tmp_path / "x.npy", tmp_path / "b.png", tmp_path / "x.npy"])
    several = several_names(tmp_path / "x.npy")
    assert names == (*several, str(tmp_path / "b.png"), *several)
    np.testing.assert_array_equal(images, np.concatenate([SEVERAL, PICTURE[None], SEVERAL]))


# NPY


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 784), (3, 28, 28, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_of_each_shape(tmp_path, shape, order):
    np.save(tmp_path / "x.npy", np.asarray(SEVERAL.reshape(shape), order=order))
    names, images = read_images([tmp_path / "x.npy"])
    assert names == several_names(tmp_path / "x.npy")
    np.testing.assert_array_equal(images, SEVERAL)
    np.testing.assert_array_equal(read_images([tmp_path / "x.npy"], invert=True)[1], 255 - SEVERAL)


def test_npy_of_one_image_goes_by_the_name_of_its_file(tmp_path):
    np.save(tmp_path / "x.npy", PICTURE)
    np.testing.assert_array_equal(read_one(tmp_path / "x.npy"), PICTURE)
    # Told by its content too.
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
)
def test_npy_of_another_shape_or_type_is_refused(tmp_path, array, match):
    np.save(tmp_path / "x.npy", array)
    refused(tmp_path / "x.npy", match)


def header(text):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


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


# What can't be read


def test_nothing_given_is_refused():
    with pytest.raises(UserError, match="no images given"):
        read_images([])


def test_missing_empty_and_strange_files_are_refused(tmp_path):
    refused(tmp_path / "x.png", "no such file or folder")
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "the file is empty")
    refused(tmp_path / "empty.png" / "x.png", "no such file or folder")
    refused(tmp_path / ("x" * 300), "can't be read")
    refused(tmp_path / "a\0b", "can't be read")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", r"no pictures in this folder; expected files that end in \.png")
    os.mkfifo(tmp_path / "pipe.png")
    refused(tmp_path / "pipe.png", "not a regular file")


@pytest.mark.parametrize("name", ["x.png", "x.npy", "x.csv", "x", "x-idx3-ubyte"])
def test_a_file_without_permission_is_refused(tmp_path, name, monkeypatch):
    (tmp_path / name).write_bytes(b"x")

    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "open", forbidden)  # chmod doesn't keep root out
    refused(tmp_path / name, r"can't be read \(Permission denied\)")


@pytest.mark.parametrize("name", ["x.png", "x.txt", "x.npy"])
def test_text_is_refused(tmp_path, name):
    (tmp_path / name).write_text("a shirt\n" * 100)
    refused(tmp_path / name)


def test_a_format_that_is_not_listed_is_refused(tmp_path):
    save(tmp_path / "x.tiff", PICTURE)
    (tmp_path / "x.tiff").rename(tmp_path / "x.png")
    refused(tmp_path / "x.png", r"not a picture \(PNG, JPEG, WEBP, GIF, BMP\)")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif", ".webp", ".bmp"])
def test_a_picture_cut_short_is_refused(tmp_path, suffix):
    path = save(tmp_path / f"x{suffix}", np.tile(PICTURE, (10, 10)))
    content = path.read_bytes()
    for share in (0.02, 0.3, 0.7):
        path.write_bytes(content[: int(share * len(content))])
        refused(path)


def bomb(width, height):
    """Return a PNG that claims width x height pixels and holds hardly any."""

    def chunk(kind, data):
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", size)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("width", [8_193, 10_000, 14_000, 60_000, 2**31 - 1])
def test_a_decompression_bomb_is_refused_undecoded(tmp_path, width, monkeypatch):
    # 10,000 squared is where Pillow warns, 14,000 squared where it raises.
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    (tmp_path / "x.png").write_bytes(bomb(width, max(width, 8_193)))
    refused(tmp_path / "x.png", "claims more than 67,108,864 pixels; scale it down first")


def test_the_bound_holds_when_pillows_is_switched_off(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    (tmp_path / "x.png").write_bytes(bomb(60_000, 60_000))
    refused(tmp_path / "x.png", "claims more than")


def test_a_long_sliver_is_not_padded_before_it_is_scaled(tmp_path):
    # Its square would take 4 TB.
    path = save(tmp_path / "x.png", np.full((1, 2_000_000), 60, np.uint8))
    assert read_one(path).sum() == 28 * 60


# Mutated files


def content_of(write):
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


VALID = {
    ".png": [
        content_of(lambda file: Image.fromarray(PICTURE).save(file, format="PNG")),
        content_of(
            lambda file: (
                Image.fromarray(np.tile(PICTURE[..., None], (2, 1, 4)))
                .quantize(16)
                .save(file, format="PNG", exif=Image.Exif(), dpi=(72, 72))
            )
        ),
        content_of(lambda file: Image.fromarray(PICTURE * np.uint16(257)).save(file, format="PNG")),
    ],
    ".npy": [
        content_of(lambda file: np.save(file, SEVERAL)),
        content_of(lambda file: np.save(file, PICTURE.astype(np.float16) / np.float16(255))),
    ],
}


def chunks_repaired(content):
    """Return the PNG with its chunks' checksums made right, so that mutations reach the decoder."""
    repaired, at = bytearray(content), 8
    while at + 12 <= len(repaired):
        (length,) = struct.unpack_from(">I", repaired, at)
        end = at + 8 + length
        if end + 4 > len(repaired):
            break
        struct.pack_into(">I", repaired, end, zlib.crc32(repaired[at + 4 : end]))
        at = end + 4
    return bytes(repaired)


@st.composite
def mutated(draw, suffix):
    content = bytearray(draw(st.sampled_from(VALID[suffix])))
    for _ in range(draw(st.integers(1, 4))):
        # Most of what can go wrong is in the first bytes.
        last = draw(st.sampled_from([min(160, len(content)), len(content)]))
        at = draw(st.integers(0, last))
        kind = draw(st.sampled_from(["replace", "insert", "delete", "cut"]))
        data = draw(st.binary(min_size=1, max_size=6))
        if kind == "replace":
            content[at : at + len(data)] = data
        elif kind == "insert":
            content[at:at] = data
        elif kind == "delete":
            del content[at : at + len(data)]
        else:
            del content[at:]
    if suffix == ".png" and draw(st.booleans()):
        return chunks_repaired(bytes(content))
    return bytes(content)


@pytest.mark.parametrize("suffix", list(VALID))
def test_a_mutated_file_gives_images_or_a_user_error(suffix, tmp_path_factory):
    path = tmp_path_factory.mktemp("mutated") / f"x{suffix}"

    @settings(max_examples=400, deadline=None)
    @given(mutated(suffix))
    def check(content):
        path.write_bytes(content)
        result: NamedImages | str
        try:
            result = read_images([path])
        except UserError as error:
            result = str(error)
        if isinstance(result, str):
            assert result.startswith(f"{path}: ")
            assert "\n" not in result
        else:
            assert result.images.dtype == np.uint8
            assert result.images.shape == (len(result.names), 28, 28)
            assert result.names

    check()


@settings(max_examples=200, deadline=None)
@given(st.text("{}()[]'\",:0123456789 \\abudfx<>|\n\t-*.", max_size=120))
def test_any_npy_header_gives_images_or_a_user_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "header.npy"
    path.write_bytes(header(text.encode()) + bytes(784))
    with pytest.raises(UserError):
        read_images([path])


def test_importing_the_module_loads_no_reader():
    code = (
        f"import sys, {module.__name__}; "
        "print([name for name in ('PIL', 'pyarrow', 'jax', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
