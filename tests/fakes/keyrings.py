"""Keyrings that behave as the real ones do, good and bad, at keyring's own interface."""

from __future__ import annotations

import threading
from collections.abc import Callable

InstallKeyring = Callable[[object], None]


class MemoryKeyring:
    """Stands for the system's: it comes from a module of the allow-list."""

    name, priority = "Memory", 5.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, user: str) -> str | None:
        return self.kept.get((service, user))

    def set_password(self, service: str, user: str, password: str) -> None:
        self.kept[service, user] = password

    def delete_password(self, service: str, user: str) -> None:
        del self.kept[service, user]


class Forgetful(MemoryKeyring):
    """Takes a key and does not have it afterwards."""

    def set_password(self, service: str, user: str, password: str) -> None:
        return None


class Lying(MemoryKeyring):
    """Reads back another key than it was given."""

    def get_password(self, service: str, user: str) -> str | None:
        return "another key"


class Locked(MemoryKeyring):
    """Its prompt was dismissed, in words that nobody checked."""

    def get_password(self, service: str, user: str) -> str | None:
        raise RuntimeError("org.freedesktop.secrets: sk-canary")

    def set_password(self, service: str, user: str, password: str) -> None:
        raise RuntimeError("org.freedesktop.secrets: sk-canary")


class Hanging(MemoryKeyring):
    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.release = threading.Event(), threading.Event()

    def get_password(self, service: str, user: str) -> str | None:
        self.is_asked.set()
        self.release.wait()
        return None


class Plaintext(MemoryKeyring):
    """As keyrings.alt: a file that anyone reads."""

    name = "Plaintext"


for real in (MemoryKeyring, Forgetful, Lying, Locked, Hanging):
    real.__module__ = "keyring.backends.SecretService"
Plaintext.__module__ = "keyrings.alt.file"
