"""The reports' experiments, one module a table; `python -m experiments` lists and runs them."""
