"""Notes a line for each thing that nobody outside could see: a client that is built for elsewhere, a key that is looked
up, a name that is resolved, a program that is started."""

from __future__ import annotations

import sys
from functools import wraps
from pathlib import Path
from typing import Any

import hybridchat.keys
import hybridchat.net.audit

_NAMES = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")


def watch(record: str) -> None:
    """From now on, in this process, for good."""
    file = Path(record)

    def note(line: str) -> None:
        with file.open("a", encoding="utf-8") as opened:
            opened.write(f"{line}\n")

    def noted(owner: Any, name: str, line: str) -> None:
        real = getattr(owner, name)

        @wraps(real)
        def first(*given: Any, **named: Any) -> Any:
            note(line)
            return real(*given, **named)

        setattr(owner, name, first)

    noted(hybridchat.net.audit.Exit, "__init__", "a client for elsewhere")  # each of those has one
    noted(hybridchat.keys, "key_at", "a key")
    noted(hybridchat.keys, "_real_keyring", "the keyring")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _NAMES:
            host = arguments[0]
            note(f"the name {host.decode() if isinstance(host, bytes) else host}")
        elif event == "subprocess.Popen":
            note(f"the program {arguments[0]}")

    sys.addaudithook(hook)
