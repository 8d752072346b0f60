"""`python -m fmnist_jax` is `fmnist-jax`."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from fmnist_jax.cli.app import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
