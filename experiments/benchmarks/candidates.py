"""Who takes turns at the convolutional networks, and how their figures stand against the targets."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.benchmarks import harness as turns
from experiments.benchmarks.harness import Contender, Worker

OURS, FLAX, PYTORCH = "ours", "Flax", "PyTorch"
OUR_FEATURES, PYTORCH_FEATURES = "our features", "PyTorch's features"

CONTENDERS = {
    OURS: Contender("networks", "train"),
    FLAX: Contender("flax_networks", "train"),
    PYTORCH: Contender("pytorch_networks", "train"),
    OUR_FEATURES: Contender("networks", "features"),
    PYTORCH_FEATURES: Contender("pytorch_networks", "features"),
}
"""In the order in which they take turns."""

COUNTED = {FLAX: "flax", OUR_FEATURES: "features", PYTORCH_FEATURES: "features"}
"""What `counts` calls a contender's images, where not "train"."""

MATCHES = {FLAX: OURS, PYTORCH: OURS, PYTORCH_FEATURES: OUR_FEATURES}
"""Of each other contender, ours."""

TARGETS = {FLAX: 12.0, PYTORCH: 1.0, PYTORCH_FEATURES: 1.5}
"""How many times theirs our images a second should be in every row."""
MEDIAN_TARGETS = TARGETS | {PYTORCH: 1.25}
"""And in the median of the rows."""
COMPILE_TARGET, MEMORY_TARGET = 10.0, 3 * 2**30
"""Seconds; bytes."""


def summary(
    name: str,
    worker: Worker,
    rounds: Sequence[Mapping[str, Mapping[str, float]]],
    counts: Mapping[str, int],
) -> dict[str, Any]:
    """A contender's images a second, its memory, and how many times as many ours are."""

    def rates(name: str) -> list[float]:
        count = counts[COUNTED.get(name, "train")]
        return [count / one[name]["seconds"] for one in rounds]

    last = rounds[-1][name]
    figures: dict[str, Any] = {
        "images": counts[COUNTED.get(name, "train")],
        "images_per_second": rates(name),
        "median_images_per_second": statistics.median(rates(name)),
        "versions": dict(worker.versions),
    } | {key: value for key, value in last.items() if key != "seconds"}
    if name in MATCHES:
        pairs = zip(rates(MATCHES[name]), rates(name), strict=True)
        figures |= turns.spread([ours / theirs for ours, theirs in pairs])
    return figures


def describe(name: str, measured: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A line a contender: images a second, ours over them beside the target."""
    yield f"{name}:"
    for contender, figures in measured.items():
        line = f"  {contender:<18} {figures['median_images_per_second']:9.1f} images/s"
        if contender in MATCHES:
            line += (
                f", ours {figures['ratio']:.2f} times that "
                f"({figures['ratio_min']:.2f} to {figures['ratio_max']:.2f}), "
                f"{verdict(figures['ratio'] >= TARGETS[contender], TARGETS[contender])}"
            )
        if contender == OURS:
            seconds, peak = figures["compile_seconds"], figures["peak_bytes"]
            line += f", compiled in {seconds:.1f} s, "
            line += verdict(seconds <= COMPILE_TARGET, COMPILE_TARGET)
            if peak is not None:
                line += f", {peak / 2**30:.2f} GiB at most, {verdict(peak <= MEMORY_TARGET, 3)}"
        yield line


def describe_all(rows: Sequence[Mapping[str, Mapping[str, Any]]]) -> Iterator[str]:
    """A line a contender that isn't ours: the median and the least of its ratios over the rows."""
    for contender in MATCHES:
        ratios = [row[contender]["ratio"] for row in rows if contender in row]
        if ratios:
            median, target = statistics.median(ratios), MEDIAN_TARGETS[contender]
            yield (
                f"Ours over {contender}, {len(ratios)} rows: median {median:.2f}, "
                f"{verdict(median >= target, target)}; least {min(ratios):.2f}, "
                f"{verdict(min(ratios) >= TARGETS[contender], TARGETS[contender])}"
            )


def verdict(reached: bool, target: float) -> str:
    """Whether a target is reached."""
    return f"target {target:g}: {'' if reached else 'not '}reached"
