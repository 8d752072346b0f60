"""Tables of speed by name, from stored measurements."""


def tables() -> dict[str, str]:
    """Every table as Markdown."""
    return {}
