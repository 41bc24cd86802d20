"""Who answers on this machine: the process at the other end of a connection, and whether it is Ollama's own."""

from __future__ import annotations

from msgspec import Struct

from hybridchat.domain.chat import Health, Kind


class Peer(Struct, frozen=True, kw_only=True):
    """The process that holds the other end of a connection, as far as the system tells. Its path is untrusted text."""

    pid: int | None = None
    executable: str | None = None  # its program file; None: it cannot be read
    unreadable: str = ""  # why not
    owner: str | None = None  # the user it runs as, of one that cannot be read
    misgiving: str = ""  # why its file's name proves nothing: whose the process or the file is

    def __str__(self) -> str:
        if self.executable is None:
            return f"a program that cannot be read ({self.unreadable})"
        return f"{self.executable} (process {self.pid})"


def is_ollamas_own(kind: Kind, health: Health, peer: Peer | None) -> bool:
    """Whether a look found Ollama's own program, which answers to the name that it never forwards."""
    return kind is Kind.OLLAMA and health.fails_closed and why_not_ollama(peer) is None


def why_not_ollama(peer: Peer | None) -> str | None:
    """None if Ollama's own program answers, readably; else what does, as one clause."""
    if peer is None:
        return "it has not been looked at yet"
    if peer.executable is None:
        return f"the program that answers cannot be read ({peer.unreadable})"
    if peer.executable.rpartition("/")[2] != "ollama":
        return f"{peer.executable} answers, which is not Ollama"
    return f"{peer.executable} answers, but {peer.misgiving}" if peer.misgiving else None
