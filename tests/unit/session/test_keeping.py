"""A key that the user types is used at once, and kept where it is safe or not at all."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path

import pytest

from hybridchat import keys, wiring
from hybridchat.domain.chat import HealthState
from hybridchat.errors import UsageError
from hybridchat.session.chat import Session
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.keyrings import Forgetful, Hanging, InstallKeyring, Locked, MemoryKeyring, Plaintext
from tests.unit.session.conftest import until

HEAD = '# mine\n[[backend]]\nid = "b"  # theirs\nkind = "openai-compatible"\nzone = "managed"\n'


async def wants_a_key(request: Request, respond: Responder) -> None:
    if request.headers.get("authorization") == "Bearer sk-right":
        await respond.whole({"data": [{"id": "m"}]})
    else:
        await respond.whole({"error": {"message": "wrong key"}}, status=401)


def open_session(home: Path, url: str, lines: str = "") -> Session:
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(f'{HEAD}base_url = "{url}"\n{lines}')
    return wiring.load().open_session()


def key_in_config(home: Path) -> str | None:
    place: str | None = tomllib.loads((home / "config.toml").read_text())["backend"][0].get("key")
    return place


async def test_after_a_401_a_typed_key_opens_the_backend_anew(home: Path, install_keyring: InstallKeyring) -> None:
    ring = MemoryKeyring()
    install_keyring(ring)
    async with FakeServer(wants_a_key) as server:
        session = open_session(home, server.url)
        await session.check_health("b")
        assert session.health("b").state is HealthState.UNHEALTHY
        kept = await session.set_key("b", " sk-right\n")
        await session.check_health("b")
        assert session.health("b").state is HealthState.HEALTHY
        await session.close()
        origin = server.url
    assert (kept.place, ring.kept) == ("keyring", {("hybridchat", origin): "sk-right"})
    assert origin in kept.detail
    assert key_in_config(home) == "keyring"
    assert "# theirs" in (home / "config.toml").read_text()


@pytest.mark.parametrize("ring", [Plaintext(), Forgetful(), Locked()], ids=["plaintext", "forgetful", "locked"])
async def test_where_no_keyring_keeps_it_the_key_lives_for_the_session(
    home: Path, install_keyring: InstallKeyring, ring: MemoryKeyring
) -> None:
    install_keyring(ring)
    async with FakeServer(wants_a_key) as server:
        session = open_session(home, server.url)
        kept = await session.set_key("b", "sk-right")
        await session.check_health("b")
        assert session.health("b").state is HealthState.HEALTHY
        await session.close()
    assert (kept.place, kept.detail.partition(":")[0]) == ("session", "kept for this session only")
    assert "sk-right" not in kept.detail + str(ring.kept)
    assert key_in_config(home) is None


async def test_a_keyring_that_hangs_is_given_up_on(
    home: Path, install_keyring: InstallKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "KEYRING_WAIT_S", 0.05)
    ring = Hanging()
    install_keyring(ring)
    session = open_session(home, "http://127.0.0.1:9")
    kept = await session.set_key("b", "sk-right")
    ring.release.set()
    assert (kept.place, "no answer" in kept.detail) == ("session", True)
    await session.close()


async def test_while_a_keyring_takes_its_time_the_interface_goes_on(
    home: Path, install_keyring: InstallKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "KEYRING_WAIT_S", 60.0)
    ring = Hanging()
    install_keyring(ring)
    session = open_session(home, "http://127.0.0.1:9")
    keeping = asyncio.create_task(session.set_key("b", "sk-right"))
    await until(ring.is_asked.is_set)
    assert not keeping.done()
    ring.release.set()
    assert (await keeping).place == "session", "it did not give the key back"
    await session.close()


@pytest.mark.parametrize(
    ("line", "first"), [('key = "env:LAB_KEY"', "the environment's LAB_KEY"), ('key = "command:pass x"', "program")]
)
async def test_what_comes_before_the_keyring_is_named(
    line: str, first: str, home: Path, install_keyring: InstallKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = MemoryKeyring()
    install_keyring(ring)
    monkeypatch.setenv("LAB_KEY", "sk-old")
    session = open_session(home, "http://127.0.0.1:9", line)
    kept = await session.set_key("b", "sk-right")
    await session.close()
    assert (kept.place, first in kept.detail, ring.kept) == ("session", True, {})


async def test_a_variable_that_is_not_set_gives_way_to_the_keyring(home: Path, install_keyring: InstallKeyring) -> None:
    install_keyring(MemoryKeyring())
    session = open_session(home, "http://127.0.0.1:9", 'key = "env:LAB_KEY"')
    assert (await session.set_key("b", "sk-right")).place == "keyring"
    await session.close()
    assert key_in_config(home) == "keyring"


async def test_what_is_no_key_is_kept_nowhere(home: Path, install_keyring: InstallKeyring) -> None:
    ring = MemoryKeyring()
    install_keyring(ring)
    session = open_session(home, "http://127.0.0.1:9")
    for backend, value in (("b", "sk\n1"), ("b", " "), ("other", "sk-1")):
        with pytest.raises(UsageError):
            await session.set_key(backend, value)
    await session.close()
    assert ring.kept == {}


async def test_the_demo_takes_no_key(home: Path) -> None:
    session = wiring.open_demo_session()
    with pytest.raises(UsageError):
        await session.set_key("simulated-managed", "sk-1")
    await session.close()


def test_a_key_of_the_session_outlives_a_config_that_is_read_again(home: Path) -> None:
    first = wiring.load()
    assert wiring.load(before=first).session_keys is first.session_keys


async def test_a_provider_that_answers_nobody_without_a_key_is_sent_nothing(home: Path) -> None:
    session = open_session(home, "https://api.openai.com/v1", 'model = "m"')
    chat = session.new(route="b")
    await session.send(chat, "hello")
    reply = await session.wait(chat)
    await session.close()
    assert reply.attempt is not None
    assert reply.attempt.error_kind == "auth"
    assert "there is no key for OpenAI" in reply.note
    assert "OPENAI_API_KEY" in reply.note
