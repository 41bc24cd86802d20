"""Vouching in plain words, and what each word on the screen means."""

from __future__ import annotations

from msgspec.structs import replace

from hybridchat.domain.chat import Privacy, Proof
from hybridchat.session.ways import Way
from hybridchat.tui.screens.dialogs import Confirm
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.screens.standing import StandingScreen
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_chats import PEER
from tests.tui.fake_session import CLOUD, LAB, FakeSession

DOUBTED = replace(LAB, proof=Proof.ASSUMED)


def pinned() -> FakeSession:
    session = FakeSession([DOUBTED, CLOUD])
    session.ways = (Way("vouch", DOUBTED, 0),)
    return session


async def asked(stage: Stage) -> None:
    assert stage.screen.chat is not None
    stage.screen.chat.privacy = Privacy.LOCAL_ONLY
    await stage.send("hello")
    await stage.until_top(Confirm)


async def test_an_unproven_backend_is_asked_about_and_then_gets_the_words(play: Screenplay) -> None:
    session = pinned()
    async with play(session) as stage:
        await asked(stage)
        assert "Do you know that lab computes on this machine?" in stage.text
        for words in ("http://127.0.0.1:8000 · vllm", "/usr/bin/python3.11 (process 812)", "ssh -L", "rented model"):
            assert words in stage.text
        await stage.press("y")
        await stage.until(lambda: session.sent)
        assert session.vouched == [("lab", PEER)]
        assert [draft.text for draft in session.sent] == ["hello"]


async def test_enter_and_esc_send_nothing_and_keep_the_words(play: Screenplay) -> None:
    session = pinned()
    async with play(session) as stage:
        for key in ("enter", "escape", "n"):
            await asked(stage)
            await stage.press(key)
            await stage.until(lambda: stage.app.screen is stage.screen)
        assert (session.vouched, session.sent, stage.screen.composer.text) == ([], [], "hello")


async def test_what_a_look_proves_is_not_asked_about(play: Screenplay) -> None:
    """Enter was faster than the first look."""
    session = pinned()

    async def look(backend: str) -> None:
        session.backends = [replace(LAB, proof=Proof.VERIFIED), CLOUD]
        session.ways = ()

    session.check_health = look  # type: ignore[method-assign]
    async with play(session) as stage:
        assert stage.screen.chat is not None
        stage.screen.chat.privacy = Privacy.LOCAL_ONLY
        await stage.send("hello")
        await stage.until(lambda: session.sent)
        assert session.vouched == []


async def test_beside_other_ways_it_is_one_of_them(play: Screenplay) -> None:
    session = pinned()
    session.ways = (*session.ways, Way("ask", LAB, 0))
    async with play(session) as stage:
        await stage.send("hello")
        await stage.until_top(Picker)
        assert "Vouch for lab and ask tiny on lab" in stage.text
        await stage.press("down", "enter")
        await stage.until_top(Confirm)


async def test_one_key_tells_what_the_words_mean(play: Screenplay) -> None:
    async with play(FakeSession([CLOUD, LAB]), size=(100, 40)) as stage:
        await stage.press("alt+i")
        await stage.until_top(StandingScreen)
        lines = [line.strip() for line in stage.text.splitlines()]
        first = next(index for index, line in enumerate(lines) if line.startswith("lab · loopback, you vouched"))
        assert first < next(index for index, line in enumerate(lines) if line.startswith("openai · managed"))
        for words in ("because  as the test says", "answers  /usr/bin/python3.11 (process 812), 3.0 s ago"):
            assert words in lines
        for words in ("this device, verified", "loopback, not proven local", "your own host, you vouched"):
            assert words in lines
        await stage.press("alt+i")
        await stage.until(lambda: stage.app.screen is stage.screen)
