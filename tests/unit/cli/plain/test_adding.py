"""A backend is added in a line conversation, tried before it is written, and can be asked at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.config import providers
from hybridchat.session import drafting
from tests.fakes.completions import FakeCompletions
from tests.fakes.keyrings import InstallKeyring, MemoryKeyring
from tests.fakes.provider import KEY, FakeProvider, at_server
from tests.unit.cli.plain.conftest import CTRL_C, Converse, Script, Sides


@pytest.fixture(autouse=True)
def ring(install_keyring: InstallKeyring) -> None:
    install_keyring(MemoryKeyring())


async def test_a_provider_with_its_key_and_model_and_a_chat_goes_there(
    converse_by: Converse, sides: Sides, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeProvider("small", "large") as server:
        moved = at_server("mistral", server)
        monkeypatch.setattr(providers, "providers", lambda: moved)
        monkeypatch.setattr(drafting, "providers", lambda: moved)
        number = str(2 + [one.id for one in moved].index("mistral"))
        script = Script("/add-backend", number, KEY, "3", "/route mistral", "hello")
        said = await converse_by(script)
        assert KEY not in said.out + said.err + (home / "config.toml").read_text()
        assert script.secrets == ["Key of Mistral, not shown:"]
        assert "Added mistral (managed). /route mistral sends this chat there." in said.err
        assert 'model = "large"' in (home / "config.toml").read_text()
        assert [r.json()["model"] for r in server.requests if r.path.endswith("completions")] == ["large"]


async def test_a_server_by_its_address(converse_by: Converse, sides: Sides, home: Path) -> None:
    async with FakeCompletions(model="only") as server:
        said = await converse_by(Script(f"/add-backend {server.url}", "/model"))
        assert "Nothing is added" not in said.err and "(device). /route" in said.err
        assert f'base_url = "{server.url}"' in (home / "config.toml").read_text()
        assert server.sent("/v1/chat/completions") == []


@pytest.mark.parametrize("lines", [[""], [CTRL_C], ["99", "1"]])
async def test_nothing_is_written_without_an_answer(
    converse_by: Converse, sides: Sides, home: Path, lines: list[object]
) -> None:
    before = (home / "config.toml").read_text()
    said = await converse_by(Script("/add-backend", *lines))
    assert "Nothing is added." in said.err
    assert (home / "config.toml").read_text() == before


async def test_a_refused_key_and_a_local_only_run_add_nothing(
    converse_by: Converse, sides: Sides, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (home / "config.toml").read_text()
    async with FakeProvider("small") as server:
        moved = at_server("openai", server)
        monkeypatch.setattr(providers, "providers", lambda: moved)
        monkeypatch.setattr(drafting, "providers", lambda: moved)
        said = await converse_by(Script("/add-backend openai", "sk-wrong"))
        assert "the key was refused, and nothing was written" in said.err and "sk-wrong" not in said.err
    said = await converse_by(Script("/add-backend https://rented.example/v1"), local_only=True)
    assert "rented.example is not on this device — leave out --local-only" in said.err
    assert (home / "config.toml").read_text() == before
