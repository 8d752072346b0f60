"""Throughput as it is stored: ours beside PyTorch's, Flax's and NumPy's, by version of JAX."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.site.charts import Record

MINE = ("hand-written", "ours", "our features")
"""What the contenders that are this project's are called."""


@dataclass(frozen=True)
class Speed:
    """One contender against ours on one network."""

    file: str
    version: str
    network: str
    against: str
    ours: str
    theirs: str
    ratio: float
    """How many times theirs our speed is, in the median of the rounds; least and most beside it."""
    low: float
    high: float
    machine: str
    date: str


def measured(results: Path) -> list[Speed]:
    """Every ratio of every `throughput*.json`, the newest version of JAX first."""
    found: list[Speed] = []
    for path in sorted(results.glob("throughput*.json")):
        stored = json.loads(path.read_text("utf-8"))
        for version in sorted(stored, key=_numbers, reverse=True):
            for network, circumstances, contenders in _networks(stored[version]):
                found += _speeds(path.stem, version, network, circumstances, contenders)
    return found


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _networks(
    stored: Mapping[str, Any],
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Name, circumstances and contenders of each network, in either file's layout."""
    if "rows" in stored:
        for network, contenders in stored["rows"].items():
            yield network, stored, contenders
    else:
        for network, row in stored.items():
            yield network, row, row["contenders"]


def _speeds(
    file: str,
    version: str,
    network: str,
    circumstances: Mapping[str, Any],
    contenders: Mapping[str, Any],
) -> Iterator[Speed]:
    for name, figures in contenders.items():
        if name in MINE or "ratio" not in figures:
            continue
        features = "features" in name
        mine = next(
            contenders[own] for own in MINE if own in contenders and ("features" in own) == features
        )
        yield Speed(
            file,
            version,
            network,
            name,
            _rate(mine, features),
            _rate(figures, features),
            figures["ratio"],
            figures["ratio_min"],
            figures["ratio_max"],
            f"{circumstances['cpu']}, {circumstances['cores']} cores",
            circumstances["date"].partition("T")[0],
        )


def _rate(figures: Mapping[str, Any], features: bool) -> str:
    if "median_images_per_second" in figures:
        what = "features" if features else "images"
        return f"{figures['median_images_per_second']:,.0f} {what}/s"
    return f"{figures['median_seconds']:.3f} s an epoch"


def newest(speeds: list[Speed], file: str) -> str:
    """The newest version of JAX that a file has."""
    return next(one.version for one in speeds if one.file == file)


def chart_records(speeds: list[Speed], file: str) -> list[Record]:
    """The newest version's ratios of one file."""
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
