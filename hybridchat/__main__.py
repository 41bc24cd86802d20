"""`python -m hybridchat` and the `hybridchat` program."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and exits with its code."""
    try:
        from hybridchat.cli.app import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before the command line is there to take it
        sys.exit(130)


if __name__ == "__main__":
    main()
