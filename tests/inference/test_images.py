import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmnist_jax.errors import UserError
from fmnist_jax.inference import images as module
from fmnist_jax.inference.images import read_images
from tests.inference.image_files import PICTURE, SEVERAL, refused, save, several_names


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


def test_images_of_one_name_are_distinguished_by_their_paths(tmp_path, monkeypatch):
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
    ids=["line end", "terminal command", "line separator", "no UTF-8", "printable"],
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


# Unreadable input


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


def test_importing_the_module_loads_no_reader():
    code = (
        f"import sys, {module.__name__}; "
        "print([name for name in ('PIL', 'pandas', 'jax', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
