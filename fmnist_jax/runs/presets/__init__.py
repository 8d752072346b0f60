"""The networks that the command line trains by name, one module each: `small_cnn.py` is "small-cnn"."""

import pkgutil
from importlib import import_module

from fmnist_jax.runs.presets.base import Preset


def _find_presets() -> dict[str, Preset]:
    """Collect the `PRESET` of every module of this package, by the module's name."""
    presets = {}
    for module in pkgutil.iter_modules(__path__):
        preset = getattr(import_module(f"{__name__}.{module.name}"), "PRESET", None)
        if preset is not None:
            presets[module.name.replace("_", "-")] = preset
    return presets


PRESETS = _find_presets()
