"""API keys: where they may come from, and which host each is for. A key is never in the config, a log or an error."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from hybridchat.config import BackendConfig, Config
from hybridchat.config.providers import key_variables, provider_at
from hybridchat.domain.address import Address
from hybridchat.domain.chat import Zone
from hybridchat.domain.privacy import zone_of
from hybridchat.errors import BackendError, ErrorKind, HybridchatError, UsageError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

KEYRING_WAIT_S = 3.0  # a locked keyring can hang for ever
COMMAND_WAIT_S = 60.0  # a password manager may be waiting for a fingerprint
_SERVICE = "hybridchat"
# Others store plain text, ask on the terminal, or drop what they are given.
_REAL_KEYRINGS = {
    "keyring.backends.SecretService",
    "keyring.backends.kwallet",
    "keyring.backends.libsecret",
    "keyring.backends.macOS",
    "keyring.backends.Windows",
}


class Key(Struct, frozen=True):
    """A key and where it came from. Printing it shows only the latter, in a crash's list of locals too."""

    value: str
    origin: str

    def __repr__(self) -> str:
        return f"Key(*** from {self.origin})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("origin", self.origin)]


class SessionKeys:
    """Keys that live in this process alone, each for one backend at one host."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], str] = {}

    def __repr__(self) -> str:
        return f"SessionKeys(*** for {len(self._kept)})"

    def __rich_repr__(self) -> list[tuple[str, int]]:
        return [("keys", len(self._kept))]

    def keep(self, backend: str, address: Address, value: str) -> None:
        self._kept[backend, address.origin] = value

    def find(self, backend: str, address: Address) -> str | None:
        return self._kept.get((backend, address.origin))


def find_key(
    backend: BackendConfig,
    address: Address,
    flag: str | None = None,
    *,
    local_only: bool = False,
    secret: Collection[str] = (),
) -> Key | None:
    """The key for that backend: the flag's, the environment's, the keyring's; None when it needs none.

    Blocks for as long as a keyring or a program takes: call it in a thread. In a local-only run managed backends get no
    key, and neither keyring nor programs are asked. A program that gives the key does not see the variables in
    `secret`. Raises BackendError (AUTH) when the named place has no key.
    """
    zone = zone_of(address, private=backend.private, declared=backend.zone)
    if local_only and zone is Zone.MANAGED:
        return None
    if flag:
        return _checked(flag, "the flag", backend)
    place = backend.key or ""
    may_ask = not local_only
    if place.startswith("env:") or (place.startswith("command:") and may_ask):
        return key_at(place, backend, address, secret)
    provider = provider_at(address)
    variable = next(filter(os.environ.get, provider.variables if provider else ()), None)
    if variable is not None:
        return key_at(f"env:{variable}", backend, address)
    return key_at(place, backend, address) if place == "keyring" and may_ask else None


def key_at(place: str, backend: BackendConfig, address: Address, secret: Collection[str] = ()) -> Key:
    """The key at that very place: env:NAME, keyring, or command:PROGRAM ARGS. Blocks and raises as `find_key`."""
    sort, _, detail = place.partition(":")
    match sort:
        case "env":
            return _checked(os.environ.get(detail.strip(), ""), f"the environment's {detail.strip()}", backend)
        case "command":
            return _checked(_ask_command(detail, backend, secret), f"the program {_program(detail)}", backend)
        case _:
            return _checked(_ask_keyring(address, backend), "the keyring", backend, f" for {address.origin}")


def secret_variables(config: Config) -> frozenset[str]:
    """What no child of ours may find in its environment: the variables that hold keys, known or named in the config."""
    places = (backend.key or "" for backend in config.backend)
    named = (place.removeprefix("env:").strip() for place in places if place.startswith("env:"))
    return key_variables().union(named)


def typed_key(text: str) -> str:
    """A key as a person typed, pasted or piped it. Raises UsageError, without a word of it."""
    value = text.strip()
    if problem := _problem(value):
        raise UsageError(f"that is no key: it {problem}", "copy it again from where you got it")
    return value


def _problem(value: str) -> str | None:
    """What a header may not carry."""
    if not value:
        return "is empty"
    if "\n" in value or "\r" in value:
        return "has more than one line"
    if not value.isascii():
        return "has characters outside ASCII"
    return None if value.isprintable() and " " not in value else "has a blank or a control character in it"


def store_key(address: Address, value: str) -> None:
    """Keeps the key in the system's keyring, for that host alone. Raises HybridchatError when it is not kept there."""
    user = address.origin

    def write_and_read_back() -> str | None:
        keyring = _real_keyring()
        keyring.set_password(_SERVICE, user, value)
        return keyring.get_password(_SERVICE, user)

    if _within_time(write_and_read_back) != value:
        raise HybridchatError("the keyring did not keep the key", 'use key = "env:NAME" or key = "command:…"')


