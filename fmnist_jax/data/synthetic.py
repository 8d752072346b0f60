"""Ten garment-like classes drawn by code, for trials without the real data.

Shapes are signed distances on the square [-1, 1]^2 (x to the right, y down): negative inside, so that a
union is a minimum and a cut a maximum. Position, size, tilt, proportions, brightness, pattern and
noise vary between examples. Scores on these images don't carry over to Fashion-MNIST.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from fmnist_jax.data.checksums import raw_data
from fmnist_jax.data.dataset import IMAGE_SHAPE, RawData, Split
from fmnist_jax.errors import UserError

Field = Float32[np.ndarray, "n 28 28"]
"""A number for each pixel of each example: a coordinate or a signed distance."""
Vary = Callable[[float, float], Float32[np.ndarray, "n 1 1"]]
"""Draws a number for each example, uniformly between two bounds."""
Bound = float | Float32[np.ndarray, "n 1 1"] | Field


def draw_synthetic(train: int = 6000, test: int = 1000, seed: int = 0) -> RawData:
    """Draw a data set of `train` and `test` examples; class sizes differ by at most one."""
    if train < 1 or test < 1:
        raise UserError(
            f"synthetic data: expected at least one example each, found {train} and {test}"
        )
    return raw_data(
        _draw_split(train, np.random.default_rng([seed, 0])),
        _draw_split(test, np.random.default_rng([seed, 1])),
        "synthetic pictures drawn by code, not Fashion-MNIST",
        None,
    )


def _draw_split(count: int, rng: np.random.Generator) -> Split:
    labels = rng.permutation(np.arange(count, dtype=np.int32) % len(_DRAWINGS))
    images = np.empty((count, *IMAGE_SHAPE), np.uint8)
    for label, drawing in enumerate(_DRAWINGS):
        chosen = np.flatnonzero(labels == label)
        images[chosen] = _draw_class(drawing, len(chosen), rng)
    return Split(images, labels)


def _draw_class(drawing: "Drawing", n: int, rng: np.random.Generator) -> np.ndarray:
    """Return `n` pictures of one class, uint8."""

    def vary(low: float, high: float) -> Float32[np.ndarray, "n 1 1"]:
        return rng.uniform(low, high, (n, 1, 1)).astype(np.float32)

    height, width = IMAGE_SHAPE
    y, x = np.meshgrid(
        np.linspace(-1, 1, height, dtype=np.float32),
        np.linspace(-1, 1, width, dtype=np.float32),
        indexing="ij",
    )
    x, y = x - vary(-0.12, 0.12), y - vary(-0.12, 0.12)
    tilt = vary(-0.15, 0.15)
    x, y = x + tilt * y, y - tilt * x
    x, y = x / vary(0.75, 1.05), y / vary(0.8, 1.05)

    # Half a pixel's width on either side of the outline is grey.
    covered = np.clip(0.5 - 14 * drawing(x, y, vary), 0, 1)
    stripes = 1 - vary(0, 0.35) * (np.sin(vary(4, 25) * (y + vary(-1, 1) * x)) > 0)
    shade = 1 + vary(-0.3, 0.3) * y
    noise = rng.normal(0, 1, (n, *IMAGE_SHAPE)).astype(np.float32) * vary(0.02, 0.12)
    grey = covered * (vary(0.35, 1) * stripes * shade + noise) + 0.2 * noise
    return np.clip(np.rint(255 * grey), 0, 255).astype(np.uint8)


def _box(x: Field, y: Field, left: Bound, right: Bound, top: Bound, bottom: Bound) -> Field:
    """Distance to an upright rectangle."""
    return np.maximum(np.maximum(left - x, x - right), np.maximum(top - y, y - bottom))


def _ellipse(x: Field, y: Field, cx: Bound, cy: Bound, a: Bound, b: Bound) -> Field:
    """Distance to an ellipse with half-axes a and b, roughly."""
    return (np.hypot((x - cx) / a, (y - cy) / b) - 1) * np.minimum(a, b)


def _cut(shape: Field, hole: Field) -> Field:
    """What is in `shape` and not in `hole`."""
    return np.maximum(shape, -hole)


def _top(x: Field, y: Field, vary: Vary, sleeve: Bound, hem: Bound, wide: Bound) -> Field:
    """A torso with two sleeves that hang to the height `sleeve`, and a neckline."""
    torso = _box(np.abs(x), y, -1.0, wide, -0.75, hem)
    slope = y + 0.75 - vary(0.4, 0.8) * (np.abs(x) - wide)  # shoulders drop outwards
    arm = np.maximum(_box(np.abs(x), y, wide - 0.05, wide + vary(0.2, 0.32), -0.75, sleeve), -slope)
    return _cut(
        np.minimum(torso, arm), _ellipse(x, y, 0.0, -0.8, vary(0.12, 0.25), vary(0.06, 0.22))
    )


def _t_shirt(x: Field, y: Field, vary: Vary) -> Field:
    return _top(x, y, vary, vary(-0.45, -0.05), vary(0.6, 0.8), vary(0.4, 0.52))


def _trouser(x: Field, y: Field, vary: Vary) -> Field:
    width = vary(0.25, 0.45)
    legs = _box(np.abs(x), y, -1.0, width, -0.9, 0.9)
    return _cut(legs, _box(np.abs(x), y, -1.0, vary(0.02, 0.12) * (1 + y), vary(-0.5, -0.1), 2.0))


def _pullover(x: Field, y: Field, vary: Vary) -> Field:
    return _top(x, y, vary, vary(0.35, 0.75), vary(0.55, 0.75), vary(0.4, 0.52))


def _dress(x: Field, y: Field, vary: Vary) -> Field:
    waist = vary(0.12, 0.25) + vary(0.05, 0.35) * np.abs(y + 0.3)
    body = np.maximum(np.abs(x) - waist, np.abs(y) - 0.9)
    return _cut(body, _ellipse(x, y, 0.0, -0.95, vary(0.08, 0.16), vary(0.1, 0.3)))


def _coat(x: Field, y: Field, vary: Vary) -> Field:
    whole = _top(x, y, vary, vary(0.4, 0.8), vary(0.75, 0.95), vary(0.38, 0.5))
    return _cut(whole, _box(np.abs(x), y, -1.0, vary(0.02, 0.07), -0.6, 1.0))


def _sandal(x: Field, y: Field, vary: Vary) -> Field:
    sole = _box(x, y + vary(-0.3, 0.5) * x, -0.85, 0.85, 0.35, vary(0.45, 0.55))
    arch = _ellipse(x, y, vary(-0.5, 0.3), 0.4, vary(0.35, 0.55), vary(0.5, 0.8))
    strap = np.maximum(np.abs(arch) - vary(0.04, 0.1), y - 0.4)
    return np.minimum(sole, strap)


def _shirt(x: Field, y: Field, vary: Vary) -> Field:
    whole = _top(x, y, vary, vary(-0.1, 0.7), vary(0.6, 0.85), vary(0.38, 0.52))
    buttons = np.maximum(np.abs(x) - 0.04, np.sin(vary(15, 22) * y) + vary(-0.3, 0.3))
    return _cut(whole, buttons)


def _sneaker(x: Field, y: Field, vary: Vary) -> Field:
    sole = _box(x, y, -0.9, 0.9, 0.3, vary(0.42, 0.55))
    upper = _ellipse(x, y, vary(0.1, 0.4), 0.4, 1.0, vary(0.4, 0.7))
    return np.minimum(sole, np.maximum(np.maximum(upper, y - 0.4), np.abs(x) - 0.88))


def _bag(x: Field, y: Field, vary: Vary) -> Field:
    body = _box(np.abs(x), y, -1.0, vary(0.5, 0.85), vary(-0.35, 0.0), vary(0.5, 0.8))
    ring = np.abs(_ellipse(x, y, 0.0, -0.2, vary(0.25, 0.5), vary(0.3, 0.6))) - vary(0.03, 0.09)
    return np.minimum(body, np.maximum(ring, y))


def _ankle_boot(x: Field, y: Field, vary: Vary) -> Field:
    foot = np.maximum(_ellipse(x, y, 0.1, 0.6, 0.9, vary(0.4, 0.65)), y - 0.6)
    shaft = _box(x, y, -0.05, 0.75, vary(-0.85, -0.4), 0.6)
    heel = _box(x, y, vary(0.3, 0.5), 0.8, 0.5, vary(0.6, 0.8))
    return np.minimum(np.minimum(foot, shaft), heel)


Drawing = Callable[[Field, Field, Vary], Field]

# In the order of CLASS_NAMES.
_DRAWINGS: tuple[Drawing, ...] = (
    _t_shirt,
    _trouser,
    _pullover,
    _dress,
    _coat,
    _sandal,
    _shirt,
    _sneaker,
    _bag,
    _ankle_boot,
)
