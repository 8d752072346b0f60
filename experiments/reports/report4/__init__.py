"""Report 4."""
