"""Where a key goes that the user gives: into the system's keyring, else into the memory of this session."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Literal

from msgspec import Struct

from hybridchat.config import BackendConfig, load_config
from hybridchat.config.providers import provider_at
from hybridchat.domain.address import Address, parse_base_url
from hybridchat.errors import HybridchatError, UsageError
from hybridchat.keys import SessionKeys, keyring_status, store_key, typed_key


class Kept(Struct, frozen=True):
    """Where a key is now; for one of this session alone also why, and what would keep it."""

    place: Literal["keyring", "session"]
    reason: str = ""
    remedy: str = ""

    @property
    def detail(self) -> str:
        """One line for the user."""
        if self.place == "keyring":
            return f"kept in the keyring, for {self.reason}"
        return f"kept for this session only: {self.reason}{f' — {self.remedy}' if self.remedy else ''}"


async def place_for_keys() -> str:
    """Where a key would be kept now, as the rest of a sentence about it. Asks for no key."""
    is_there, name = await asyncio.to_thread(keyring_status)
    return f"kept in the system's keyring ({name})" if is_there else f"kept for this session only: {name}"


async def keep_key(session_keys: SessionKeys, backend: str, address: Address, value: str) -> Kept:
    """Keeps the key of that backend for its host: in this session in any case."""
    session_keys.keep(backend, address, value)
    try:
        await asyncio.to_thread(store_key, address, value)
    except HybridchatError as error:
        return Kept("session", error.message, error.remedy)
    return Kept("keyring", address.origin)


class KeyKeeper:
    """Keeps keys for the backends of the config; the session uses each of them at once, wherever it is kept."""

    def __init__(self, config_file: Path, session_keys: SessionKeys) -> None:
        self._config_file = config_file
        self._session_keys = session_keys

    async def keep(self, backend: str, value: str) -> Kept:
        """Into the keyring for that backend's host, which the config then names. Raises UsageError for an unknown
        backend, for one without an address, and for what cannot be a key; then nothing was kept."""
        value = typed_key(value)
        entry = self._find(backend)
        address = parse_base_url(entry.base_url or "")
        if first := comes_first(entry, address):
            self._session_keys.keep(backend, address, value)
            return Kept("session", f"{first} comes before the keyring", "change the key there")
        kept = await keep_key(self._session_keys, backend, address, value)
        if kept.place == "keyring" and entry.key != "keyring":
            from hybridchat.config_edit import set_value

            await asyncio.to_thread(set_value, self._config_file, f"backend.{backend}.key", "keyring")
        return kept

    def _find(self, backend: str) -> BackendConfig:
        config, _ = load_config(self._config_file)
        entry = next((entry for entry in config.backend if entry.id == backend), None)
        if entry is None or entry.base_url is None:
            raise UsageError(f"{backend} has no address in the config, and needs no key")
        return entry


def comes_first(entry: BackendConfig, address: Address) -> str:
    """What gives this backend a key before the keyring is asked, in words; "" for nothing."""
    place, _, detail = (entry.key or "").partition(":")
    if place == "command":
        return "the program in the config"
    provider = provider_at(address)
    variables = (detail.strip(),) if place == "env" else provider.variables if provider else ()
    variable = next(filter(os.environ.get, variables), None)
    return f"the environment's {variable}" if variable else ""
