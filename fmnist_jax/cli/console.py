"""Where commands print."""

import rich.console


class Console(rich.console.Console):
    """rich's console, which leaves a closed pipe to the command line instead of exiting itself."""

    def on_broken_pipe(self) -> None:
        """Let `app.main` end the command, as for a plain `print`."""
        raise BrokenPipeError
