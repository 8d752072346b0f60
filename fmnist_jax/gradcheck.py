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

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, DTypeLike, Float, Int, Key

from fmnist_jax.errors import UserError
from fmnist_jax.gradcheck_report import Comparison, Report, Row
from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.mlp import Inputs, Labels, Logits, MLPConfig, Parameters

ValueAndGrad = Callable[
    [Parameters, Inputs, Labels, MLPConfig, Key[Array, ""] | None],
    tuple[tuple[Float[Array, ""], Logits], Parameters],
]
"""`mlp.value_and_grad`, or one's own in its place."""

AUTODIFF_THRESHOLDS = {"float64": 1e-12, "float32": 1e-5}
"""Largest relative error against `jax.grad` that passes, the rounding floor added.

The sums are the same, rounded otherwise.
"""

DIFFERENCES_THRESHOLDS = {"float64": 1e-7, "float32": 1e-4}
"""Largest relative error against central differences that passes, the rounding floor added.

For float64 it leaves room for truncation, h^2 L'''/6; for float32, which is held against float64
here, for the rounding of the whole forward and backward pass.
"""

STEP = float(np.finfo(np.float64).eps) ** (1 / 3)
"""h = 6.1e-6 (times |p| above 1), where truncation h^2 and rounding eps/h are about equal."""

ROUNDINGS = 4
"""Rounding floor, absolute, of a gradient: this many eps of its dtype; of a central difference:
this many eps (|L| + max|logit|) / h more, about 1e-9."""

SLOPE_JUMP = 1e-3
"""A change of g'(Z) between the two sides that only a kink makes: a smooth g' moves by about h."""

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
        parameters, X = _cast((parameters, X), jnp.float32)
        run32 = _Run.of(_gradients(parameters, X, labels, key, config, value_and_grad))
        parameters, X = _cast((parameters, X), jnp.float64)
        run64 = _Run.of(_gradients(parameters, X, labels, key, config, value_and_grad))
        chosen = _choose(run64, options)
        starts = np.cumsum([0, *(leaf.size for leaf in run64.autodiff.values())])[:-1]
        indices = [start + index for start, index in zip(starts, chosen.values(), strict=True)]
        sampled = jax.device_get(
            _central_differences(
                parameters, X, labels, key, jnp.asarray(np.concatenate(indices)), config
            )
        )
    stops = np.cumsum([index.size for index in chosen.values()])[:-1]
    flips = bool(_jump(run64.slopes, run32.slopes))
    differences, kinks, floors = (np.split(x, stops) for x in sampled)
    rows = tuple(
        _row(path, run64, run32, _Sample(chosen[path], differences[i], kinks[i], floors[i], flips))
        for i, path in enumerate(chosen)
    )
    unexpected = tuple(
        Row(path, leaf.shape, False, (), "the parameters have no such leaf")
        for path, leaf in run64.by_hand.items()
        if path not in run64.autodiff
    )
    problems = [run64.problem] if run64.problem else []
    if not any(leaf.any() for leaf in run64.autodiff.values()):
        problems.append("jax.grad is zero everywhere: there was nothing to check")
    return Report(rows + unexpected, tuple(problems))


@dataclass(frozen=True)
class _Run:
    """The gradients at one point in one dtype, leaves by path."""

    by_hand: dict[str, np.ndarray]
    autodiff: dict[str, np.ndarray]
    slopes: tuple[np.ndarray, ...]
    """g'(Z) of each hidden layer."""
    problem: str
    """What is wrong with the structure of the gradient by hand."""

    @classmethod
    def of(cls, gradients: Any) -> "_Run":
        by_hand, autodiff, slopes = jax.device_get(gradients)
        found, expected = jax.tree.structure(by_hand), jax.tree.structure(autodiff)
        problem = "" if found == expected else f"the gradient is a {found}, expected {expected}"
        return cls(_by_path(by_hand), _by_path(autodiff), slopes, problem)


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


@partial(jax.jit, static_argnames=("config", "value_and_grad"))
def _gradients(
    parameters: Parameters,
    X: Inputs,
    labels: Labels,
    key: Key[Array, ""] | None,
    config: MLPConfig,
    value_and_grad: ValueAndGrad,
) -> tuple[Parameters, Parameters, tuple[Array, ...]]:
    """(by hand, by `jax.grad`, g'(Z)), in one program so that all see the same Z at a kink."""
    _, by_hand = value_and_grad(parameters, X, labels, config, key)
    autodiff, _ = jax.grad(mlp.objective, has_aux=True)(parameters, X, labels, config, key)
    _, cache = mlp.forward(parameters, X, config, key)
    return by_hand, autodiff, _activation_slopes(cache, config)


