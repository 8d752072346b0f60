"""Report 3."""
