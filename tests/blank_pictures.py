"""Blank pictures in place of a run's own, which take a second and more to draw."""

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from fmnist_jax.evaluation import layer_plots, plots

DRAWN = {
    plots: ("learning_curves", "confusion_matrix", "predictions"),
    layer_plots: ("first_layer", "feature_maps"),
}


def blank(*_: Any, **__: Any) -> Figure:
    """Return a blank figure, whatever it is to show."""
    return Figure(figsize=(1, 1))


def draw_blank(put: Callable[[Any, str, Any], Any] = setattr) -> None:
    """Replace each function that draws a picture of a run by `blank`."""
    for module, names in DRAWN.items():
        for name in names:
            put(module, name, blank)