@partial(jax.jit, static_argnames=("config",))
def _central_differences(
    parameters: Parameters,
    X: Inputs,
    labels: Labels,
    key: Key[Array, ""] | None,
    indices: Int[Array, " entries"],
    config: MLPConfig,
) -> tuple[Float[Array, " entries"], Bool[Array, " entries"], Float[Array, " entries"]]:
    """(differences, whether a kink was crossed, rounding floors) at indices of the flat tree."""
    flat, unravel = ravel_pytree(parameters)

    def side(at: tuple[Array, Array]) -> tuple[Array, tuple[Array, ...], Array]:
        moved = unravel(flat.at[at[0]].set(at[1]))
        loss, logits = mlp.objective(moved, X, labels, config, key)
        _, cache = mlp.forward(moved, X, config, key)
        return loss, _activation_slopes(cache, config), jnp.abs(loss) + jnp.abs(logits).max()

    def difference(index: Array) -> tuple[Array, Array, Array]:
        h = STEP * jnp.maximum(1.0, jnp.abs(flat[index]))
        sides = jnp.stack([flat[index] - h, flat[index] + h])
        # A loop over the two sides compiles the forward pass once.
        losses, slopes, sizes = jax.lax.map(side, (jnp.stack([index, index]), sides))
        below, above = (tuple(slope[i] for slope in slopes) for i in (0, 1))
        floor = ROUNDINGS * jnp.finfo(jnp.float64).eps * sizes.max() / h
        return (losses[1] - losses[0]) / (sides[1] - sides[0]), _jump(below, above), floor

    return jax.lax.map(difference, indices)


def _activation_slopes(cache: mlp.Cache, config: MLPConfig) -> tuple[Array, ...]:
    """g'(Z) of each hidden layer, by autodiff: a wrong backward must not hide a kink."""
    return tuple(
        jax.vjp(activation.forward, Z)[1](jnp.ones_like(Z))[0]
        for activation, Z in zip(config.hidden_activations, cache.Z, strict=True)
    )


def _jump(slopes: tuple[Any, ...], others: tuple[Any, ...]) -> Any:
    """Whether the slope of any unit jumps from one to the other."""
    crossed = np.zeros((), bool)
    for a, b in zip(slopes, others, strict=True):
        crossed = crossed | (abs(a - b) > SLOPE_JUMP).any()
    return crossed


def _choose(run: _Run, options: CheckConfig) -> dict[str, np.ndarray]:
    """Entries of each leaf, flat: the largest by either gradient, then drawn ones."""
    rng = np.random.default_rng(options.seed)
    chosen = {}
    for path, autodiff in run.autodiff.items():
        size = abs(autodiff).ravel()
        by_hand = run.by_hand.get(path)
        if by_hand is not None and by_hand.shape == autodiff.shape:
            size = np.maximum(size, abs(by_hand).ravel())
        count = min(options.entries, size.size)
        largest, others = np.split(np.argsort(-size, kind="stable"), [(count + 1) // 2])
        chosen[path] = np.append(largest, rng.choice(others, count - largest.size, replace=False))
    return chosen


def _row(path: str, run64: _Run, run32: _Run, sample: _Sample) -> Row:
    comparisons = []
    for dtype, run in (("float64", run64), ("float32", run32)):
        autodiff, by_hand = run.autodiff[path], run.by_hand.get(path)
        zero = not autodiff.any()
        if by_hand is None:
            return Row(path, autodiff.shape, zero, (), "missing from the gradient by hand")
        if (by_hand.shape, by_hand.dtype) != (autodiff.shape, autodiff.dtype):
            found, expected = (f"{leaf.dtype}{list(leaf.shape)}" for leaf in (by_hand, autodiff))
            problem = f"the gradient by hand is {found}, expected {expected}"
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
    autodiff = run64.autodiff[path]
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


def _by_path(tree: Any) -> dict[str, np.ndarray]:
    """Leaves by a readable path: "layer 1 W" for [0].W."""
    return {
        " ".join(_step_name(step) for step in path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def _step_name(step: Any) -> str:
    if isinstance(step, jax.tree_util.SequenceKey):
        return f"layer {step.idx + 1}"
    return str(getattr(step, "name", getattr(step, "key", step)))


def _cast(tree: Any, dtype: DTypeLike) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf).astype(dtype), tree)
