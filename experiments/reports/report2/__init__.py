"""Report 2."""
