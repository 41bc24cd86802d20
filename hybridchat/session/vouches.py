"""The user's word, given in the program, that a server on loopback computes here: kept with what it was given for.

A file of this machine and not a row of the ledger: a ledger is copied to other machines, where the word means nothing.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from hybridchat.domain.address import Address
from hybridchat.domain.peers import Peer
from hybridchat.errors import HybridchatError


class Vouch(Struct, frozen=True, kw_only=True):
    """For one backend; it ends when one of these changes."""

    kind: str
    url: str
    executable: str | None  # of the process that answered; None: it could not be read
    owner: str | None = None  # the user whose process it was, where it could not be read
    given_at: str  # UTC, ISO 8601

    @property
    def program(self) -> str:
        """What it was given for, in words."""
        return self.executable or f"a program of {self.owner or 'a user'} that could not be read"

    def fits(self, peer: Peer) -> bool:
        return (self.executable, self.owner) == (peer.executable, peer.owner)


class Vouches:
    """`by_id` is as it was last read: other windows vouch as well. Without a `file` it lasts as long as the program.

    A file that cannot be read, or that others could have written, is none: then the user is asked again.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._seen: tuple[int, int] | None = None  # the file's time and size
        self.by_id: dict[str, Vouch] = {}

    def read(self) -> None:
        """Reads the file where it has changed."""
        if self._file is None:
            return
        try:
            found = self._file.lstat()
            if (found.st_mtime_ns, found.st_size) != self._seen:
                self.by_id = _decode(self._file.read_bytes()) if _is_own(found) else {}
                self._seen = found.st_mtime_ns, found.st_size
        except OSError:
            self._seen, self.by_id = None, {}

    def give(self, backend: str, kind: str, address: Address, peer: Peer) -> None:
        """Raises HybridchatError when it cannot be kept; then it does not hold."""
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        url = address.base_url
        vouch = Vouch(kind=kind, url=url, executable=peer.executable, owner=peer.owner, given_at=now)
        self.read()
        self._write({**self.by_id, backend: vouch})

    def end(self, backend: str) -> bool:
        """Whether there was one. Raises HybridchatError when the file cannot be written."""
        self.read()
        if backend not in self.by_id:
            return False
        self._write({name: vouch for name, vouch in self.by_id.items() if name != backend})
        return True

    def _write(self, by_id: Mapping[str, Vouch]) -> None:
        if self._file is not None:
            _replace(self._file, msgspec.json.format(msgspec.json.encode(by_id)) + b"\n")
        self.by_id = dict(by_id)


def _replace(path: Path, content: bytes) -> None:
    """At once, with 0600. Raises HybridchatError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".vouches-", suffix=".json")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink()
            raise
    except OSError as error:
        what = f"{path} cannot be written: {error.strerror or error}"
        raise HybridchatError(what, "check its folder, or write vouched = true into config.toml") from error


def _decode(content: bytes) -> dict[str, Vouch]:
    try:
        return msgspec.json.decode(content, type=dict[str, Vouch])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def _is_own(found: os.stat_result) -> bool:
    """A plain file of this user's that nobody else can write."""
    if os.name != "posix":
        return stat.S_ISREG(found.st_mode)
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
