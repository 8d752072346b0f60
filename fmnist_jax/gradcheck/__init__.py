"""The gradient check: hand-written gradients against autodiff and central differences."""
