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


DEVIATIONS: dict[str, Callable[[int, int], float]] = {
    "he": lambda fan_in, fan_out: (2 / fan_in) ** 0.5,
    "he fan_out": lambda fan_in, fan_out: (2 / fan_out) ** 0.5,
    "he gain 1": lambda fan_in, fan_out: fan_in**-0.5,
    "he gain 1 fan_out": lambda fan_in, fan_out: fan_out**-0.5,
    # He's deviation taken for the limit of a uniform distribution; so below, for Xavier's.
    "he as limit": lambda fan_in, fan_out: (2 / (3 * fan_in)) ** 0.5,
    # Uniform in +-1/sqrt(fan_in): PyTorch's default, He's with a = sqrt(5).
    "default weights": lambda fan_in, fan_out: (3 * fan_in) ** -0.5,
    "xavier": lambda fan_in, fan_out: (2 / (fan_in + fan_out)) ** 0.5,
    "xavier gain sqrt 2": lambda fan_in, fan_out: (4 / (fan_in + fan_out)) ** 0.5,
    "xavier as limit": lambda fan_in, fan_out: (2 / (3 * (fan_in + fan_out))) ** 0.5,
    "xavier 1 as limit": lambda fan_in, fan_out: (1 / (3 * (fan_in + fan_out))) ** 0.5,
}
"""Standard deviations of W, from fan_in and fan_out."""

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
