"""Which process holds the other end of a connection on this machine: the kernel tells, for this very connection.

On Linux alone. A port's listener would not do: what listens and what answers can be two programs, and between a look at
the port and a connection the one can take the other's place.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from hybridchat.domain.peers import Peer

ACCEPT_S = 0.5
"""How long a server may take to accept a connection before nobody is said to hold it."""

_GONE_S = 0.02  # how long one that the kernel does not know may still be on its way into its tables
_SOCK_DIAG, _BY_FAMILY, _REQUEST, _NO_COOKIE = 4, 20, 1, b"\xff" * 8  # linux/sock_diag.h, linux/netlink.h
_IDS_AT, _OWNER_AT = 20, 80  # in the answer: ports of the socket, then its owner and its inode

OnPeer = Callable[[Peer], None]

_on_peer: ContextVar[OnPeer | None] = ContextVar("on_peer", default=None)


@contextmanager
def meeting(on_peer: OnPeer) -> Iterator[None]:
    """Within, this task's new connections on this device tell who answers, before a byte goes out.

    What `on_peer` raises closes the connection and ends the request.
    """
    token = _on_peer.set(on_peer)
    try:
        yield
    finally:
        _on_peer.reset(token)


def who_wants_to_know() -> OnPeer | None:
    return _on_peer.get()


class Peers:
    """Looks up who answers a client: the process that answered last is asked first, which takes a tenth of the time."""

    def __init__(self) -> None:
        self._last: int | None = None

    def of(self, connection: socket.socket) -> Peer:
        """Blocks, at most until the server has accepted. Never raises."""
        if sys.platform != "linux":
            return Peer(unreadable="this system does not tell")
        try:
            pid, owner = self._by_path(connection) if connection.family == socket.AF_UNIX else self._by_ends(connection)
        except OSError as error:
            return Peer(unreadable=f"the kernel does not tell: {error.strerror or error}")
        if pid is None:
            return _unreadable(owner)
        self._last = pid
        return _describe(pid, owner)

    def _by_path(self, connection: socket.socket) -> tuple[int | None, int]:
        """Of a Unix socket: who began to listen there, which is the socket's owner."""
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        pid, owner, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return pid or None, owner

    def _by_ends(self, connection: socket.socket) -> tuple[int | None, int]:
        owner, inode = _accepted(connection)
        link = f"socket:[{inode}]"
        if self._last is not None and _holds(self._last, link):
            return self._last, owner
        if os.getuid() not in (0, owner):
            return None, owner  # its process cannot be looked into
        pids = (int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit())
        return next((pid for pid in pids if _holds(pid, link)), None), owner


def _accepted(connection: socket.socket) -> tuple[int, int]:
    """Owner and inode of the far socket, once its process has taken it. Raises OSError where there is none here."""
    begun = time.monotonic()
    wait_s = 0.0005
    while True:
        found = _ask_kernel(connection)
        if found is not None and found[1]:
            return found
        waited_s = time.monotonic() - begun
        if waited_s > (_GONE_S if found is None else ACCEPT_S):
            what = "no process here holds that connection" if found is None else "nobody accepts the connection"
            raise OSError(errno.ENOENT, what)
        time.sleep(wait_s)
        wait_s = min(wait_s * 2, 0.02)


def _ask_kernel(connection: socket.socket) -> tuple[int, int] | None:
    """Owner and inode (0: not accepted yet) of the socket with these two ends; None for none. Raises OSError."""
    if sys.platform != "linux":
        return None
    family, here, there = connection.family, connection.getsockname(), connection.getpeername()
    addresses = b"".join(socket.inet_pton(family, end[0]).ljust(16, b"\0") for end in (there, here))
    ends = struct.pack("!HH", there[1], here[1]) + addresses + struct.pack("=I", 0) + _NO_COOKIE
    body = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + ends
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(ACCEPT_S)
        kernel.send(struct.pack("=IHHII", 16 + len(body), _BY_FAMILY, _REQUEST, 1, 0) + body)
        answer = kernel.recv(4096)
    if struct.unpack_from("=H", answer, 4)[0] != _BY_FAMILY:
        number = -struct.unpack_from("=i", answer, 16)[0]
        if number == errno.ENOENT:
            return None
        raise OSError(number, os.strerror(number))
    if struct.unpack_from("!HH", answer, _IDS_AT) != (there[1], here[1]):
        return None  # only somebody who listens there
    owner, inode = struct.unpack_from("=II", answer, _OWNER_AT)
    return owner, inode


def _holds(pid: int, link: str) -> bool:
    """Whether a process has that socket open; False where that cannot be seen."""
    try:
        with os.scandir(f"/proc/{pid}/fd") as files:
            return any(_target(file.path) == link for file in files)
    except OSError:
        return False


def _target(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 — there are thousands, and a Path costs more than the call
    except OSError:  # closed meanwhile
        return ""


def _describe(pid: int, owner: int) -> Peer:
    program = Path(f"/proc/{pid}/exe")
    try:
        executable, file = str(program.readlink()), program.stat()
    except OSError:
        return _unreadable(owner, pid)
    misgiving = ""
    if not _is_ours(owner):
        misgiving = f"it runs as {_name_of(owner)}"
    elif not _is_ours(file.st_uid) or file.st_mode & stat.S_IWOTH:
        misgiving = "others can change that file"
    return Peer(pid=pid, executable=executable, misgiving=misgiving)


def _is_ours(uid: int) -> bool:
    return uid in (0, os.getuid()) or _name_of(uid) == "ollama"


def _unreadable(owner: int, pid: int | None = None) -> Peer:
    name = _name_of(owner)
    why = f"it runs as {name}" if owner != os.getuid() else "its process cannot be looked into"
    return Peer(pid=pid, unreadable=why, owner=name)


def _name_of(uid: int) -> str:
    import pwd

    with suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return f"user {uid}"
