"""Many devices: each computes its part of a batch and holds all parameters and images.

`use_devices` sets a mesh of devices with one axis as JAX's context. XLA divides every program traced in it
along the batch that `split_batch` marks. Random numbers are drawn and sums are taken over the whole
batch, so the results are those of one device, to rounding. Outside the context the functions here return
what they are given, and the programs are those of one device.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from fmnist_jax.errors import UserError

Tree = TypeVar("Tree")

BATCH = "batch"
"""The mesh's one axis."""

REPLICATED = PartitionSpec()
"""Each device holds the whole array."""


@contextmanager
def use_devices(count: int | Literal["all"] = "all") -> Iterator[None]:
    """Share the batches of what the block computes among the first `count` devices; 1 changes nothing.

    Args:
        count: Number of devices, those of all processes together.

    Raises:
        UserError: If there are fewer devices, or a process has none of them.

    Examples:
        >>> with use_devices("all"):
        ...     device_count() == len(jax.devices())
        True
    """
    devices = jax.devices()
    used = len(devices) if count == "all" else count
    if not 1 <= used <= len(devices):
        raise UserError(
            f"devices must be from 1 to {len(devices)}, the number of {devices[0].platform} devices "
            f"here, found {used}; use 'all' for all of them"
        )
    if {device.process_index for device in devices[:used]} != set(range(jax.process_count())):
        raise UserError(
            f"devices must be all {len(devices)} of the {jax.process_count()} processes, found {used}; use "
            "'all'"
        )
    if used == 1:
        yield
        return
    with jax.set_mesh(Mesh(np.array(devices[:used]), (BATCH,), axis_types=(AxisType.Auto,))):
        yield


def device_count() -> int:
    """Return the number of devices that share a batch."""
    return jax.sharding.get_abstract_mesh().shape.get(BATCH, 1)


def divides(batch: int) -> bool:
    """Whether a batch of this size is shared: by more than one device, with equal parts."""
    count = device_count()
    return count > 1 and batch % count == 0


def split_batch(batch: Tree) -> Tree:
    """Share arrays along their first axis, the examples; each device has all that can't be divided."""

    def split(leaf: Any) -> Any:
        if not divides(leaf.shape[0]):
            return leaf
        return jax.lax.with_sharding_constraint(leaf, PartitionSpec(BATCH))

    return jax.tree.map(split, batch)


def replicate(tree: Tree) -> Tree:
    """Let each device hold all of these results of a program."""
    return jax.lax.with_sharding_constraint(tree, REPLICATED) if device_count() > 1 else tree


def put(tree: Any) -> Any:
    """Copy arrays, the same in each process, to every device that shares a batch."""
    if device_count() == 1:
        return jax.device_put(tree)
    sharding = NamedSharding(jax.sharding.get_mesh(), REPLICATED)

    def copy(leaf: Any) -> Any:
        values = np.asarray(leaf)
        return jax.make_array_from_callback(values.shape, sharding, values.__getitem__)

    return jax.tree.map(copy, tree)


def put_local(tree: Tree) -> Tree:
    """Copy arrays that every device holds to this process's first device."""
    if device_count() == 1:
        return tree
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(lambda leaf: jax.device_put(np.asarray(leaf), device), tree)


def map_parts(
    function: Callable[..., Any], inputs: tuple[PartitionSpec, ...], outputs: Any
) -> Callable[..., Any]:
    """Make a function that calls `function` on each device with its part of the arrays.

    XLA can't divide a reshape that merges the batch with an axis before it. Algorithms that need one are
    divided here, by the specifications of their inputs and outputs.
    """
    return jax.shard_map(function, in_specs=inputs, out_specs=outputs, check_vma=False)
