"""The scratch multilayer perceptron: every gradient in here is written by hand."""
