"""The networks that the command line trains by name, one module each."""

from fmnist_jax.runs.presets import (
    backbone,
    five_conv,
    lenet,
    mlp,
    pipeline,
    small_cnn,
    smallest,
)
from fmnist_jax.runs.presets.base import Preset

PRESETS: dict[str, Preset] = {
    "pipeline": pipeline.PRESET,
    "mlp": mlp.PRESET,
    "five-conv": five_conv.PRESET,
    "small-cnn": small_cnn.PRESET,
    "lenet": lenet.PRESET,
    "backbone": backbone.PRESET,
    "smallest": smallest.PRESET,
}
