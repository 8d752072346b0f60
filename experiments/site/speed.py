"""The stored benchmarks: our speed compared with PyTorch, Flax and NumPy, by version of JAX."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from experiments.benchmarks import mlp
from experiments.benchmarks.candidates import OUR_FEATURES, OURS
from experiments.benchmarks.results import read
from experiments.site.charts import Record

FOLDER = "benchmarks"
"""Below the folder of results."""

TITLES = {"mlp": "The scratch MLP", "convnets": "The convnets"}
"""Titles of the benchmarks, by file."""

MINE = (mlp.OURS, OURS, OUR_FEATURES)
"""The names of this project's candidates."""


@frozen
class Speed:
    """One candidate compared with ours, on one network."""

    file: str
    version: str
    network: str
    against: str
    ours: str
    theirs: str
    ratio: float
    """Our speed divided by theirs: the median over rounds; `low` and `high` are its extremes."""
    low: float
    high: float
    machine: str
    date: str


def measured(results: Path) -> list[Speed]:
    """Every ratio of every benchmark, the newest version of JAX first."""
    return [
        Speed(
            file=file,
            version=version,
            network=network,
            against=against,
            ours=_rate(ours, against),
            theirs=_rate(theirs, against),
            ratio=theirs["ratio"],
            low=theirs["ratio_min"],
            high=theirs["ratio_max"],
            machine=f"{row['cpu']}, {row['cores']} cores",
            date=row["date"].partition("T")[0],
        )
        for file in TITLES
        for version, rows in read(results / FOLDER / f"{file}.json").items()
        for network, row in rows.items()
        for against, ours, theirs in _pairs(row["candidates"])
    ]


def _pairs(
    candidates: Mapping[str, Any],
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Each candidate of others: its name, our figures, its figures."""
    for name, theirs in candidates.items():
        if name in MINE or "ratio" not in theirs:
            continue
        ours = next(
            candidates[mine] for mine in MINE
            if mine in candidates and _of_features(mine) == _of_features(name)
        )  # fmt: skip
        yield name, ours, theirs


def _of_features(name: str) -> bool:
    return "features" in name


def _rate(figures: Mapping[str, Any], name: str) -> str:
    if "median_images_per_second" in figures:
        what = "features" if _of_features(name) else "images"
        return f"{figures['median_images_per_second']:,.0f} {what}/s"
    return f"{figures['median_seconds']:.3f} s per epoch"


def newest(speeds: list[Speed], file: str) -> str:
    """The newest version of JAX in a file."""
    return next(one.version for one in speeds if one.file == file)


def chart_records(speeds: list[Speed], file: str) -> list[Record]:
    """The ratios of one file with its newest version of JAX."""
    version = newest(speeds, file)
    return [
        {
            "row": one.network,
            "series": one.against,
            "value": one.ratio,
            "low": one.low,
            "high": one.high,
        }
        for one in speeds
        if (one.file, one.version) == (file, version)
    ]
