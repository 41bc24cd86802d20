"""Keys: in the order that users expect, each to its own host, never shown, and never into an unsafe keyring."""

from __future__ import annotations

import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import keyring
import pytest
from keyring.backends import fail, null
from keyring.backends.chainer import ChainerBackend

from hybridchat import keys
from hybridchat.config import BackendConfig
from hybridchat.domain.address import parse_base_url
from hybridchat.errors import BackendError, ErrorKind, HybridchatError
from hybridchat.keys import Key, delete_key, find_key, keyring_status, store_key

OPENAI = parse_base_url("https://api.openai.com/v1")
LOOPBACK = parse_base_url("http://127.0.0.1:8000")
PYTHON = shlex.quote(sys.executable)


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
    def set_password(self, service: str, user: str, password: str) -> None:
        return None


class Locked(MemoryKeyring):
    def get_password(self, service: str, user: str) -> str | None:
        raise RuntimeError("org.freedesktop.secrets: sk-canary")


class Hanging(MemoryKeyring):
    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    def get_password(self, service: str, user: str) -> str | None:
        self.release.wait()
        return None


class Plaintext(MemoryKeyring):
    """As keyrings.alt: a file that anyone reads."""

    name = "Plaintext"


for real in (MemoryKeyring, Forgetful, Locked, Hanging):
    real.__module__ = "keyring.backends.SecretService"
Plaintext.__module__ = "keyrings.alt.file"

Install = Callable[[object], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    return lambda chosen: monkeypatch.setattr(keyring, "get_keyring", lambda: chosen)


@pytest.fixture(autouse=True)
def no_system_keyring(install: Install) -> None:
    install(fail.Keyring())


def backend(kind: str = "openai", **changes: object) -> BackendConfig:
    return BackendConfig(id="b", kind=kind, **changes)  # type: ignore[arg-type]


def found(
    config: BackendConfig, address: str = "https://api.openai.com/v1", flag: str | None = None
) -> tuple[str, str] | None:
    key = find_key(config, parse_base_url(address), flag)
    return (key.value, key.origin) if key else None


def test_flag_before_environment_before_keyring(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install(MemoryKeyring())
    store_key(OPENAI, "sk-ring")
    config = backend(key="keyring")
    assert found(config) == ("sk-ring", "the keyring")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    assert found(config) == ("sk-env", "the environment's OPENAI_API_KEY")
    assert found(config, flag="sk-flag") == ("sk-flag", "the flag")


def test_a_backend_that_needs_no_key() -> None:
    assert found(backend("vllm"), "http://127.0.0.1:8000") is None
    assert found(backend()) is None


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("openai", "https://gateway.example/v1"),
        ("openai", "http://127.0.0.1:8000"),
        ("openai", "http://api.openai.com/v1"),  # in the clear
        ("openai", "https://api.openai.com.evil.example/v1"),
        ("openai-compatible", "https://api.openai.com/v1"),
        ("vllm", "http://127.0.0.1:8000"),
        ("ollama", "http://127.0.0.1:11434"),
    ],
)
def test_the_environments_key_goes_to_no_other_host(kind: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OLLAMA_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "sk-env")
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    assert found(backend(kind), address) is None


def test_unless_the_config_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env\n")
    config = backend("openai-compatible", key="env:OPENAI_API_KEY")
    assert found(config, "https://gateway.example") == ("sk-env", "the environment's OPENAI_API_KEY")


def test_a_stored_key_does_not_follow_a_moved_address(install: Install) -> None:
    install(MemoryKeyring())
    store_key(OPENAI, "sk-ring")
    with pytest.raises(BackendError) as caught:
        found(backend(key="keyring"), "https://elsewhere.example/v1")
    assert caught.value.kind is ErrorKind.AUTH


@pytest.mark.parametrize("value", ["", "  ", "sk\nX-Header: 1", "sk-é", "sk\x00"])
def test_what_cannot_be_a_key_is_an_auth_error_without_it(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys.os, "environ", {"MY_KEY": value})
    with pytest.raises(BackendError) as caught:
        found(backend(key="env:MY_KEY"))
    assert caught.value.kind is ErrorKind.AUTH
    assert "MY_KEY" in str(caught.value)
    assert str(caught.value).isprintable()
    assert not value.strip() or value not in str(caught.value)


def test_a_program_says_the_key() -> None:
    config = backend(key=f"command:{PYTHON} -c 'print(\"sk-cmd\")'")
    assert found(config) == ("sk-cmd", f"the program {sys.executable}")


