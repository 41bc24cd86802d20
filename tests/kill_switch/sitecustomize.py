"""The tests' kill-switch: whoever imports this reaches loopback and Unix sockets, and nothing else.

The tests import it by its name; so does every Python that they start, because this folder is on its path.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path

RECORD = "HYBRIDCHAT_TEST_ESCAPES"
"""The environment's variable that names the file where each attempt is written, one a line."""


class NetworkForbidden(RuntimeError):
    """A test reached for something other than loopback."""


def _is_loopback(host: object) -> bool:
    if host is None or host in ("", b"", "localhost", b"localhost"):
        return True
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _kill_switch(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook sees every connection of its process, whichever library makes it."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # a str is a Unix socket
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"):
        host = arguments[0][0] if isinstance(arguments[0], tuple) else arguments[0]
    else:
        return
    if not _is_loopback(host):
        what = f"{event} {host!r}"
        if RECORD in os.environ:
            with Path(os.environ[RECORD]).open("a", encoding="utf-8") as record:
                record.write(what + "\n")
        raise NetworkForbidden(what)


sys.addaudithook(_kill_switch)
