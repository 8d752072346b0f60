"""What a stranger could do to a good checkpoint, before its manifest is made to fit."""

import functools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tests.checkpoints import (
    HEADER,
    TREE,
    WEIGHTS,
    change_header,
    metadata,
    stages_json,
    write_metadata,
)

CHUNK = f"{WEIGHTS}/0.0"


@functools.cache
def bomb(size: int) -> bytes:
    return pa.Codec("zstd").compress(bytes(size), asbytes=True)


def a_bomb(path: Path) -> None:
    """A chunk of 40 KB that unpacks to 1 GiB, where 12,544 bytes are meant to be."""
    change_header(path, compressor={"id": "zstd", "level": 1})
    (path / CHUNK).write_bytes(bomb(1 << 30))


def a_bomb_without_a_word(path: Path) -> None:
    (path / CHUNK).write_bytes(bomb(1 << 30))


def a_chunk_of_terabytes(path: Path) -> None:
    change_header(path, chunks=[1 << 20, 1 << 20])


def an_array_of_terabytes(path: Path) -> None:
    change_header(path, shape=[1 << 20, 1 << 20], chunks=[1, 1])


def an_array_filled_by_its_header(path: Path) -> None:
    change_header(path, fill_value=1.0)


def a_pickle_filter(path: Path) -> None:
    change_header(path, filters=[{"id": "pickle"}], dtype="|O")


def big_endian(path: Path) -> None:
    change_header(path, dtype=">f4")


def a_sparse_chunk(path: Path) -> None:
    os.truncate(path / CHUNK, 200 << 20)


def a_longer_chunk(path: Path) -> None:
    with (path / CHUNK).open("ab") as file:
        file.write(b"\0")


def a_shorter_chunk(path: Path) -> None:
    os.truncate(path / CHUNK, 784 * 4 * 4 - 4)


def no_chunk(path: Path) -> None:
    (path / CHUNK).unlink()


def one_array_more(path: Path) -> None:
    shutil.copytree(path / WEIGHTS, path / "arrays/x\x1b[2J\n")


def a_long_header(path: Path) -> None:
    (path / HEADER).write_text((path / HEADER).read_text() + " " * 5000)


def a_deep_header(path: Path) -> None:
    (path / HEADER).write_text("[" * 4000)


def a_header_that_is_no_object(path: Path) -> None:
    (path / HEADER).write_text("[1, 2]")


def not_a_number(path: Path) -> None:
    (path / CHUNK).write_bytes(np.full((784, 4), np.nan, np.float32).tobytes())


def infinite(path: Path) -> None:
    (path / CHUNK).write_bytes(np.full((784, 4), np.inf, np.float32).tobytes())


def says(**change: Any) -> Callable[[Path], None]:
    return lambda path: write_metadata(path, {**metadata(path), **change})


def stage(**change: Any) -> Callable[[Path], None]:
    return lambda path: write_metadata(
        path, {**metadata(path), "stages": stages_json(path, change)}
    )


def model(type: str = "mlp", **configuration: Any) -> Callable[[Path], None]:
    return stage(model={"type": type, **configuration})


def stages(*models: dict[str, Any]) -> Callable[[Path], None]:
    return says(
        stages=[
            {"name": f"s{number}", "model": model, "scaling": "z-score", "features_of": "ab"}
            for number, model in enumerate(models)
        ]
    )


def tree(**change: Any) -> Callable[[Path], None]:
    """Change the list of arrays that Orbax reads."""

    def alter(path: Path) -> None:
        values = json.loads((path / TREE).read_text())
        (path / TREE).write_text(json.dumps({**values, **change}))

    return alter


def text(content: str) -> Callable[[Path], None]:
    return lambda path: write_metadata(path, content)


def a_list_of_a_megabyte(path: Path) -> None:
    (path / TREE).write_text((path / TREE).read_text() + " " * (2 << 20))


def a_deep_list(path: Path) -> None:
    (path / TREE).write_text("[" * 400_000)


def a_database(path: Path) -> None:
    """Which Orbax would read in place of the arrays that were checked."""
    tree(use_ocdbt=True)(path)
    (path / "arrays/manifest.ocdbt").write_bytes(b"x" * 1000)


BLOCK = {"filters": 1 << 14, "kernel": 28, "pooling": "none"}


HOSTILE: dict[str, Callable[[Path], None]] = {
    **{
        alter.__name__: alter
        for alter in (
            a_bomb,
            a_bomb_without_a_word,
            a_chunk_of_terabytes,
            an_array_of_terabytes,
            an_array_filled_by_its_header,
            a_pickle_filter,
            big_endian,
            a_sparse_chunk,
            a_longer_chunk,
            a_shorter_chunk,
            no_chunk,
            one_array_more,
            a_long_header,
            a_deep_header,
            a_header_that_is_no_object,
            not_a_number,
            infinite,
            a_list_of_a_megabyte,
            a_deep_list,
            a_database,
        )
    },
    "a model of terabytes": model(layer_sizes=[784, 1 << 20, 1 << 20, 10]),
    "a network of terabytes": model("convnet", blocks=[BLOCK] * 3),
    "a hundred thousand layers": model(layer_sizes=[784] + [1] * 100_000 + [10]),
    "a thousand blocks": model("convnet", blocks=[{"filters": 1, "pooling": "none"}] * 1000),
    "a huge size": model(layer_sizes=[784, 10**4000, 10]),
    "a dropout that is no number": text(
        '{"format_version": 3, "stages": [{"model": {"dropout": NaN}}]}'
    ),
    "an infinite size": text(
        '{"format_version": 3, "stages": [{"model": {"layer_sizes": [1e999]}}]}'
    ),
    "deep metadata": text('{"format_version": 3, "run": ' + "[" * 200_000),
    "deep and closed": text('{"format_version": 3, "run": ' + '{"a":' * 9000 + "1" + "}" * 9001),
    "a class name that moves the cursor": says(class_names=["\x1b[2J"] + ["a"] * 9),
    "a class name of a megabyte": says(class_names=["a" * 1_000_000] + ["a"] * 9),
    "a hundred thousand class names": says(class_names=["a"] * 100_000),
    "a type by its module": model("os.system"),
    "ten thousand stages": stages(*[{"type": "mlp", "layer_sizes": [784, 10]}] * 10_000),
    "features of gigabytes": stages(
        {
            "type": "convnet",
            "blocks": [{"filters": 1 << 14, "kernel": 1, "pooling": "none"}],
            "hidden": [1],
        },
        {"type": "mlp", "layer_sizes": [1, 10]},
    ),
    "a stage out of the folder": stage(name="../../outside"),
    "a stage in a separate folder": stage(name="mlp/x"),
    "a stage whose name moves the cursor": stage(name="\x1b[2J"),
    "a database by its list": tree(use_ocdbt=True),
    "another Zarr by its list": tree(use_zarr3=True),
    "a list of nothing": tree(tree_metadata={}),
    "an activation by its module": model(layer_sizes=[784, 4, 10], activations=["os.system"]),
    "an initializer that is code": model(initializer="__import__('os').getcwd()"),
    "a scaling out of the folder": stage(scaling="../../etc/passwd"),
    "an unknown field": says(__class__="os.system"),
}
"""What is done to a good checkpoint, before its manifest is made to fit."""
