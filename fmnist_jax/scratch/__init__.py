"""Networks from scratch: every gradient in this package is hand-written, without autodiff."""

from fmnist_jax.scratch.activations import ACTIVATIONS, Activation
from fmnist_jax.scratch.initializers import INITIALIZERS, Initializer
from fmnist_jax.scratch.losses import LOSSES, Loss

NAMES = {Activation: ACTIVATIONS, Initializer: INITIALIZERS, Loss: LOSSES}
"""For each type of behaviour its values by the names that command lines and files use."""
