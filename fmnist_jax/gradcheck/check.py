"""The gradient check: hand-written gradients against `jax.grad` and against central differences.

Both gradients are taken at one point in float64 and float32. The central difference of one
parameter p is (L(p + h) - L(p - h)) / 2h, always in float64: no derivative rule enters it, so it
also catches a mistake that the hand-written gradient and `jax.grad` would share.

The relative error of a leaf is max|a - b| / max(max|a|, max|b|), the maxima over the whole leaf, so
that an entry counts by its share of the leaf's largest; it is 0 where all are zero. Beyond its
threshold an absolute error of `ROUNDINGS` eps of the dtype passes too, since dZ subtracts numbers
of size 1, of which a tiny gradient may be left: a mistake that hides below that in float32 is
caught in float64.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from fmnist_jax.errors import UserError
from fmnist_jax.gradcheck.gradients import (
    ROUNDINGS,
    Gradients,
    ValueAndGrad,
    cast,
    central_differences,
    gradients_at,
    jump,
)
from fmnist_jax.gradcheck.report import Comparison, Report, Row
from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.mlp import Inputs, Labels, MLPConfig, Parameters

AUTODIFF_THRESHOLDS = {"float64": 1e-12, "float32": 1e-5}
"""Largest relative error against `jax.grad` that passes, the rounding floor added.

The sums are the same, rounded otherwise.
"""

DIFFERENCES_THRESHOLDS = {"float64": 1e-7, "float32": 1e-4}
"""Largest relative error against central differences that passes, the rounding floor added.

