"""All experiments together."""
