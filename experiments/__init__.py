"""The reports' experiments, one module a table; each runs by `python -m experiments.NAME`."""
