"""Configurations: their fields and their JSON form."""
