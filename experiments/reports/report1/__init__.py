"""Report 1."""
