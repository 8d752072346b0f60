"""Pictures: modes, sizes, transparency, damage and bombs."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.inference.image_files import (
    PICTURE,
    SEVERAL,
    read_one,
    refused,
    save,
)


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
