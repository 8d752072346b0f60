"""The gradient check: hand-written gradients against `jax.grad` and against central differences.

Both references are computed at one point, for float64 and float32. The central difference of a parameter
p is (L(p + h) - L(p - h)) / 2h, always in float64. It uses no derivative rule, so it also finds a mistake
that the hand-written gradient and `jax.grad` share.

The relative error of a leaf is max|a - b| / max(max|a|, max|b|), with the maxima over the whole leaf. An
absolute error of a few eps always passes: dZ subtracts numbers of size 1, so a tiny gradient may consist
of rounding. A mistake that hides below this floor in float32 is found in float64.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from attrs import field, frozen
from jaxtyping import Array

from fmnist_jax.config.fields import as_int, whole
from fmnist_jax.config.model import HandWritten
from fmnist_jax.gradcheck.gradients import (
    ROUNDINGS,
    Gradients,
    Jit,
    Point,
    cast,
    differences_at,
    gradients_at,
    jump,
)
from fmnist_jax.gradcheck.report import Comparison, Report, Row
from fmnist_jax.scratch.losses import one_hot

AUTODIFF_THRESHOLDS = {"float64": 1e-12, "float32": 1e-5}
"""Largest relative error against `jax.grad` that passes, before the rounding floor is added.

Both compute the same sums and round differently.
"""

DIFFERENCES_THRESHOLDS = {"float64": 1e-7, "float32": 1e-4}
"""Largest relative error against central differences that passes, before the rounding floor is added.

