"""To which host each key goes that the config names itself: a changed `base_url` does not take it along in silence.

A key in the keyring lies under its host, and a provider's variable goes to that provider alone. What `env:NAME` or
`command:…` gives could go anywhere: it stays with the host where it was first used.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from hybridchat.config import BackendConfig
from hybridchat.domain.address import Address
from hybridchat.errors import HybridchatError, Refused
from hybridchat.session.own_file import OwnFile


class KeyHost(Struct, frozen=True):
    place: str  # as the config has it
    origin: str  # such as https://llm.example:8443


class KeyMoved(Refused):
    """The key was for another host; it was not even looked up. The user may `agree` to `now`."""

    def __init__(self, backend: str, before: KeyHost, now: KeyHost, hosts: KeyHosts) -> None:
        super().__init__(
            f"the key of {backend} was for {before.origin}, and does not go to {now.origin} by itself",
            f"`hybridchat keys confirm {backend}` if it may",
        )
        self.now = now
        self._backend, self._hosts = backend, hosts

    def agree(self) -> None:
        """Raises HybridchatError when it cannot be kept."""
        self._hosts.bind(self._backend, self.now)


class KeyHosts(OwnFile[KeyHost]):
    def __init__(self, file: Path | None = None) -> None:
        super().__init__(KeyHost, file)

    def check(self, entry: BackendConfig, address: Address) -> None:
        """The first use binds: the user has just written it. Blocks for a small file. Raises KeyMoved."""
        now = key_host(entry, address)
        if now is None:
            return
        self.read()
        before = self.by_id.get(entry.id)
        if before is not None and before.place == now.place and before.origin != now.origin:
            raise KeyMoved(entry.id, before, now, self)
        if before != now:
            try:
                self.bind(entry.id, now)
            except HybridchatError:  # it binds at the first use that can be kept
                return

    def bind(self, backend: str, now: KeyHost) -> None:
        """Raises HybridchatError when it cannot be kept."""
        self._keep(backend, now)


def key_host(entry: BackendConfig, address: Address) -> KeyHost | None:
    """None where the key is bound to its host by where it lies, or none is named."""
    place = entry.key or ""
    return KeyHost(place, address.origin) if place.startswith(("env:", "command:")) else None
