"""Links in a reply: seen where they lead, copied, opened; by mouse and by keys, on a small terminal."""

from __future__ import annotations

import asyncio

import pytest

from hybridchat.domain.chat import Privacy, Role
from hybridchat.tui.screens.link import LinkScreen
from hybridchat.tui.screens.picker import Picker
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import FakeSession

LONG = "https://long.example/" + "x" * 1_500
REPLY = """\
Ask [the docs](https://docs.example/a) or [https://bank.com](https://evil.example/login).

![a cat](https://img.example/cat.png)

[local](vscode://file)
"""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs that a browser got."""
    urls: list[str] = []
    monkeypatch.setattr("hybridchat.tui.desktop.open_in_browser", lambda url, _: urls.append(url) is None)
    return urls


def with_reply(text: str = REPLY) -> FakeSession:
    session = FakeSession()
    session.add("chat", [(Role.USER, "q"), (Role.ASSISTANT, text)])
    return session


async def click_on(stage: Stage, words: str) -> None:
    await stage.until(lambda: words in stage.text)
    lines = stage.text.splitlines()
    row = next(index for index, line in enumerate(lines) if words in line)
    await stage.pilot.click(offset=(lines[row].index(words), row))


async def test_a_click_shows_the_address_and_opens_nothing(play: Screenplay, opened: list[str]) -> None:
    async with play(with_reply(), reopen_latest=True) as stage:
        stage.screen.transcript.action_scroll_home()
        await click_on(stage, "the docs")
        await stage.until_top(LinkScreen)
        assert "https://docs.example/a" in stage.text
        assert "The reply shows: the docs" in stage.text
        assert opened == []
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert (stage.app.clipboard, opened) == ("https://docs.example/a", [])


async def test_by_keys_alone_another_address_than_shown_is_said_and_then_opened(
    play: Screenplay, opened: list[str]
) -> None:
    async with play(with_reply(), reopen_latest=True) as stage:
        await stage.press("alt+l")
        await stage.until_top(Picker)
        assert "docs.example" in stage.text and "img.example" in stage.text
        await stage.press("down", "enter")
        await stage.until_top(LinkScreen)
        said = " ".join(stage.text.split())
        assert "warning: the reply shows bank.com, and this leads to evil.example" in said
        await stage.press("down", "enter")
        await stage.until(lambda: opened)
        assert opened == ["https://evil.example/login"]


async def test_a_long_address_can_be_read_to_its_end(play: Screenplay) -> None:
    async with play(with_reply(f"{LONG}/end-of-it"), reopen_latest=True) as stage:
        await stage.press("alt+l")
        await stage.until_top(LinkScreen)
        assert "long.example" in stage.text and "end-of-it" not in stage.text
        assert "Open it in the browser" in stage.text
        for _ in range(4):
            await stage.press("pagedown")
        await stage.until(lambda: "end-of-it" in stage.text)


async def test_whatever_is_to_be_said_the_choice_stays_on_a_small_screen(play: Screenplay) -> None:
    host = f"xn--80ak6aa92e.{'a' * 60}.{'b' * 60}.{'c' * 60}.example"
    reply = f"[https://bank.example {'and ' * 60}](https://bank@{host}/{'x' * 900})"
    async with play(with_reply(reply), reopen_latest=True) as stage:
        await stage.press("alt+l")
        await stage.until_top(LinkScreen)
        for words in ("warning: what stands before the @", "Copy the address", "Open it in the browser", "Esc closes"):
            assert words in stage.text, words
        for _ in range(12):
            await stage.press("pagedown")
        await stage.until(lambda: "everything" in stage.text)


async def test_what_is_no_web_address_is_only_copied(play: Screenplay, opened: list[str]) -> None:
    async with play(with_reply("[local](vscode://file)"), reopen_latest=True) as stage:
        await stage.press("alt+l")
        await stage.until_top(LinkScreen)
        await stage.press("down", "enter")
        await stage.until(lambda: "only http, https and mailto are opened" in stage.text)
        assert isinstance(stage.app.screen, LinkScreen)
        await stage.press("escape")
        assert opened == []


@pytest.mark.parametrize("privacy", [Privacy.LOCAL_ONLY, Privacy.PRIVATE])
async def test_a_pinned_chat_only_copies(play: Screenplay, opened: list[str], privacy: Privacy) -> None:
    session = with_reply()
    async with play(session, reopen_latest=True) as stage:
        chat = stage.screen.chat
        assert chat is not None
        await session.set_privacy(chat, privacy)
        await click_on(stage, "https://img.example")
        await stage.until_top(LinkScreen)
        assert "barred" in stage.text
        await stage.press("down", "enter")
        await stage.until(lambda: "its links are only copied" in stage.text)
        await stage.press("up", "enter")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert (stage.app.clipboard, opened) == ("https://img.example/cat.png", [])


async def test_a_chat_pinned_while_the_question_is_open_opens_nothing(play: Screenplay, opened: list[str]) -> None:
    session = with_reply("https://a.example")
    async with play(session, reopen_latest=True) as stage:
        await stage.press("alt+l")
        await stage.until_top(LinkScreen)
        chat = stage.screen.chat
        assert chat is not None
        await session.set_privacy(chat, Privacy.LOCAL_ONLY)
        await stage.press("down", "enter")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.settle()
        assert opened == []


async def test_a_browser_that_is_missing_is_said(play: Screenplay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridchat.tui.desktop.open_in_browser", lambda *_: False)
    async with play(with_reply("https://a.example"), reopen_latest=True) as stage:
        await stage.press("alt+l")
        await stage.until_top(LinkScreen)
        await stage.press("down", "enter")
        await stage.until(lambda: "warning: No browser could be opened here" in stage.text)


async def test_selecting_over_a_link_asks_nothing(play: Screenplay) -> None:
    async with play(with_reply(), reopen_latest=True) as stage:
        stage.screen.transcript.action_scroll_home()
        await stage.until(lambda: "the docs" in stage.text)
        lines = stage.text.splitlines()
        row = next(index for index, line in enumerate(lines) if "the docs" in line)
        column = lines[row].index("the docs")
        await stage.pilot.mouse_down(offset=(column, row))
        await stage.pilot.hover(offset=(column + 5, row))
        await stage.pilot.mouse_up(offset=(column + 5, row))
        await stage.until(lambda: stage.screen.transcript.selected_text)
        await asyncio.sleep(0)
        await stage.settle()
        assert stage.app.screen is stage.screen


async def test_without_a_link_it_says_so(play: Screenplay) -> None:
    async with play(with_reply("no link"), reopen_latest=True) as stage:
        await stage.press("alt+l")
        await stage.until(lambda: "There is no link" in stage.text)
