"""The contenders of the throughput tables, and the worker process they run in.

A contender is a function `start(job) -> turn` of a module here: `job` is `worker.Job`, and each call of
`turn` does the timed work once and returns a NamedTuple of figures, `worker.Epoch` where it trains.
PyTorch's modules import nothing but torch, NumPy and the standard library, so that any interpreter can
run them.
"""
