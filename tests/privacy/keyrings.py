"""Keyrings for a program that a test starts, named in `PYTHON_KEYRING_BACKEND`: bad ones as they are out there."""

from __future__ import annotations

import getpass
import threading
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked


class Plaintext(KeyringBackend):
    """As keyrings.alt: a file that anyone reads."""

    priority = 0.5  # type: ignore[assignment]
    file = Path.home() / ".local/share/python_keyring/keyring_pass.cfg"

    def get_password(self, service: str, username: str) -> str | None:
        return self.file.read_text() if self.file.exists() else None

    def set_password(self, service: str, username: str, password: str) -> None:
        self.file.parent.mkdir(parents=True)
        self.file.write_text(password)


class Prompting(KeyringBackend):
    """As keyrings.cryptfile: its own password is asked for on the terminal."""

    priority = 1.0  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        return getpass.getpass("Password for the encrypted keyring: ")

    def set_password(self, service: str, username: str, password: str) -> None:
        getpass.getpass("Password for the encrypted keyring: ")


class Hanging(KeyringBackend):
    """As a Secret Service whose prompt nobody answers; it hangs when it is asked for its name, too."""

    priority = 5.0  # type: ignore[assignment]

    @property
    def name(self) -> str:  # type: ignore[override]
        threading.Event().wait()
        return ""

    def get_password(self, service: str, username: str) -> str | None:
        threading.Event().wait()
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        threading.Event().wait()


class Locked(KeyringBackend):
    priority = 5.0  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("sk-canary")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked("sk-canary")


Plaintext.__module__ = "keyrings.alt.file"
Prompting.__module__ = "keyrings.cryptfile.cryptfile"
for real in (Hanging, Locked):
    real.__module__ = "keyring.backends.SecretService"
