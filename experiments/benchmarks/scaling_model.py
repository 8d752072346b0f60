"""A model of a training step's time on many chips, from operations, bytes of memory and of the network.

    t(n) = max(operations / rate, bytes / bandwidth) + start of the kernels + all-reduce of the gradients

Each of n chips computes 1/n of the batch; a ring moves 2 (n - 1) / n of the gradients over every link. The
peak rates are published; the latencies and the fraction of the peak are assumptions, named in docs/scaling.md.
"""

from collections.abc import Callable, Sequence
from math import prod

from attrs import frozen
from rich.table import Table

from experiments.engine.tables import markdown
from fmnist_jax.config.model import ModelConfig
from fmnist_jax.runs.presets import backbone, lenet, small_cnn, smallest
from fmnist_jax.runs.presets.pipeline import NETWORK
from fmnist_jax.scratch.mlp import MLPConfig

BYTES = 4
"""Of a float32."""

PEAK_FRACTION = 0.3
"""Assumed: the fraction of the peak that small matrix products and convolutions reach."""

KERNELS_PER_LAYER, KERNEL_SECONDS = 6, 3e-6
"""Assumed: kernels that a layer starts in forward, backward and update, and the time to start one."""

ACTIVATION_PASSES = 4
"""Assumed: how often each output is written or read, forward and backward together."""

PARAMETER_PASSES = 6
"""Assumed: weights read twice, gradients written and read, weights and momentum updated."""

WORTHWHILE = 0.5
"""Efficiency below which more chips cost more than they save."""

NETWORKS: dict[str, ModelConfig] = {
    "MLP 784,128,10": MLPConfig((784, 128, 10)),
    "MLP 784,400,250,100,10": MLPConfig((784, 400, 250, 100, 10)),
    "smallest": smallest.MODEL,
    "LeNet": lenet.MODEL,
    "small CNN": small_cnn.MODEL,
    "five-conv 16..256": NETWORK.network,
    "backbone": backbone.MODEL,
}


@frozen
class Chip:
    """Published figures of a chip, each in units of 1/s; latency is assumed."""

    name: str
    operations: float
    memory: float
    """Bytes a second."""
    link: float
    """Bytes a second and direction between chips that `group` connects."""
    group: int
    network: float
    """Bytes a second and chip beyond the group."""
    hop_seconds: float
    """Assumed latency of a step of an all-reduce."""


CHIPS = (
    Chip("H100", 494.7e12, 3.35e12, 450e9, 8, 50e9, 5e-6),
    Chip("TPU v5e", 197e12, 819e9, 200e9, 256, 3.1e9, 2e-6),
)


def step_seconds(model: ModelConfig, batch: int, chip: Chip, count: int) -> float:
    """Return the predicted time of a training step on `count` chips."""
    layers = model.layers()
    images = batch / count
    operations = images * sum(layer.training_flops for layer in layers)
    outputs = images * sum(prod(layer.output) for layer in layers)
    parameters = sum(layer.parameters for layer in layers)
    moved = BYTES * (ACTIVATION_PASSES * outputs + PARAMETER_PASSES * parameters)
    work = max(operations / (PEAK_FRACTION * chip.operations), moved / chip.memory)
    starts = KERNELS_PER_LAYER * len(layers) * KERNEL_SECONDS
    return work + starts + all_reduce_seconds(BYTES * parameters, chip, count)


def all_reduce_seconds(size: float, chip: Chip, count: int) -> float:
    """Return the predicted time to sum `size` bytes over the chips: a ring, with latencies of a tree."""
    if count == 1:
        return 0.0
    rate = chip.link if count <= chip.group else chip.network
    return 2 * (count - 1) / count * size / rate + 2 * (count - 1).bit_length() * chip.hop_seconds


def efficiency(model: ModelConfig, batch: int, chip: Chip, count: int) -> float:
    """Return speed-up over the number of chips, with the batch fixed."""
    alone = step_seconds(model, batch, chip, 1)
    return alone / (count * step_seconds(model, batch, chip, count))


def limit(model: ModelConfig, batch: int, chip: Chip) -> int:
    """Return the largest power of two of chips, at most 512, that is still worthwhile."""
    counts = [2**power for power in range(10) if 2**power <= batch]
    return max(count for count in counts if efficiency(model, batch, chip, count) >= WORTHWHILE)


def predicted(batch: int, counts: Sequence[int]) -> str:
    """Return the table of predicted efficiencies with a fixed batch."""
    titles = [f"{chip.name}: {count}" for chip in CHIPS for count in counts]
    limits = [f"{chip.name}: worthwhile" for chip in CHIPS]
    table = Table("network", "step on one H100, µs", *titles, *limits)
    for name, model in NETWORKS.items():
        cells = [
            f"{100 * efficiency(model, batch, chip, count):.0f} %"
            for chip in CHIPS
            for count in counts
        ]
        table.add_row(
            name,
            f"{1e6 * step_seconds(model, batch, CHIPS[0], 1):.0f}",
            *cells,
            *(str(limit(model, batch, chip)) for chip in CHIPS),
        )
    return markdown(table)


TABLES: dict[str, Callable[[], str]] = {
    "scaling/batch-64": lambda: predicted(64, (2, 8, 64)),
    "scaling/batch-16384": lambda: predicted(16384, (8, 64, 512)),
}
"""By the name that documents use in their markers."""
