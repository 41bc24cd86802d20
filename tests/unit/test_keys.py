"""Keys: in the order that users expect, each to its own host, never shown, and never into an unsafe keyring."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from keyring.backends import fail, null
from keyring.backends.chainer import ChainerBackend
from rich.pretty import pretty_repr

from hybridchat import keys
from hybridchat.config import BackendConfig, Config
from hybridchat.domain.address import parse_base_url
from hybridchat.errors import BackendError, ErrorKind, HybridchatError, UsageError
from hybridchat.keys import (
    Key,
    SessionKeys,
    delete_key,
    find_key,
    keyring_status,
    secret_variables,
    store_key,
    typed_key,
)
from tests.fakes.keyrings import Forgetful, Hanging, InstallKeyring, Locked, Lying, MemoryKeyring, Plaintext

OPENAI = parse_base_url("https://api.openai.com/v1")
LOOPBACK = parse_base_url("http://127.0.0.1:8000")
PYTHON = shlex.quote(sys.executable)


def backend(kind: str = "openai", **changes: object) -> BackendConfig:
    return BackendConfig(id="b", kind=kind, **changes)  # type: ignore[arg-type]


def found(
    config: BackendConfig, address: str = "https://api.openai.com/v1", flag: str | None = None
) -> tuple[str, str] | None:
    key = find_key(config, parse_base_url(address), flag)
    return (key.value, key.origin) if key else None


def test_flag_before_environment_before_keyring(
    install_keyring: InstallKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_keyring(MemoryKeyring())
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
        ("vllm", "http://127.0.0.1:8000"),
        ("ollama", "http://127.0.0.1:11434"),
    ],
)
def test_the_environments_key_goes_to_no_other_host(kind: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OLLAMA_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "sk-env")
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    assert found(backend(kind), address) is None


@pytest.mark.parametrize(
    ("kind", "address", "variable"),
    [
        ("openai-responses", "https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("openai-compatible", "https://api.openai.com", "OPENAI_API_KEY"),
        ("anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta", "GOOGLE_API_KEY"),
    ],
)
def test_a_providers_variable_is_for_its_host_whatever_the_protocol(
    kind: str, address: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "sk-env")
    assert found(backend(kind), address) == ("sk-env", f"the environment's {variable}")


def test_unless_the_config_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env\n")
    config = backend("openai-compatible", key="env:OPENAI_API_KEY")
    assert found(config, "https://gateway.example") == ("sk-env", "the environment's OPENAI_API_KEY")


def test_a_stored_key_does_not_follow_a_moved_address(install_keyring: InstallKeyring) -> None:
    install_keyring(MemoryKeyring())
    store_key(OPENAI, "sk-ring")
    with pytest.raises(BackendError) as caught:
        found(backend(key="keyring"), "https://elsewhere.example/v1")
    assert caught.value.kind is ErrorKind.AUTH
    assert "the keyring has no key for https://elsewhere.example" in caught.value.message


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


def test_a_program_that_gives_a_key_sees_no_other_key(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(backend=(backend(key="env:LAB_KEY"), backend("ollama")))
    assert secret_variables(config) > {"LAB_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY"}
    for name in ("LAB_KEY", "OPENAI_API_KEY", "VAULT_TOKEN"):
        monkeypatch.setenv(name, "sk-canary")
    tell = "import os; print(*sorted(name for name, value in os.environ.items() if value == 'sk-canary'), sep='+')"
    program = backend("openai-compatible", key=f'command:{PYTHON} -c "{tell}"')
    key = find_key(program, LOOPBACK, secret=secret_variables(config))
    assert key is not None
    assert key.value == "VAULT_TOKEN"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("sk-1\nsk-2", "more than one line"),
        ("sk-é", "outside ASCII"),
        ("sk 1", "a blank"),
        ("sk-\x001", "control character"),
    ],
)
def test_what_a_person_gives_as_a_key_and_is_none(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        typed_key(text)
    assert "sk" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_key_is_taken_without_what_surrounds_it() -> None:
    assert typed_key(" sk-1\n") == "sk-1"


def test_a_key_of_this_session_is_for_one_backend_at_one_host() -> None:
    session = SessionKeys()
    session.keep("b", OPENAI, "sk-canary")
    assert session.find("b", parse_base_url("https://api.openai.com")) == "sk-canary"
    assert session.find("b", LOOPBACK) is None
    assert session.find("other", OPENAI) is None
    assert "canary" not in repr(session) + pretty_repr(session)


# --- a local-only run


def test_a_local_only_run_gives_managed_backends_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    assert find_key(backend(), OPENAI, "sk-flag", local_only=True) is None
    assert find_key(backend(key="env:OPENAI_API_KEY"), OPENAI, local_only=True) is None
    managed_on_loopback = backend("vllm", key="env:OPENAI_API_KEY", zone="managed")
    assert find_key(managed_on_loopback, LOOPBACK, local_only=True) is None


def test_a_local_only_run_asks_neither_keyring_nor_programs(
    install_keyring: InstallKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_keyring(Locked())
    monkeypatch.setenv("LAB_KEY", "sk-lab")
    assert find_key(backend("vllm", key="keyring"), LOOPBACK, local_only=True) is None
    assert find_key(backend("vllm", key="command:no-such-program"), LOOPBACK, local_only=True) is None
    key = find_key(backend("vllm", key="env:LAB_KEY"), LOOPBACK, local_only=True)
    assert key is not None
    assert key.value == "sk-lab"


# --- keyrings


def test_store_find_delete(install_keyring: InstallKeyring) -> None:
    install_keyring(MemoryKeyring())
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
def test_only_a_real_keyring_is_used(install_keyring: InstallKeyring, unsafe: object) -> None:
    install_keyring(unsafe)
    ok, detail = keyring_status()
    assert not ok
    assert detail.isprintable()
    with pytest.raises(HybridchatError, match="env:NAME"):
        store_key(OPENAI, "sk-x")
    with pytest.raises(BackendError):
        found(backend(key="keyring"))


def test_a_real_one_behind_a_plaintext_one_is_used(install_keyring: InstallKeyring) -> None:
    plain, ring = Plaintext(), MemoryKeyring()
    install_keyring(chained(plain, ring))
    store_key(OPENAI, "sk-ring")
    assert (plain.kept, list(ring.kept.values())) == ({}, ["sk-ring"])
    assert keyring_status() == (True, "Memory")


@pytest.mark.parametrize("untrue", [Forgetful(), Lying()])
def test_a_keyring_that_does_not_give_back_what_it_took_is_found_out(
    install_keyring: InstallKeyring, untrue: MemoryKeyring
) -> None:
    install_keyring(untrue)
    with pytest.raises(HybridchatError, match="did not keep"):
        store_key(OPENAI, "sk-x")


def test_a_locked_keyring_is_one_line_without_its_words(install_keyring: InstallKeyring) -> None:
    install_keyring(Locked())
    with pytest.raises(BackendError) as caught:
        found(backend(key="keyring"))
    assert "RuntimeError" in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.fixture
def hanging(install_keyring: InstallKeyring, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    monkeypatch.setattr(keys, "KEYRING_WAIT_S", 0.05)
    ring = Hanging()
    install_keyring(ring)
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

    key = Key("sk-canary", "the keyring")
    out = StringIO()
    Console(file=out).print(key)
    for shown in (repr(key), str(key), f"{key}", pretty_repr(key), pretty_repr({"k": [key]}), out.getvalue()):
        assert "canary" not in shown
        assert "the keyring" in shown
