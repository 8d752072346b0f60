"""Mutated pictures and arrays give images or one line."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fmnist_jax.errors import UserError
from fmnist_jax.inference.images import NamedImages, read_images
from tests.inference.image_files import PICTURE, SEVERAL, header


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
