"""The README's pictures: charts of the page as PNG files, on a light ground."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import vl_convert
from PIL import Image

from experiments.site.parts import Chart
from experiments.site.theme import LIGHT, colours, config
from fmnist_jax.storage.files import write_bytes, writing

PICTURES = {
    "report1_table1-test_accuracy": "study_table1.png",
    "report1_table2-pooling-random": "study_pooling.png",
    "report3_lenet-classes": "study_classes.png",
}
"""Charts by what the page calls them, and their files."""

WIDTH, SCALE = 640, 1.5
"""Pixels of a chart's own, and how many of a file's go to one."""


def save(charts: Iterable[Chart], folder: Path) -> list[Path]:
    """Write those of the charts that `PICTURES` names into `folder`; returns their paths.

    Raises UserError where a file can't be written.
    """
    written = []
    for one in charts:
        if one.id in PICTURES:
            path = folder / PICTURES[one.id]
            with writing(path):
                folder.mkdir(parents=True, exist_ok=True)
                write_bytes(path, png(one))
            written.append(path)
    return written


def png(chart: Chart) -> bytes:
    """A chart as a PNG file, in a palette."""
    spec: dict[str, Any] = {**chart.spec, "width": WIDTH}
    for parameter in spec["params"]:
        parameter["value"] = colours(LIGHT).get(parameter["name"], parameter.get("value"))
    drawn = vl_convert.vegalite_to_png(
        spec, config=config(LIGHT) | {"background": LIGHT.ground}, scale=SCALE
    )
    file = io.BytesIO()
    picture = Image.open(io.BytesIO(drawn)).convert("RGB")
    picture.quantize(dither=Image.Dither.NONE).save(file, format="PNG", optimize=True)
    return file.getvalue()
