"""The benchmarks' candidates, and the worker process that runs them.

A candidate is a function `start(job) -> run` of a module here: `job` is a `worker.Job`; each call of `run`
does the timed work once and returns a NamedTuple of figures. PyTorch's modules import only torch, NumPy and
the standard library, so that any interpreter can run them.
"""
