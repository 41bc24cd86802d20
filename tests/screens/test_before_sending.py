"""Secrets and personal data before a managed send: the screen over the real session and two servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hybridchat import wiring
from hybridchat.session.chat import Session
from hybridchat.tui.screens.picker import Picker
from tests.fakes.completions import FakeCompletions
from tests.fakes.configs import lab, rented, write_config
from tests.screens.test_real_answers import Two
from tests.tui.conftest import Screenplay

WORDS = "mail jane@corp.com about it"


@asynccontextmanager
async def two_servers(play: Screenplay, home: Path, route: str) -> AsyncIterator[Two]:
    """The managed one answers with a placeholder."""
    async with FakeCompletions(tokens=3) as local, FakeCompletions(text="Dear <EMAIL_1>!") as managed:

        async def open_session() -> Session:
            write_config(home, lab(local.url), rented(managed.url), f'[route]\ndefault = "{route}"\n')
            return wiring.load().open_session()

        async with play(open_session=open_session, size=(120, 40)) as stage:
            await stage.until(lambda: "Enter sends to" in stage.text)
            yield Two(stage, local, managed, home)


def got(server: FakeCompletions) -> list[str]:
    return [request.json()["messages"][-1]["content"] for request in server.sent("/v1/chat/completions")]


async def test_privacy_20_enter_alone_never_sends(play: Screenplay, home: Path) -> None:
    async with two_servers(play, home, "managed") as two:
        await two.stage.send(WORDS)
        await two.stage.until_top(Picker)
        shown = " ".join(two.stage.text.replace("│", " ").split())
        assert "This would leave your machine" in shown
        assert "rented would get 1 email in this message" in shown
        assert "Names and" in shown and "addresses cannot be found" in shown
        for row in ("Edit it; send nothing", "Mask 1 email and ask", "Ask fake on lab", "Send 1 email as it is"):
            assert row in shown
        await two.stage.press("enter")
        await two.stage.until(lambda: two.stage.app.screen is two.stage.screen)
        assert two.stage.screen.composer.text == WORDS
        assert got(two.managed) == got(two.local) == []


async def test_privacy_20_masked_in_one_step_and_put_back_in_the_reply(play: Screenplay, home: Path) -> None:
    async with two_servers(play, home, "managed") as two:
        await two.stage.send(WORDS)
        await two.stage.until_top(Picker)
        await two.stage.press("down", "enter")
        await two.stage.until(lambda: "Dear jane@corp.com!" in two.stage.text)
        await two.stage.until(lambda: "1 email masked" in two.stage.text)
        assert got(two.managed) == ["mail <EMAIL_1> about it"]
        assert two.stored("select found, disclosure from usage") == [('{"email":1}', "masked")]
        await two.answered("and then?")
        first = two.managed.sent("/v1/chat/completions")[-1].json()["messages"][0]
        assert first["content"] == "mail <EMAIL_1> about it"


async def test_privacy_20_sent_locally_it_stays(play: Screenplay, home: Path) -> None:
    async with two_servers(play, home, "managed") as two:
        await two.stage.send(WORDS)
        await two.stage.until_top(Picker)
        await two.stage.press("down", "down", "enter")
        await two.stage.until(lambda: got(two.local) == [WORDS])
        assert got(two.managed) == []


async def test_privacy_20_asking_the_other_side_asks_first(play: Screenplay, home: Path) -> None:
    async with two_servers(play, home, "local") as two:
        await two.answered(WORDS)
        await two.stage.press("alt+e")
        await two.stage.until_top(Picker)
        assert "This would leave your machine" in two.stage.text
        await two.stage.press("end", "enter")
        await two.stage.until(lambda: got(two.managed) == [WORDS])
