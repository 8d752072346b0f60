"""Candidates of the convnet benchmark, and their figures compared with the targets."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.benchmarks.harness import Candidate, spread, verdict

OURS, FLAX, PYTORCH = "ours", "Flax", "PyTorch"
OUR_FEATURES, PYTORCH_FEATURES = "our features", "PyTorch's features"

CANDIDATES = {
    OURS: Candidate("ours", "train"),
    FLAX: Candidate("flax_convnets", "train"),
    PYTORCH: Candidate("pytorch", "train"),
    OUR_FEATURES: Candidate("ours", "features"),
    PYTORCH_FEATURES: Candidate("pytorch", "features"),
}
"""In the order in which a round runs them."""

COUNT_NAMES = {FLAX: "flax", OUR_FEATURES: "features", PYTORCH_FEATURES: "features"}
"""The key of a candidate's number of images in a job's `counts`, where it isn't "train"."""

BASELINES = {FLAX: OURS, PYTORCH: OURS, PYTORCH_FEATURES: OUR_FEATURES}
"""For each other candidate, ours that it is compared with."""

TARGETS = {FLAX: 12.0, PYTORCH: 1.0, PYTORCH_FEATURES: 1.5}
"""Least ratio of our images a second to theirs, in every row."""
MEDIAN_TARGETS = TARGETS | {PYTORCH: 1.25}
"""Least median of these ratios over the rows."""
MAX_COMPILE_SECONDS, MAX_MEMORY_GIB = 10.0, 3.0


def summarize(
    name: str, rounds: Sequence[Mapping[str, Mapping[str, float]]], counts: Mapping[str, int]
) -> dict[str, Any]:
    """Return a candidate's images a second, its last figures, and the ratio of our speed to its."""

    def rates(name: str) -> list[float]:
        count = counts[COUNT_NAMES.get(name, "train")]
        return [count / one[name]["seconds"] for one in rounds]

    last = rounds[-1][name]
    figures: dict[str, Any] = {
        "images": counts[COUNT_NAMES.get(name, "train")],
        "images_per_second": rates(name),
        "median_images_per_second": statistics.median(rates(name)),
    } | {key: value for key, value in last.items() if key != "seconds"}
    if name in BASELINES:
        pairs = zip(rates(BASELINES[name]), rates(name), strict=True)
        figures |= spread([ours / theirs for ours, theirs in pairs])
    return figures


def describe_row(name: str, measured: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line a candidate: images a second and the ratio of ours, with its target."""
    yield f"{name}:"
    for candidate, figures in measured.items():
        line = f"  {candidate:<18} {figures['median_images_per_second']:9.1f} images/s"
        if candidate in BASELINES:
            target = TARGETS[candidate]
            line += (
                f", ours {figures['ratio']:.2f} times that "
                f"({figures['ratio_min']:.2f} to {figures['ratio_max']:.2f}), "
                f"{verdict(figures['ratio'] >= target, target)}"
            )
        if candidate == OURS:
            seconds, peak = figures["compile_seconds"], figures["peak_bytes"]
            line += f", compiled in {seconds:.1f} s, "
            line += verdict(seconds <= MAX_COMPILE_SECONDS, MAX_COMPILE_SECONDS)
            if peak is not None:
                gib = peak / 2**30
                line += f", {gib:.2f} GiB at most, {verdict(gib <= MAX_MEMORY_GIB, MAX_MEMORY_GIB)}"
        yield line


def describe_all(rows: Sequence[Mapping[str, Mapping[str, Any]]]) -> Iterator[str]:
    """Yield a line for each other candidate: the median and least ratio over the rows."""
    for candidate, ratios in ratios_by_candidate(rows).items():
        median, target = statistics.median(ratios), MEDIAN_TARGETS[candidate]
        yield (
            f"Ours over {candidate}, {len(ratios)} rows: median {median:.2f}, "
            f"{verdict(median >= target, target)}; least {min(ratios):.2f}, "
            f"{verdict(min(ratios) >= TARGETS[candidate], TARGETS[candidate])}"
        )


def ratios_by_candidate(
    rows: Sequence[Mapping[str, Mapping[str, Any]]],
) -> dict[str, list[float]]:
    """Return the ratios of all rows for each other candidate that was measured."""
    ratios = {
        candidate: [row[candidate]["ratio"] for row in rows if candidate in row]
        for candidate in BASELINES
    }
    return {candidate: values for candidate, values in ratios.items() if values}
