"""What looks into files of others runs in a process of its own, with little memory and time: a bomb ends there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hybridchat.errors import UsageError

MOST_S = 30.0
_ROOT = Path(__file__).parents[2]
_KEPT = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "LANG", "LC_ALL", "LC_CTYPE", "VIRTUAL_ENV", "PYTHONHOME")


def run(module: str, arguments: Sequence[str], data: bytes, what: str) -> bytes:
    """The standard output of `python -m module`, which gets the data on its standard input and none of the user's
    environment. Raises UsageError where it fails, is killed or takes too long."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment["PYTHONPATH"] = str(_ROOT)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", module, *arguments],
            input=data,
            capture_output=True,
            timeout=MOST_S,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        remedy = f"it was given {MOST_S:g} s: attach a part of it"
        raise UsageError(f"{what} takes too long to be read", remedy) from None
    except OSError as error:
        raise UsageError(f"{what} cannot be read: {error}", "try again") from None
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().splitlines()
        told = why[-1] if done.returncode == 1 and why else "it asks for too much memory or time"
        raise UsageError(f"{what} cannot be read: {told[:200]}", "save it anew, or attach its text")
    return done.stdout


def answer(data: bytes) -> None:
    """To the parent, which alone reads it."""
    with open(1, "wb", closefd=False) as out:
        out.write(data)


def limit(memory_bytes: int, cpu_s: int) -> None:
    """Of this process, where the system can: beyond, it is killed or meets MemoryError."""
    try:
        import resource
    except ImportError:  # Windows: the time is bounded alone
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
