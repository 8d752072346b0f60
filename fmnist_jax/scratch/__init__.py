"""The scratch multilayer perceptron: every gradient in here is written by hand."""

from fmnist_jax.scratch.activations import ACTIVATIONS, Activation
from fmnist_jax.scratch.initializers import INITIALIZERS, Initializer
from fmnist_jax.scratch.losses import LOSSES, Loss

NAMES = {Activation: ACTIVATIONS, Initializer: INITIALIZERS, Loss: LOSSES}
"""The names that command lines and files use, by type of behaviour."""
