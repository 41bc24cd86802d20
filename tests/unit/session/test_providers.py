"""What a new backend would be, before anything is asked or written; and that a failed writing leaves no key behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat import wiring
from hybridchat.config import BackendConfig
from hybridchat.errors import HybridchatError, Refused, UsageError
from hybridchat.session.drafting import configured, draft, written
from hybridchat.session.vouches import Vouches
from tests.fakes.http import FakeServer
from tests.fakes.keyrings import InstallKeyring, MemoryKeyring, Plaintext
from tests.fakes.provider import KEY, FakeProvider


@pytest.mark.parametrize(
    ("what", "id", "kind", "provider"),
    [
        ("https://api.openai.com", "openai", "openai-responses", "openai"),
        ("https://api.anthropic.com/v1/", "anthropic", "anthropic", "anthropic"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "generativelanguage", "openai-compatible", None),
        ("https://generativelanguage.googleapis.com/v1beta", "gemini", "gemini", "gemini"),
        ("https://api.openai.com:8443/v1", "openai", "openai-compatible", None),
        ("https://www.llm.example/v1", "llm", "openai-compatible", None),
        ("http://192.168.0.7:8000", "openai-compatible", "openai-compatible", None),
        ("http://[2001:db8::1]:8000", "openai-compatible", "openai-compatible", None),
        ("https://api.www", "openai-compatible", "openai-compatible", None),
        ("unix:///run/llm.sock", "openai-compatible", "openai-compatible", None),
    ],
)
def test_an_address_says_what_it_can(what: str, id: str, kind: str, provider: str | None) -> None:
    new = draft(what, {}, ())
    assert (new.config.id, new.config.kind) == (id, kind)
    assert (new.provider.id if new.provider else None) == provider


def test_what_the_user_says_wins() -> None:
    new = draft("openai", {"kind": "openai", "id": "mine", "base_url": "https://eu.api.openai.com/v1"}, ("openai",))
    assert (new.config.id, new.config.kind, new.config.base_url) == ("mine", "openai", "https://eu.api.openai.com/v1")


def test_a_taken_id_is_numbered_where_it_was_ours_to_choose() -> None:
    assert draft("openai", {}, ("openai", "openai-2")).config.id == "openai-3"
    with pytest.raises(UsageError, match="configured already"):
        draft("openai", {"id": "mine"}, ("mine",))


def test_only_what_is_not_the_default_is_written() -> None:
    assert written(draft("groq", {"model": "m"}, ()).config) == {
        "id": "groq",
        "kind": "openai-compatible",
        "base_url": "https://api.groq.com/openai/v1",
        "model": "m",
    }


def test_the_variable_of_a_key_follows_from_provider_or_id() -> None:
    assert draft("gemini", {}, ()).variable == "GEMINI_API_KEY"
    assert draft("my.lab-1", {"base_url": "https://lab.example"}, ()).variable == "MY_LAB_1_API_KEY"


def test_what_is_configured_knows_its_provider() -> None:
    entry = BackendConfig(id="x", kind="openai", base_url="https://api.openai.com")
    assert configured(entry).is_guarded
    assert not configured(BackendConfig(id="x", kind="openai", base_url="https://gate.example")).is_guarded


async def test_a_local_only_run_adds_nothing_managed(home: Path) -> None:
    providers = wiring.load(local_only=True).open_providers()
    with pytest.raises(Refused, match=r"api\.openai\.com is not on this device"):
        await providers.draft("openai", {})
    async with FakeProvider("m") as server:
        assert (await providers.draft(server.url, {"kind": "openai-compatible"})).spec.zone.is_local


async def test_a_config_that_cannot_be_written_leaves_no_key_in_the_keyring(
    home: Path, install_keyring: InstallKeyring
) -> None:
    ring = MemoryKeyring()
    install_keyring(ring)
    providers = wiring.load().open_providers()
    new = await providers.draft("openai", {})
    spoil(home)
    with pytest.raises(HybridchatError):
        await providers.add(new, key=KEY)
    assert ring.kept == {}


def spoil(home: Path) -> None:
    """The user edits the file meanwhile, and makes a mistake."""
    home.mkdir()
    (home / "config.toml").write_text("[route\n")


async def test_without_a_keyring_the_app_goes_on_with_the_key_that_was_typed(
    home: Path, install_keyring: InstallKeyring
) -> None:
    install_keyring(Plaintext())
    wired = wiring.load()
    providers = wired.open_providers()
    async with FakeProvider("m") as server:
        new = await providers.draft(server.url, {"id": "b", "kind": "openai-compatible", "zone": "managed"})
        added = await providers.add(new, model="m", key=KEY)
        assert (added.config.key, "B_API_KEY" in added.notice) == ("env:B_API_KEY", True)
        session = wiring.load(before=wired).open_session()
        await session.check_health("b")
        assert [model.name for model in session.health("b").models] == ["m"]
        await session.close()


async def test_presets_are_what_the_file_has(home: Path) -> None:
    assert [preset.id for preset in wiring.load().open_providers().presets()][:3] == ["openai", "anthropic", "gemini"]


async def test_nothing_is_sent_before_it_is_asked_for(home: Path) -> None:
    async with FakeServer(lambda *_: pytest.fail("something was sent")) as server:
        await wiring.load().open_providers().draft(server.url, {"zone": "managed"})
        assert server.requests == []


async def test_who_answers_is_seen_and_vouched_for(home: Path) -> None:
    providers = wiring.load().open_providers()
    async with FakeProvider("m") as server:
        new = await providers.draft(server.url, {"id": "b", "kind": "openai-compatible"})
        look = await providers.look(new, None)
        assert look.peer is not None
        await providers.add(new, model="m", vouched=look.peer)
    vouches = Vouches(home / "vouches.json")
    vouches.read()
    assert [(name, v.url, v.executable) for name, v in vouches.by_id.items()] == [
        ("b", server.url, look.peer.executable)
    ]
