"""The tables of the four reports, one module a table."""
