"""Fashion-MNIST classifiers in JAX whose gradients are written by hand and proven right."""
