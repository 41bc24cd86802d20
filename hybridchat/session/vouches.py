"""The user's word, given in the program, that a server on loopback computes here: kept with what it was given for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from msgspec import Struct

from hybridchat.domain.address import Address
from hybridchat.domain.peers import Peer
from hybridchat.session.own_file import OwnFile


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


class Vouches(OwnFile[Vouch]):
    REMEDY: ClassVar = "check its folder, or write vouched = true into config.toml"

    def __init__(self, file: Path | None = None) -> None:
        super().__init__(Vouch, file)

    def give(self, backend: str, kind: str, address: Address, peer: Peer) -> None:
        """Raises HybridchatError when it cannot be kept; then it does not hold."""
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        url = address.base_url
        self._keep(backend, Vouch(kind=kind, url=url, executable=peer.executable, owner=peer.owner, given_at=now))
