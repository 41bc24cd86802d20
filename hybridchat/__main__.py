"""`python -m hybridchat` and the `hybridchat` program."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and exits with its code."""
    _forbid_core_dumps()
    try:
        from hybridchat.cli.app import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before the command line is there to take it
        sys.exit(130)


def _forbid_core_dumps() -> None:
    """The memory holds prompts, replies and keys."""
    try:
        import resource
    except ImportError:  # Windows writes none by itself
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
