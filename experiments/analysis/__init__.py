"""Statistics, comparisons, claims."""