For float64 it leaves room for truncation, h^2 L'''/6; for float32, which is held against float64
here, for the rounding of the whole forward and backward pass.
"""

LARGEST_COUNT = 2**20
"""Images or entries, at most: more than any check needs, and few enough to be held."""

BIAS_NOISE = 0.1
"""Standard deviation of what is added to b: most initialisers set b = 0, which hides errors."""


@dataclass(frozen=True)
class CheckConfig:
    """How a gradient is checked.

    Raises UserError for counts that can't be.
    """

    batch_size: int = 16
    """Random images in the batch."""
    entries: int = 32
    """Entries a leaf to check by central differences: half the largest, half drawn."""
    seed: int = 0
    """Of the parameters, the batch, the dropout masks and the entries."""

    def __post_init__(self) -> None:
        """Refuse what can't be run."""
        for field, least, most in (
            ("batch_size", 1, LARGEST_COUNT),
            ("entries", 1, LARGEST_COUNT),
            ("seed", 0, 2**32 - 1),
        ):
            if not least <= (found := getattr(self, field)) <= most:
                raise UserError(
                    f"{field} must be at least {least} and at most {most}, found {found}"
                )


def check(
    config: MLPConfig,
    options: CheckConfig | None = None,
    *,
    value_and_grad: ValueAndGrad = mlp.value_and_grad,
) -> Report:
    """Check the gradient of any MLP near its first parameters on a random batch.

    Works whether or not the process has 64 bits enabled.
    """
    options = options or CheckConfig()
    return check_at(*draw(config, options), options=options, value_and_grad=value_and_grad)


def draw(
    config: MLPConfig, options: CheckConfig
) -> tuple[Parameters, Inputs, Labels, MLPConfig, Key[Array, ""]]:
    """Parameters near the first ones, a random batch and a dropout key: a point for `check_at`."""
    rng = np.random.default_rng(options.seed)
    init_key, dropout_key = jax.random.split(jax.random.key(options.seed))
    X = rng.standard_normal((options.batch_size, config.layer_sizes[0]), np.float32)
    labels = rng.integers(config.layer_sizes[-1], size=options.batch_size, dtype=np.int32)
    parameters = tuple(
        layer._replace(b=layer.b + BIAS_NOISE * rng.standard_normal(layer.b.shape, np.float32))
        for layer in mlp.init(init_key, config)
    )
    return parameters, jnp.asarray(X), jnp.asarray(labels), config, dropout_key


def check_at(
    parameters: Parameters,
    X: Inputs,
    labels: Labels,
    config: MLPConfig,
    key: Key[Array, ""] | None = None,
    *,
    options: CheckConfig | None = None,
    value_and_grad: ValueAndGrad = mlp.value_and_grad,
) -> Report:
    """Check the gradient at a point of one's own; `key` fixes the dropout masks.

    The point is rounded to float32 first, so that both precisions see the same one. The batch is
    X, whatever `options.batch_size` says.
    """
    options = options or CheckConfig()
    # All of it with 64 bits enabled, since that changes dropout's random bits.
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        parameters, X = cast((parameters, X), jnp.float32)
        in32 = gradients_at(parameters, X, labels, key, config, value_and_grad)
        parameters, X = cast((parameters, X), jnp.float64)
        in64 = gradients_at(parameters, X, labels, key, config, value_and_grad)
        chosen = _choose(in64, options)
        starts = np.cumsum([0, *(leaf.size for leaf in in64.autodiff.values())])[:-1]
        indices = [start + index for start, index in zip(starts, chosen.values(), strict=True)]
        sampled = jax.device_get(
            central_differences(
                parameters, X, labels, key, jnp.asarray(np.concatenate(indices)), config
            )
        )
    stops = np.cumsum([index.size for index in chosen.values()])[:-1]
    flips = bool(jump(in64.slopes, in32.slopes))
    differences, kinks, floors = (np.split(x, stops) for x in sampled)
    rows = tuple(
        _row(path, in64, in32, _Sample(chosen[path], differences[i], kinks[i], floors[i], flips))
        for i, path in enumerate(chosen)
    )
    unexpected = tuple(
        Row(path, leaf.shape, False, (), "the parameters have no such leaf")
        for path, leaf in in64.by_hand.items()
        if path not in in64.autodiff
    )
    problems = [in64.problem] if in64.problem else []
    if not any(leaf.any() for leaf in in64.autodiff.values()):
        problems.append("jax.grad is zero everywhere: there was nothing to check")
    return Report(rows + unexpected, tuple(problems))


@dataclass(frozen=True)
class _Sample:
    """Central differences of some entries of one leaf."""

    indices: np.ndarray
    differences: np.ndarray
    kinks: np.ndarray
    """Whether a unit crossed a kink between the two sides."""
    floors: np.ndarray
    """The absolute error that rounding may leave."""
    flips: bool
    """Whether rounding to float32 alone takes a unit across a kink."""


def _choose(found: Gradients, options: CheckConfig) -> dict[str, np.ndarray]:
    """Entries of each leaf, flat: the largest by either gradient, then drawn ones."""
    rng = np.random.default_rng(options.seed)
    chosen = {}
    for path, autodiff in found.autodiff.items():
        size = abs(autodiff).ravel()
        by_hand = found.by_hand.get(path)
        if by_hand is not None and by_hand.shape == autodiff.shape:
            size = np.maximum(size, abs(by_hand).ravel())
        count = min(options.entries, size.size)
        largest, others = np.split(np.argsort(-size, kind="stable"), [(count + 1) // 2])
        chosen[path] = np.append(largest, rng.choice(others, count - largest.size, replace=False))
    return chosen


def _row(path: str, in64: Gradients, in32: Gradients, sample: _Sample) -> Row:
    comparisons = []
    for dtype, found in (("float64", in64), ("float32", in32)):
        autodiff, by_hand = found.autodiff[path], found.by_hand.get(path)
        zero = not autodiff.any()
        if by_hand is None:
            return Row(path, autodiff.shape, zero, (), "missing from the gradient by hand")
        if (by_hand.shape, by_hand.dtype) != (autodiff.shape, autodiff.dtype):
            wrong, right = (f"{leaf.dtype}{list(leaf.shape)}" for leaf in (by_hand, autodiff))
            problem = f"the gradient by hand is {wrong}, expected {right}"
            return Row(path, autodiff.shape, zero, (), problem)
        kinks = sample.kinks | (dtype == "float32" and sample.flips)
        at, differences = sample.indices[~kinks], sample.differences[~kinks]
        largest = np.max(abs(by_hand)).astype(np.float64)
        floor = ROUNDINGS * float(np.finfo(dtype).eps)
        comparisons += [
            _compare(
                dtype, "jax.grad", largest, by_hand, autodiff, AUTODIFF_THRESHOLDS[dtype], 0, floor
            ),
            _compare(
                dtype,
                "central differences",
                largest,
                by_hand.ravel()[at],
                differences,
                DIFFERENCES_THRESHOLDS[dtype],
                int(kinks.sum()),
                sample.floors.max() + floor,
            ),
        ]
    autodiff = in64.autodiff[path]
    return Row(path, autodiff.shape, not autodiff.any(), tuple(comparisons))


def _compare(
    dtype: str,
    reference: str,
    largest: float,
    a: np.ndarray,
    b: np.ndarray,
    threshold: float,
    kinks: int,
    floor: float,
) -> Comparison:
    """Compare a with b, `largest` being that of a's whole leaf; NaN in, NaN out."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinity less or over infinity is NaN, and fails
        scale = np.maximum(largest, abs(b).max(initial=0.0))
        absolute = abs(a - b).max(initial=0.0)
        relative, relative_floor = (0.0, 0.0) if scale == 0 else (absolute / scale, floor / scale)
    return Comparison(
        dtype,
        reference,
        a.size,
        kinks,
        float(absolute),
        float(relative),
        float(threshold + relative_floor),
    )
