"""Blank pictures in place of a run's own, which take a second and more to draw."""

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from fmnist_jax.evaluation import layer_plots as layer_figures
from fmnist_jax.evaluation import plots as figures

DRAWN = {
    figures: ("learning_curves", "confusion_matrix", "predictions"),
    layer_figures: ("first_layer_weights", "convolution_filters", "feature_maps"),
}


def blank(*_: Any, **__: Any) -> Figure:
    """Whatever it is to show."""
    return Figure(figsize=(1, 1))


def draw_blank(put: Callable[[Any, str, Any], Any] = setattr) -> None:
    """Put `blank` in the place of each function that draws a picture of a run."""
    for module, names in DRAWN.items():
        for name in names:
            put(module, name, blank)
