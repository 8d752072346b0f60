"""Where commands print."""

import rich.console


class Console(rich.console.Console):
    """rich's console, for which a reader that has gone away isn't an exit of its own."""

    def on_broken_pipe(self) -> None:
        """Let `app.main` end the command, as for a plain `print`."""
        raise BrokenPipeError
