"""A provider is added, asked with an effort, refuses its key and gets another: the screen over the real session, the
real protocols, and a config that the user wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from textual import events

from hybridchat import wiring
from hybridchat.config import load_config, providers
from hybridchat.domain.chat import Effort
from hybridchat.session import drafting
from hybridchat.session import providers as session_providers
from hybridchat.session.chat import Session
from hybridchat.tui.screens.add_backend import AddBackend
from hybridchat.tui.screens.ask_key import AskKey
from hybridchat.tui.screens.dialogs import Confirm
from hybridchat.tui.screens.picker import Picker
from tests.fakes import anthropic, gemini, openai
from tests.fakes.http import FakeServer
from tests.fakes.keyrings import InstallKeyring, MemoryKeyring
from tests.fakes.provider import at_server
from tests.tui.conftest import Screenplay, Stage

CONFIG = '# mine\n[ui]\npanel = "off"  # less to see\n'


class Case(NamedTuple):
    provider: str
    name: str
    server: Any
    key: str
    model: str
    refused: Any
    effort: str  # in the request
    declining: Any
    declined: str  # under the reply


CASES = (
    Case(
        "openai",
        "OpenAI",
        openai.FakeOpenAI,
        openai.KEY,
        openai.REASONING,
        openai.Refused(401, "Incorrect API key provided: sk-***.", "invalid_api_key"),
        '"effort": "high"',
        openai.Reply(text="", refusal="I cannot help with that."),
        "the model refused",
    ),
    Case(
        "anthropic",
        "Anthropic",
        anthropic.FakeAnthropic,
        anthropic.KEY,
        anthropic.MODEL,
        anthropic.Refused(401, "authentication_error", "invalid x-api-key"),
        '"effort": "high"',
        anthropic.Reply(text="", stop_reason="refusal"),
        "the model refused",
    ),
    Case(
        "gemini",
        "Google",
        gemini.FakeGemini,
        gemini.KEY,
        gemini.MODEL,
        gemini.Refused(403, "PERMISSION_DENIED", "The caller does not have permission"),
        '"thinkingBudget"',
        gemini.Reply(parts=(), finish_reason="SAFETY"),
        "a content filter of the provider stopped the reply",
    ),
)


@pytest.fixture
def ring(install_keyring: InstallKeyring) -> Iterator[MemoryKeyring]:
    ring = MemoryKeyring()
    install_keyring(ring)
    yield ring


def written(home: Path) -> Path:
    """The config that the user has already."""
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    config.write_text(CONFIG)
    return config


def holds(home: Path, key: str) -> list[str]:
    """The files with that key in them."""
    return [file.name for file in home.rglob("*") if file.is_file() and key.encode() in file.read_bytes()]


async def paste(stage: Stage, text: str) -> None:
    stage.app.post_message(events.Paste(text))
    await stage.settle()


def move(monkeypatch: pytest.MonkeyPatch, provider: str, server: FakeServer) -> None:
    """That provider's host is the server."""
    moved = at_server(provider, server)
    for module in (providers, drafting, session_providers):
        monkeypatch.setattr(module, "providers", lambda: moved)


async def add(stage: Stage, case: Case) -> None:
    await stage.press("alt+a")
    await stage.until_top(Picker)
    await stage.type(case.name)
    await stage.press("enter")
    form = await stage.until_top(AddBackend)
    await paste(stage, "sk-wrong")
    await stage.press("enter")
    await stage.until(lambda: "nothing was written" in stage.text)
    form.key.value = ""
    await paste(stage, case.key)
    await stage.press("enter")
    await stage.until_top(Picker)
    await stage.type(case.model)
    await stage.press("enter")
    await stage.until(lambda: f"Enter sends to {case.provider} · {case.model}" in stage.text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.provider)
async def test_from_nothing_to_an_answer(
    case: Case, play: Screenplay, home: Path, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = written(home)
    wired = wiring.load()

    async def open_session() -> Session:
        return wiring.load(before=wired).open_session()

    def open_providers() -> session_providers.Providers:
        return wiring.load(before=wired).open_providers()

    async with case.server() as server:
        move(monkeypatch, case.provider, server)
        async with play(open_session=open_session, open_providers=open_providers, size=(120, 40)) as stage:
            await stage.until(lambda: stage.app.session is not None and "no backend is configured" in stage.text)
            await add(stage, case)
            assert config.read_text().startswith(CONFIG)
            (entry,) = load_config(config)[0].backend
            assert (entry.id, entry.model, entry.key, entry.zone) == (case.provider, case.model, "keyring", "managed")
            assert list(ring.kept.values()) == [case.key]
            await stage.press("alt+g")
            await stage.until_top(Picker)
            await stage.type("high")
            await stage.press("enter")
            await stage.until(lambda: stage.screen.chat.effort is Effort.HIGH)
            await stage.send("hello")
            await stage.until(lambda: "how can I help?" in stage.text and not stage.screen.chat.is_streaming)
            assert case.effort in json.dumps(server.requests[-1].json())

            server.refused = case.refused
            await stage.send("and now?")
            await stage.until_top(AskKey)
            await stage.until(lambda: "kept in the system's keyring (Memory)" in stage.text)
            server.refused = None
            await paste(stage, case.key)
            sent = len(server.requests)
            await stage.press("enter")
            await stage.until_top(Confirm)
            assert len(server.requests) == sent, "nothing is sent by itself"
            await stage.press("y")
            await stage.until(lambda: stage.text.count("how can I help?") == 2)
            server.reply = case.declining
            await stage.send("and that?")
            await stage.until(lambda: case.declined in stage.text)
            assert case.key not in stage.text
    assert holds(home, case.key) == []
