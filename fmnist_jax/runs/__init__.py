"""A run: its configuration, its training, what it leaves on disk."""