def test_a_program_with_a_blank_in_its_path_is_named_whole(tmp_path: Path) -> None:
    program = tmp_path / "my keys" / "key"
    program.parent.mkdir()
    program.symlink_to(sys.executable)
    config = backend(key=f"command:'{program}' -c 'print(\"sk-cmd\")'")
    assert found(config) == ("sk-cmd", f"the program {program}")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("no-such-program-here x", "cannot run"),
        (f"{PYTHON} -c 'import sys; print(\"sk-x\"); sys.exit(3)'", "ended with 3"),
        (f"{PYTHON} -c 'pass'", "has no key"),
        ("unbalanced 'quote", "cannot run"),
    ],
    ids=["absent", "fails", "silent", "unbalanced"],
)
def test_a_program_that_fails(command: str, says: str) -> None:
    with pytest.raises(BackendError, match=says) as caught:
        found(backend(key=f"command:{command}"))
    assert caught.value.kind is ErrorKind.AUTH
    assert "sk-x" not in str(caught.value)


def test_a_program_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "COMMAND_WAIT_S", 0.1)
    with pytest.raises(BackendError, match="no answer"):
        found(backend(key=f"command:{PYTHON} -c 'import time; time.sleep(60)'"))


# --- a local-only run


def test_a_local_only_run_gives_managed_backends_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    assert find_key(backend(), OPENAI, "sk-flag", local_only=True) is None
    assert find_key(backend(key="env:OPENAI_API_KEY"), OPENAI, local_only=True) is None
    managed_on_loopback = backend("vllm", key="env:OPENAI_API_KEY", zone="managed")
    assert find_key(managed_on_loopback, LOOPBACK, local_only=True) is None


def test_a_local_only_run_asks_neither_keyring_nor_programs(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install(Locked())
    monkeypatch.setenv("LAB_KEY", "sk-lab")
    assert find_key(backend("vllm", key="keyring"), LOOPBACK, local_only=True) is None
    assert find_key(backend("vllm", key="command:no-such-program"), LOOPBACK, local_only=True) is None
    key = find_key(backend("vllm", key="env:LAB_KEY"), LOOPBACK, local_only=True)
    assert key is not None
    assert key.value == "sk-lab"


# --- keyrings


def test_store_find_delete(install: Install) -> None:
    install(MemoryKeyring())
    assert delete_key(OPENAI) is False
    store_key(OPENAI, "sk-ring")
    assert found(backend(key="keyring")) == ("sk-ring", "the keyring")
    assert delete_key(OPENAI) is True
    with pytest.raises(BackendError, match="the keyring has no key"):
        found(backend(key="keyring"))


def chained(*links: object) -> ChainerBackend:
    class Chain(ChainerBackend):
        backends = links
        priority = 10

    return Chain()


@pytest.mark.parametrize(
    "unsafe",
    [fail.Keyring(), null.Keyring(), Plaintext(), chained(Plaintext(), null.Keyring())],
    ids=["fail", "null", "plaintext", "chained"],
)
def test_only_a_real_keyring_is_used(install: Install, unsafe: object) -> None:
    install(unsafe)
    ok, detail = keyring_status()
    assert not ok
    assert detail.isprintable()
    with pytest.raises(HybridchatError, match="env:NAME"):
        store_key(OPENAI, "sk-x")
    with pytest.raises(BackendError):
        found(backend(key="keyring"))


def test_a_real_one_behind_a_plaintext_one_is_used(install: Install) -> None:
    plain, ring = Plaintext(), MemoryKeyring()
    install(chained(plain, ring))
    store_key(OPENAI, "sk-ring")
    assert (plain.kept, list(ring.kept.values())) == ({}, ["sk-ring"])
    assert keyring_status() == (True, "Memory")


def test_a_keyring_that_drops_what_it_is_given_is_found_out(install: Install) -> None:
    install(Forgetful())
    with pytest.raises(HybridchatError, match="did not keep"):
        store_key(OPENAI, "sk-x")


def test_a_locked_keyring_is_one_line_without_its_words(install: Install) -> None:
    install(Locked())
    with pytest.raises(BackendError) as caught:
        found(backend(key="keyring"))
    assert "RuntimeError" in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.fixture
def hanging(install: Install, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    monkeypatch.setattr(keys, "KEYRING_WAIT_S", 0.05)
    ring = Hanging()
    install(ring)
    yield ring
    ring.release.set()


def test_a_hanging_keyring_does_not_hang_us(hanging: Hanging) -> None:
    for call in (
        lambda: found(backend(key="keyring")),
        lambda: store_key(OPENAI, "sk-x"),
        lambda: delete_key(OPENAI),
    ):
        with pytest.raises(HybridchatError, match="no answer"):
            call()


# --- never shown


def test_a_key_is_masked_however_it_is_printed() -> None:
    from rich.console import Console
    from rich.pretty import pretty_repr

    key = Key("sk-canary", "the keyring")
    out = StringIO()
    Console(file=out).print(key)
    for shown in (repr(key), str(key), f"{key}", pretty_repr(key), pretty_repr({"k": [key]}), out.getvalue()):
        assert "canary" not in shown
        assert "the keyring" in shown
