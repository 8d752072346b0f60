"""The convolution: values and both gradients against `lax.conv_general_dilated`, in float64."""

import itertools
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jaxtyping import DTypeLike

from fmnist_jax.ops import dispatch
from fmnist_jax.ops.conv import convolution, convolution_windows
from fmnist_jax.ops.geometry import Geometry
from fmnist_jax.ops.pooling import split_windows
from tests.compiling import quick_jit

CHANNELS, FILTERS, BATCH = 3, 4, 2


class Case(NamedTuple):
    kernel: int
    stride: int
    height: int
    before: int
    size: int

    @property
    def geometry(self) -> Geometry:
        return Geometry(self.stride, self.before, self.size)


def fitting(kernel: int, stride: int, height: int, before: int, after: int) -> Case:
    """All outputs that fit, as `ConvNetConfig.map_sizes` counts them."""
    return Case(kernel, stride, height, before, (height + before + after - kernel) // stride + 1)


KERNELS, STRIDES = (1, 2, 3, 4, 5), (1, 2, 3)
SAME = [
    fitting(k, stride, 7, (k - 1) // 2, k // 2) for k, stride in itertools.product(KERNELS, STRIDES)
]
NONE = [fitting(k, stride, 6, 0, 0) for k, stride in ((1, 1), (2, 2), (3, 1), (4, 3), (5, 1))]
FULL = [fitting(k, stride, 5, k - 1, k - 1) for k, stride in ((2, 1), (3, 2), (4, 1), (5, 3))]
CROPPED = [
    case._replace(size=case.size - 1)
    for case in (*SAME[3:5], *SAME[6:8], SAME[9], SAME[12], NONE[0], NONE[2], FULL[3])
]
POINTS = [fitting(k, 1, 1, (k - 1) // 2, k // 2) for k in KERNELS]
POINTS += [fitting(2, 1, 1, 1, 1), fitting(5, 2, 1, 4, 4), fitting(4, 1, 4, 0, 0)]
# The backbone's second block, LeNet's first convolution, and a strided one whose last row is not used.
KNOWN = [Case(2, 1, 14, 1, 14), Case(5, 1, 28, 2, 28), Case(3, 2, 28, 1, 14)]

# Stride 1 and an even output size, as `convolution_windows` needs them.
WINDOWED = [SAME[3]._replace(size=6), SAME[6]._replace(size=6), SAME[9]._replace(size=4)]
WINDOWED += [SAME[12]._replace(size=6), NONE[2], Case(2, 1, 15, 1, 16), Case(3, 1, 3, 1, 2)]

CASES = list(dict.fromkeys((*SAME, *NONE, *FULL, *CROPPED, *POINTS, *KNOWN)))


def by_lax(x, kernel, geometry):
    """Pad far more than any case needs, then keep the outputs that `geometry` counts."""
    stride, before, size = geometry
    after = kernel.shape[0] + stride * size
    y = lax.conv_general_dilated(
        x, kernel, (stride, stride), [(before, after)] * 2,
        dimension_numbers=("CHWN", "HWIO", "CHWN"), precision="highest",
    )  # fmt: skip
    return y[:, :size, :size]


def windows_by_lax(x, kernel, geometry):
    return split_windows(by_lax(x, kernel, geometry))


def draw(
    case: Case, dtype: DTypeLike = np.float64, channels: int = CHANNELS
) -> tuple[jax.Array, ...]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((channels, case.height, case.height, BATCH))
    kernel = rng.standard_normal((case.kernel, case.kernel, channels, FILTERS))
    dy = rng.standard_normal((FILTERS, case.size, case.size, BATCH))
    return tuple(jnp.asarray(array, dtype) for array in (x, kernel, dy))


def value_and_gradients(function, case: Case, x, kernel, dy):
    """(y, dx, dkernel) of sum(dy * y)."""

    @quick_jit
    def run(x, kernel, dy):
        y, backward = jax.vjp(lambda x, kernel: function(x, kernel, case.geometry), x, kernel)
        return (y, *backward(dy))

    return run(x, kernel, dy)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_value_and_both_gradients_are_those_of_lax(case: Case) -> None:
    with jax.enable_x64(True):
        arrays = draw(case)
        found = value_and_gradients(convolution, case, *arrays)
        expected = value_and_gradients(by_lax, case, *arrays)

    chex.assert_trees_all_equal_shapes_and_dtypes(found, expected)
    chex.assert_trees_all_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "case",
    [SAME[3], SAME[6], SAME[12], NONE[2], CROPPED[0], POINTS[4], SAME[7]],
    ids=lambda case: "-".join(map(str, case)),
)
def test_without_im2col_they_are_the_same(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "MAX_IM2COL_BYTES", 0)
    monkeypatch.setattr(dispatch, "MIN_GEMM_CHANNELS", 0)
    x, kernel, _ = draw(case, np.float32)
    assert dispatch.use_im2col(x, kernel, case.geometry) == (case.stride > 1)
    test_value_and_both_gradients_are_those_of_lax(case)


@pytest.mark.parametrize("case", [SAME[6], KNOWN[2]])
def test_float32_stays_float32_and_differs_by_rounding_alone(case: Case) -> None:
    with jax.default_matmul_precision("highest"):
        arrays = draw(case, np.float32)
        found = value_and_gradients(convolution, case, *arrays)
        expected = value_and_gradients(by_lax, case, *arrays)

    chex.assert_type(list(found), jnp.float32)
    chex.assert_trees_all_close(found, expected, rtol=1e-4, atol=1e-4)


def test_the_formula_tap_by_tap() -> None:
    """The docstring's sum, in NumPy."""
    case = Case(kernel=3, stride=2, height=5, before=1, size=3)
    with jax.enable_x64(True):
        x, kernel, dy = draw(case)
        found, *_ = value_and_gradients(convolution, case, x, kernel, dy)
    x, kernel = np.asarray(x), np.asarray(kernel)
    expected = np.zeros(dy.shape)
    for i, j, u, v in np.ndindex(3, 3, 3, 3):
        row, column = 2 * i + u - 1, 2 * j + v - 1
        if 0 <= row < 5 and 0 <= column < 5:
            expected[:, i, j] += kernel[u, v].T @ x[:, row, column]

    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_taps_that_read_only_padding_have_no_gradient() -> None:
    """A 5x5 kernel on a map of one pixel: only the centre has a gradient."""
    case = POINTS[4]
    x, kernel, dy = draw(case, np.float32)
    _, _, dkernel = value_and_gradients(convolution, case, x, kernel, dy)

    outside = np.array(dkernel)
    assert outside[2, 2].all()
    outside[2, 2] = 0
    assert not outside.any()


def test_inside_a_scan_the_gradients_are_the_same() -> None:
    case = SAME[6]
    x, kernel, dy = draw(case, np.float32)

    def loss(kernel):
        return (dy * convolution(x, kernel, case.geometry)).sum()

    def step(kernel, _):
        gradient = jax.grad(loss)(kernel)
        return kernel - 0.01 * gradient, gradient

    with jax.default_matmul_precision("highest"):
        _, gradients = quick_jit(lambda kernel: lax.scan(step, kernel, length=2))(kernel)
        _, _, expected = value_and_gradients(by_lax, case, x, kernel, dy)

    # The loss is linear in the kernel: each step finds the same.
    for gradient in gradients:
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)


def test_vmap() -> None:
    """Over kernels and maps, values and gradients."""
    case = SAME[6]
    x, kernel, dy = draw(case, np.float32)
    xs, kernels = jnp.stack([x, 2 * x]), jnp.stack([kernel, -kernel])

    def gradients(x, kernel):
        return value_and_gradients(convolution, case, x, kernel, dy)

    with jax.default_matmul_precision("highest"):
        together = jax.vmap(gradients)(xs, kernels)
        for seed in range(2):
            one = jax.tree.map(lambda leaf, seed=seed: leaf[seed], together)
            alone = gradients(xs[seed], kernels[seed])
            chex.assert_trees_all_close(one, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", WINDOWED, ids=lambda case: "-".join(map(str, case)))
def test_windows_and_their_gradients_are_those_of_lax(case: Case) -> None:
    with jax.enable_x64(True):
        x, kernel, dy = draw(case)
        arrays = x, kernel, split_windows(dy)
        found = value_and_gradients(convolution_windows, case, *arrays)
        expected = value_and_gradients(windows_by_lax, case, *arrays)

    chex.assert_trees_all_equal_shapes_and_dtypes(found, expected)
    chex.assert_trees_all_close(found, expected, rtol=1e-11, atol=1e-11)


PLATFORMS = pytest.mark.parametrize(
    ("platform", "uses_xla"), [("cpu", False), ("cuda", True), ("rocm", True), ("tpu", True)]
)


def lowered(function, platform: str, *arrays) -> str:
    return jax.jit(function).trace(*arrays).lower(lowering_platforms=(platform,)).as_text()


@PLATFORMS
def test_the_algorithm_depends_on_the_platform(platform: str, uses_xla: bool) -> None:
    """Matrix products on a CPU, XLA's convolution elsewhere, whichever platform traced it."""
    case = SAME[6]._replace(size=6)
    x, kernel, dy = draw(case, np.float32)

    for function, dY in ((convolution, dy), (convolution_windows, split_windows(dy))):

        def gradients(x, kernel, function=function, dY=dY):
            return jax.vjp(lambda x, kernel: function(x, kernel, case.geometry), x, kernel)[1](dY)

        program = lowered(gradients, platform, x, kernel)
        assert ("stablehlo.convolution" in program) == uses_xla
        assert ("stablehlo.dot_general" in program) != uses_xla
