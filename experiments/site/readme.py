"""The README's pictures: charts of the page as PNG files, in the light theme."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import vl_convert
from PIL import Image

from experiments.site.charts import Chart
from experiments.site.theme import LIGHT, colours, config
from fmnist_jax.storage.files import write_bytes, writing

PICTURES = {
    "report1-table1-test_accuracy": "study_table1.png",
    "report1-table2-pooling-random": "study_pooling.png",
    "report3-lenet-classes": "study_classes.png",
    "report1-release-gaps": "study_release.png",
}
"""Files by the ids of their charts."""

WIDTH, SCALE = 640, 1.5
"""A chart's width in pixels, and a file's pixels per pixel of the chart."""


def save(charts: Iterable[Chart], folder: Path) -> list[Path]:
    """Write the charts that `PICTURES` names into `folder`; returns their paths. Raises UserError."""
    pictures = {folder / PICTURES[one.id]: one for one in charts if one.id in PICTURES}
    for path, chart in pictures.items():
        with writing(path):
            folder.mkdir(parents=True, exist_ok=True)
            write_bytes(path, png(chart))
    return list(pictures)


def png(chart: Chart) -> bytes:
    """A chart as a PNG file with a palette."""
    spec: dict[str, Any] = {**chart.spec, "width": WIDTH}
    for parameter in spec["params"]:
        parameter["value"] = colours(LIGHT).get(parameter["name"], parameter.get("value"))
    look = config(LIGHT) | {"background": LIGHT.ground}
    drawn = vl_convert.vegalite_to_png(spec, config=look, scale=SCALE)
    file = io.BytesIO()
    picture = Image.open(io.BytesIO(drawn)).convert("RGB")
    picture.quantize(dither=Image.Dither.NONE).save(file, format="PNG", optimize=True)
    return file.getvalue()