In float64 it leaves room for truncation, h^2 L'''/6. The float32 gradient is compared with float64
differences, so there it leaves room for the rounding of a whole forward and backward pass.
"""

MAX_COUNT = 2**20
"""Largest number of images or entries: more than a check needs, and small enough for the memory."""

BIAS_NOISE = 0.1
"""Standard deviation of the noise added to b: most initializers set b = 0, which hides errors."""


@frozen
class CheckConfig:
    """How a gradient is checked."""

    batch_size: int = field(default=16, converter=as_int, validator=whole(1, MAX_COUNT))
    """Random images in the batch."""
    entries: int = field(default=32, converter=as_int, validator=whole(1, MAX_COUNT))
    """Entries of each leaf checked by central differences: half are the largest, half are random."""
    seed: int = field(default=0, converter=as_int, validator=whole(0, 2**32 - 1))
    """Seed of the parameters, the batch, the dropout masks and the entries."""


def check(
    network: HandWritten, options: CheckConfig | None = None, *, jit: Jit = jax.jit
) -> Report:
    """Check the gradient of any network near its initial parameters on a random batch.

    Compares every entry with `jax.grad`, in float64 and float32, and some entries of each leaf with
    central differences (L(p + h) - L(p - h)) / 2h. Entries whose difference crosses a kink of an
    activation, or changes the largest entry of a pooling's window, are left out of the latter. Works with
    64 bits enabled or not.

    Args:
        network: The gradient to check, from the configuration's `hand_written()`.
        options: Batch size, number of entries and seed; the defaults of `CheckConfig` if None.
        jit: Compiles the programs, `jax.jit` by default.

    Returns:
        The report: a row a leaf, `passed` if all agree.

    Examples:
        >>> from fmnist_jax.scratch.mlp import MLPConfig
        >>> network = MLPConfig((6, 5, 3)).hand_written()
        >>> report = check(network, CheckConfig(batch_size=4, entries=4))
        >>> report.passed
        True
        >>> [row.path for row in report.rows]
        ['layer 1 W', 'layer 1 b', 'layer 2 W', 'layer 2 b']

    References:
        A. Griewank and A. Walther, Evaluating Derivatives, 2nd edition, SIAM 2008.
    """
    options = options or CheckConfig()
    return check_at(draw(network, options), options, jit=jit)


def draw(network: HandWritten, options: CheckConfig) -> Point:
    """Draw parameters near the initial ones, a random batch and a dropout key."""
    rng = np.random.default_rng(options.seed)
    init_key, dropout_key = jax.random.split(jax.random.key(options.seed))
    X = rng.standard_normal((options.batch_size, *network.input_shape), np.float32)
    labels = rng.integers(network.classes, size=options.batch_size, dtype=np.int32)

    def shift_biases(leaf: Array) -> Array:
        if leaf.ndim > 1:
            return leaf
        return leaf + BIAS_NOISE * rng.standard_normal(leaf.shape, np.float32)

    parameters = jax.tree.map(shift_biases, network.init(init_key))
    targets = one_hot(jnp.asarray(labels), network.classes)
    return Point(parameters, jnp.asarray(X), targets, network, dropout_key)


def check_at(point: Point, options: CheckConfig | None = None, *, jit: Jit = jax.jit) -> Report:
    """Check the gradient at a point, rounded to float32 first: both precisions have the same one."""
    options = options or CheckConfig()
    # 64 bits stay enabled for both precisions, since they change dropout's random bits.
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        in32 = gradients_at(cast(point, jnp.float32), jit)
        point = cast(cast(point, jnp.float32), jnp.float64)
        in64 = gradients_at(point, jit)
        chosen = _choose(in64, options)
        starts = np.cumsum([0, *(leaf.size for leaf in in64.autodiff.values())])[:-1]
        indices = [start + index for start, index in zip(starts, chosen.values(), strict=True)]
        sampled = differences_at(point, np.concatenate(indices), jit)
    stops = np.cumsum([index.size for index in chosen.values()])[:-1]
    flips = bool(jump(in64.slopes, in32.slopes))
    differences, kinks, floors = (np.split(x, stops) for x in sampled)
    rows = tuple(
        _row(path, in64, in32, _Sample(chosen[path], differences[i], kinks[i], floors[i], flips))
        for i, path in enumerate(chosen)
    )
    unexpected = tuple(
        Row(path, leaf.shape, False, (), "the parameters have no such leaf")
        for path, leaf in in64.hand_written.items()
        if path not in in64.autodiff
    )
    problems = [in64.problem] if in64.problem else []
    if not any(leaf.any() for leaf in in64.autodiff.values()):
        problems.append("jax.grad is zero everywhere: there was nothing to check")
    return Report(rows + unexpected, tuple(problems))


class _Sample(NamedTuple):
    """Central differences of some entries of one leaf."""

    indices: np.ndarray
    differences: np.ndarray
    kinks: np.ndarray
    """Whether a unit crossed a kink, or a pooling changed its choice, between the two sides."""
    floors: np.ndarray
    """The absolute error that rounding may cause."""
    flips: bool
    """Whether rounding to float32 alone moves a unit across a kink."""


class _Reference(NamedTuple):
    """What entries of one leaf are compared with."""

    name: str
    values: np.ndarray
    threshold: float
    """Relative error that passes."""
    floor: float
    """Absolute error that passes."""
    kinks: int = 0
    """Entries left out."""


def _choose(found: Gradients, options: CheckConfig) -> dict[str, np.ndarray]:
    """Flat indices into each leaf: the largest entries of either gradient, then random ones."""
    rng = np.random.default_rng(options.seed)
    chosen = {}
    for path, autodiff in found.autodiff.items():
        size = abs(autodiff).ravel()
        hand_written = found.hand_written.get(path)
        if hand_written is not None and hand_written.shape == autodiff.shape:
            size = np.maximum(size, abs(hand_written).ravel())
        count = min(options.entries, size.size)
        largest, others = np.split(np.argsort(-size, kind="stable"), [(count + 1) // 2])
        chosen[path] = np.append(largest, rng.choice(others, count - largest.size, replace=False))
    return chosen


def _row(path: str, in64: Gradients, in32: Gradients, sample: _Sample) -> Row:
    comparisons = []
    for dtype, found in (("float64", in64), ("float32", in32)):
        autodiff, hand_written = found.autodiff[path], found.hand_written.get(path)
        zero = not autodiff.any()
        if hand_written is None:
            return Row(path, autodiff.shape, zero, (), "missing from the hand-written gradient")
        if (hand_written.shape, hand_written.dtype) != (autodiff.shape, autodiff.dtype):
            wrong, right = (f"{leaf.dtype}{list(leaf.shape)}" for leaf in (hand_written, autodiff))
            problem = f"the hand-written gradient is {wrong}, expected {right}"
            return Row(path, autodiff.shape, zero, (), problem)
        kinks = sample.kinks | (dtype == "float32" and sample.flips)
        floor = ROUNDINGS * float(np.finfo(dtype).eps)
        largest = np.max(abs(hand_written)).astype(np.float64)
        by_autodiff = _Reference("jax.grad", autodiff, AUTODIFF_THRESHOLDS[dtype], floor)
        by_differences = _Reference(
            "central differences",
            sample.differences[~kinks],
            DIFFERENCES_THRESHOLDS[dtype],
            sample.floors.max() + floor,
            int(kinks.sum()),
        )
        entries = hand_written.ravel()[sample.indices[~kinks]]
        comparisons += [
            _compare(dtype, hand_written, largest, by_autodiff),
            _compare(dtype, entries, largest, by_differences),
        ]
    autodiff = in64.autodiff[path]
    return Row(path, autodiff.shape, not autodiff.any(), tuple(comparisons))


def _compare(dtype: str, a: np.ndarray, largest: np.floating, reference: _Reference) -> Comparison:
    """Compare entries a of a leaf whose maximum is `largest`; NaN in a gives a NaN error."""
    a, b = a.astype(np.float64), reference.values.astype(np.float64)
    with np.errstate(invalid="ignore"):  # inf - inf and inf / inf are NaN, which fails
        scale = np.maximum(largest, abs(b).max(initial=0.0))
        absolute = abs(a - b).max(initial=0.0)
        relative, floor = (0.0, 0.0) if scale == 0 else (absolute / scale, reference.floor / scale)
    return Comparison(
        dtype,
        reference.name,
        a.size,
        reference.kinks,
        float(absolute),
        float(relative),
        float(reference.threshold + floor),
    )
