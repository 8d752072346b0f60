"""The contenders of `experiments.throughput`, a module each, and the worker process they run in.

A peer is a module with `start(job) -> epoch`: `job` is `worker.Job`, and each call of `epoch` trains
one epoch and returns its mean training loss and accuracy, each image seen before the step that
learned from it. PyTorch's imports nothing but torch, NumPy and the standard library, so that any
interpreter can run it.
"""
