"""Two witnesses of what leaves: Python's audit events in this process, and the kernel's counters of a namespace."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from hybridchat.net.guard import loopback_literal

_OUTSIDE = ("192.0.2.1", 9)  # TEST-NET-1: belongs to nobody
_LINK_FLAGS, _UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP


class Hook:
    """Hears every connection, datagram and look-up that Python's own sockets make, and which programs are started.

    What C libraries and other processes do it cannot hear. A hook stays until its process ends.
    """

    def __init__(self) -> None:
        self.reached: list[str] = []  # on this device: 127.0.0.1:8000, unix:/run/x.sock
        self.outside: list[str] = []
        self.programs: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, given: tuple[Any, ...]) -> None:
        match event:
            case "socket.connect" | "socket.sendto" | "socket.sendmsg":
                self._note(event, given[1])
            case "socket.getaddrinfo" | "socket.gethostbyname" | "socket.gethostbyaddr" | "socket.getnameinfo":
                asked = given[0][0] if isinstance(given[0], tuple) else given[0]
                host = _text(asked)
                if asked and (host == "localhost" or loopback_literal(host) is None):  # no name at all is looked up
                    self.outside.append(f"look-up of {host}")
            case "subprocess.Popen" | "os.posix_spawn" | "os.exec":
                self.programs.append(str(given[0]))

    def _note(self, event: str, address: object) -> None:
        if address is None:  # an answer on a connection that was noted
            return
        if not isinstance(address, tuple):
            self.reached.append(f"unix:{_text(address)}")
        elif loopback_literal(host := _text(address[0])) is None:
            self.outside.append(f"{event.removeprefix('socket.')} to {host}")
        else:
            self.reached.append(f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}")


def _text(host: object) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)


class Counters(Struct, frozen=True):
    """What the kernel has counted in this network namespace, for every process and library in it."""

    interfaces: tuple[str, ...]
    unroutable: int  # packets and connections that wanted to leave and found no way, IPv4 and IPv6


def read_counters() -> Counters | None:
    """None where the system has no such counters."""
    try:
        devices = Path("/proc/net/dev").read_text().splitlines()[2:]
        names, values = (line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line[:3] == "Ip:")
        v6 = dict(line.split() for line in Path("/proc/net/snmp6").read_text().splitlines())
    except (OSError, ValueError):
        return None
    v4 = dict(zip(names, values, strict=True))
    return Counters(
        tuple(line.partition(":")[0].strip() for line in devices),
        int(v4.get("OutNoRoutes", 0)) + int(v6.get("Ip6OutNoRoutes", 0)),
    )


def namespace_command() -> tuple[str, ...] | str:
    """What a program's command line begins with to run in a network namespace of its own, or why that cannot be."""
    unshare = shutil.which("unshare") if sys.platform == "linux" else None
    if unshare is None:
        return "network namespaces need Linux and `unshare`"
    command = (unshare, "--map-root-user", "--net", "--")
    path = {"PATH": os.environ.get("PATH", os.defpath)}  # and no keys
    tried = subprocess.run([*command, "true"], env=path, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return f"this system refuses network namespaces ({_line(tried.stderr)})" if tried.returncode else command


def _line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else "no reason given"


def lift_loopback() -> None:
    """In a new namespace even loopback is down. Raises OSError where this is not ours to do."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _LINK_FLAGS, struct.pack("16sH14s", b"lo", _UP, b""))


def reach_outside() -> None:
    """The smallest attempt there is, to see that the witnesses notice: a UDP socket's connect, which sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):  # in a namespace it has no way
        probe.connect(_OUTSIDE)