def delete_key(address: Address) -> bool:
    """Whether there was one. Raises HybridchatError when the keyring cannot be used."""

    def delete() -> bool:
        keyring = _real_keyring()
        if keyring.get_password(_SERVICE, address.origin) is None:
            return False
        keyring.delete_password(_SERVICE, address.origin)
        return True

    return _within_time(delete)


def keyring_status() -> tuple[bool, str]:
    """Whether keys can be kept in a keyring, and its name or why not, as one line. At most 3 s; asks for no key."""
    try:
        return True, _within_time(lambda: str(_real_keyring().name))
    except HybridchatError as error:
        return False, error.message


def _checked(value: str, origin: str, backend: BackendConfig, bound: str = "") -> Key:
    """`bound`: to which host such a key is, in words; who has moved the address learns from it why there is none."""
    value = value.strip()
    if not value:
        remedy = f"`hybridchat keys set {backend.id}`" if backend.key == "keyring" else "set it"
        raise BackendError(
            ErrorKind.AUTH, f"{backend.id}: {origin} has no key{bound}", f"{remedy}, or change `key` in config.toml"
        )
    if problem := _problem(value):
        raise BackendError(ErrorKind.AUTH, f"{backend.id}: the key from {origin} {problem}", "set it again")
    return Key(value, origin)


def _ask_command(command: str, backend: BackendConfig, secret: Collection[str]) -> str:
    import shlex
    import subprocess

    remedy = "run it in a shell to see what it says"
    try:
        done = subprocess.run(
            command.strip() if os.name == "nt" else shlex.split(command),  # Windows splits it by rules of its own
            env={name: value for name, value in os.environ.items() if name not in secret},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_WAIT_S,
        )
    except (OSError, ValueError) as error:
        raise BackendError(ErrorKind.AUTH, f"{backend.id}: the key's program cannot run: {error}", remedy) from None
    except subprocess.TimeoutExpired:
        message = f"{backend.id}: the key's program gave no answer in {COMMAND_WAIT_S:g} s"
        raise BackendError(ErrorKind.AUTH, message, remedy) from None
    if done.returncode != 0:
        raise BackendError(ErrorKind.AUTH, f"{backend.id}: the key's program ended with {done.returncode}", remedy)
    return done.stdout


def _program(command: str) -> str:
    """Its name, for messages; `command` is one that could be run."""
    import shlex

    return shlex.split(command, posix=os.name != "nt")[0]


def _ask_keyring(address: Address, backend: BackendConfig) -> str:
    try:
        return _within_time(lambda: _real_keyring().get_password(_SERVICE, address.origin)) or ""
    except HybridchatError as error:
        raise BackendError(ErrorKind.AUTH, f"{backend.id}: {error.message}", error.remedy) from None


def _real_keyring() -> KeyringBackend:
    """The keyring of the system. Raises HybridchatError for none, and for one that would not keep keys secret."""
    import keyring
    from keyring.backends.chainer import ChainerBackend

    chosen = keyring.get_keyring()
    options = chosen.backends if isinstance(chosen, ChainerBackend) else [chosen]
    for option in options:
        if type(option).__module__ in _REAL_KEYRINGS:
            return option
    what = (
        "this system has no keyring" if chosen.priority <= 0 else f"the keyring {chosen.name} does not keep keys safe"
    )
    raise HybridchatError(what, 'use key = "env:NAME" or key = "command:…"')


def _within_time(call: Callable[[], T]) -> T:
    """What `call` returns, from a thread that is left behind when it takes too long. Raises HybridchatError."""
    outcome: list[T | Exception] = []

    def run() -> None:
        try:
            outcome.append(call())
        except Exception as error:  # noqa: BLE001 — keyrings raise whatever their system raises; it is handed on below
            outcome.append(error)

    thread = threading.Thread(target=run, name="keyring", daemon=True)
    thread.start()
    thread.join(KEYRING_WAIT_S)
    if not outcome:
        raise HybridchatError(f"the keyring gave no answer in {KEYRING_WAIT_S:g} s", "unlock it and try again")
    result = outcome[0]
    if isinstance(result, HybridchatError):
        raise result
    if isinstance(result, Exception):
        from keyring.errors import KeyringLocked

        if isinstance(result, KeyringLocked):
            raise HybridchatError("the keyring is locked", "unlock it and try again")
        raise HybridchatError(f"the keyring cannot be used: {type(result).__name__}", "unlock it and try again")
    return result
