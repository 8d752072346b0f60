"""Readings of words that the reports don't define; named here, since only experiments use them."""

from collections.abc import Callable

import jax
import numpy as np
from attrs import frozen
from jaxtyping import Array, DTypeLike, Key

from fmnist_jax.data.scaling import Images, Scaling, Statistics, z_score
from fmnist_jax.scratch.initializers import Biases, Weights, uniform_fan_in


@frozen
class Drawn:
    """An initializer: W of a standard deviation, b zero or uniform in +-1/sqrt(fan_in)."""

    deviation: Callable[[int, int], float]
    """Of W, from fan_in and fan_out."""
    normal: bool = False
    """W normal instead of uniform."""
    default_biases: bool = False
    """b as PyTorch draws it instead of 0."""

    def __call__(
        self,
        key: Key[Array, ""],
        fan_in: int,
        fan_out: int,
        dtype: DTypeLike,
        units: int | None = None,
    ) -> tuple[Weights, Biases]:
        """Draw W and b."""
        weight_key, bias_key = jax.random.split(key)
        shape = (fan_in, units or fan_out)
        if self.normal:
            unit = jax.random.normal(weight_key, shape, dtype)
        else:
            unit = jax.random.uniform(weight_key, shape, dtype, -(3**0.5), 3**0.5)
        _, b = uniform_fan_in(bias_key, fan_in, fan_out, dtype, units)
        return self.deviation(fan_in, fan_out) * unit, b if self.default_biases else 0 * b


def he(fan_in: int, fan_out: int) -> float:
    """sqrt(2 / fan_in)."""
    return (2 / fan_in) ** 0.5


def he_fan_out(fan_in: int, fan_out: int) -> float:
    """sqrt(2 / fan_out)."""
    return (2 / fan_out) ** 0.5


def he_gain_1(fan_in: int, fan_out: int) -> float:
    """sqrt(1 / fan_in)."""
    return fan_in**-0.5


def he_gain_1_fan_out(fan_in: int, fan_out: int) -> float:
    """sqrt(1 / fan_out)."""
    return fan_out**-0.5


def he_as_limit(fan_in: int, fan_out: int) -> float:
    """Uniform in +-sqrt(2 / fan_in): He's deviation taken for the limit."""
    return (2 / (3 * fan_in)) ** 0.5


def default(fan_in: int, fan_out: int) -> float:
    """Uniform in +-1/sqrt(fan_in): PyTorch's default, He's with a = sqrt(5)."""
    return (3 * fan_in) ** -0.5


def xavier(fan_in: int, fan_out: int) -> float:
    """sqrt(2 / (fan_in + fan_out))."""
    return (2 / (fan_in + fan_out)) ** 0.5


def xavier_gain_relu(fan_in: int, fan_out: int) -> float:
    """sqrt(2) sqrt(2 / (fan_in + fan_out))."""
    return (4 / (fan_in + fan_out)) ** 0.5


def xavier_as_limit(fan_in: int, fan_out: int) -> float:
    """Uniform in +-sqrt(2 / (fan_in + fan_out)): Xavier's deviation taken for the limit."""
    return (2 / (3 * (fan_in + fan_out))) ** 0.5


def xavier_old_as_limit(fan_in: int, fan_out: int) -> float:
    """Uniform in +-sqrt(1 / (fan_in + fan_out))."""
    return (1 / (3 * (fan_in + fan_out))) ** 0.5


DEVIATIONS = {
    "he": he,
    "he fan_out": he_fan_out,
    "he gain 1": he_gain_1,
    "he gain 1 fan_out": he_gain_1_fan_out,
    "he as limit": he_as_limit,
    "default weights": default,
    "xavier": xavier,
    "xavier gain sqrt 2": xavier_gain_relu,
    "xavier as limit": xavier_as_limit,
    "xavier 1 as limit": xavier_old_as_limit,
}

CANDIDATES = {
    f"{name} {'normal' if normal else 'uniform'}, {'default' if biases else 'zero'} biases": Drawn(
        deviation, normal, biases
    )
    for name, deviation in DEVIATIONS.items()
    for normal in (False, True)
    for biases in (False, True)
}
"""Initializers by name."""


def z_score_all_fit(images: Images) -> Statistics:
    """One mean and one standard deviation, over all pixels of x / 255."""
    shape = (1,) * images.ndim
    mean, deviation = np.mean(images, dtype=np.float64), np.std(images, dtype=np.float64)
    return {
        "mean": np.full(shape, mean / 255, np.float32),
        "standard_deviation": np.full(shape, deviation / 255, np.float32),
    }


Z_SCORE_ALL = Scaling("z-score-all", z_score_all_fit, z_score)
"""z-score over all pixels instead of each pixel."""
