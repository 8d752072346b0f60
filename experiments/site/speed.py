"""The stored benchmarks: our speed compared with PyTorch, Flax and NumPy, by version of JAX."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments.benchmarks import mlp
from experiments.benchmarks.candidates import BASELINES
from experiments.benchmarks.results import read
from experiments.site import rows
from experiments.site.charts import Chart

FOLDER = "benchmarks"
"""Below the folder of results."""

TITLES = {"mlp": "The scratch MLP", "convnets": "The convnets"}
"""Titles of the benchmarks, by file."""


class Speed(NamedTuple):
    """Our speed divided by a candidate's, on one network: the median over rounds, and its extremes."""

    file: str
    version: str
    network: str
    against: str
    ours: str
    theirs: str
    ratio: float
    low: float
    high: float
    machine: str
    date: str


def measured(results: Path) -> list[Speed]:
    """Every ratio of every benchmark, the newest version of JAX first."""
    return [
        Speed(
            file, version, network, against, _rate(ours, against), _rate(theirs, against),
            theirs["ratio"], theirs["ratio_min"], theirs["ratio_max"],
            f"{row['cpu']}, {row['cores']} cores", row["date"].partition("T")[0],
        )
        for file in TITLES
        for version, stored in read(results / FOLDER / f"{file}.json").items()
        for network, row in stored.items()
        for against, theirs in row["candidates"].items()
        if "ratio" in theirs and against != mlp.OURS
        for ours in [row["candidates"][mlp.OURS if file == "mlp" else BASELINES[against]]]
    ]  # fmt: skip


def _rate(figures: Mapping[str, Any], name: str) -> str:
    if "median_images_per_second" in figures:
        what = "features" if "features" in name else "images"
        return f"{figures['median_images_per_second']:,.0f} {what}/s"
    return f"{figures['median_seconds']:.3f} s per epoch"


def newest(speeds: Sequence[Speed], file: str) -> list[Speed]:
    """The ratios of a file with its newest version of JAX."""
    its = [one for one in speeds if one.file == file]
    return [one for one in its if one.version == its[0].version]


def charts(speeds: Sequence[Speed]) -> Iterator[Chart]:
    """The newest ratios, a chart for each benchmark."""
    for file in dict.fromkeys(one.file for one in speeds):
        shown = newest(speeds, file)
        records = [
            {"row": one.network, "series": one.against, "value": one.ratio}
            | {"low": one.low, "high": one.high}
            for one in shown
        ]
        yield Chart(
            f"speed-{file}",
            f"{TITLES[file]}, {shown[0].version.replace('jax', 'JAX')}",
            "Dot plot on a logarithmic scale: our speed divided by that of others, by network. The table "
            "below has the figures.",
            "Median over rounds; the line goes from the lowest to the highest round. Above 1, ours is "
            "faster.",
            rows.chart(records, "times as fast", rows.RATIOS),
        )
