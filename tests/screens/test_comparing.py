"""Side by side: the screen over the real session, two servers and a ledger."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hybridchat.errors import UsageError
from hybridchat.tui.screens.choose_sides import ChooseSides
from hybridchat.tui.screens.compare import CompareScreen
from hybridchat.tui.screens.dialogs import Confirm
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.widgets.rows import RowList
from tests.screens.test_real_answers import Rent, Two
from tests.screens.test_real_answers import rent as rent

TELLS = ("lab", "rented", "fake", "tok/s", "TTFT", "$", "first token", "managed", "loopback")


def go_to(rows: RowList, matches: Callable[[object], object]) -> None:
    rows.cursor = next(index for index, row in enumerate(rows.rows) if matches(row.key))


async def choose(
    two: Two, *, draft: str = "why?", blind: bool = False, sides: tuple[str, ...] = ("lab", "rented")
) -> None:
    """Up to the confirmation, which is said yes to."""
    stage = two.stage
    if draft:
        stage.screen.composer.set_draft(draft)
    await stage.press("alt+c")
    top = await stage.until_top(ChooseSides)
    for side in sides:
        if all(chosen.backend != side for chosen in top.sides):
            go_to(top.list, lambda key, side=side: isinstance(key, tuple) and key[0] == side)  # type: ignore[misc]
            await stage.press("space")
    if blind:
        go_to(top.list, lambda key: key == "blind")
        await stage.press("space")
    await stage.press("enter")


async def compare(two: Two, **options: object) -> CompareScreen:
    await choose(two, **options)  # type: ignore[arg-type]
    await two.stage.until_top(Confirm)
    await two.stage.press("enter")
    top: CompareScreen = await two.stage.until_top(CompareScreen)
    return top


async def until_done(two: Two) -> None:
    chat = two.stage.screen.chat
    assert chat is not None
    await two.stage.until(lambda: not chat.is_streaming and "is better" in two.stage.text)


async def test_both_stream_side_by_side_and_the_conversation_goes_on_with_the_better_one(rent: Rent) -> None:
    async with rent(route="local", size=(120, 40)) as two:
        await choose(two)
        confirm = await two.stage.until_top(Confirm)
        assert "Leaves your machines: to fake on rented; no earlier turn goes along." in confirm._detail
        assert "All of it may cost" in confirm._detail
        await two.stage.until(lambda: "Leaves your machines" in two.stage.text)
        assert two.local.sent("/v1/chat/completions") == two.managed.sent("/v1/chat/completions") == []
        await two.stage.press("enter")
        await two.stage.until_top(CompareScreen)
        await until_done(two)
        await two.stage.until(lambda: "· $0.021" in two.stage.text)
        await two.stage.until(lambda: two.stage.text.count("TTFT") == two.stage.text.count("tok/s") == 2)
        assert "A · lab · fake · loopback, you vouched" in two.stage.text
        assert "B · rented · fake · managed" in two.stage.text
        await two.stage.press("2")
        await two.stage.until(lambda: "your vote: B is better" in two.stage.text)
        votes = "select a_backend, b_backend, outcome, was_blind, a_position from votes"
        assert two.stored(votes) == [("lab", "rented", "b", 0, 0)]
        await two.stage.press("0")
        await two.stage.until(lambda: "your vote: both bad" in two.stage.text)
        await two.stage.press("u")
        await two.stage.until(lambda: "your vote" not in two.stage.text)
        assert two.stored(votes) == []
        await two.stage.press("enter")
        await two.stage.until(lambda: "‹2/2› rented" in two.stage.text)
        await two.answered("and then?")
        history = two.local.sent("/v1/chat/completions")[-1].json()["messages"]
        assert [message["role"] for message in history] == ["user", "assistant", "user"]
        assert two.stored("select purpose, count(*) from usage group by 1") == [("chat", 1), ("compare", 2)]


async def test_nothing_tells_who_is_who_before_a_blind_vote(rent: Rent) -> None:
    async with rent(route="local", size=(200, 60)) as two:
        stage, told = two.stage, []

        def look() -> bool:
            told.append(stage.text)
            return True

        stage.screen.session.listen(lambda event: look())  # type: ignore[union-attr]
        await compare(two, blind=True)
        told.clear()
        await until_done(two)
        await stage.until(lambda: "answer A" in stage.text and "answer B" in stage.text)
        await stage.press("escape")
        await stage.until(lambda: "waits for your vote" in stage.text)
        await stage.press("alt+left")
        await stage.until(lambda: "answer B of a blind comparison" in stage.text)
        panel, transcript = stage.screen.panel, stage.screen.transcript
        assert panel.live is None and panel.snapshot.local.replies == panel.snapshot.managed.replies == 0
        assert not any(tell in line for line in transcript.plain_lines() for tell in TELLS)
        for key in ("alt+e", "alt+c"):
            await stage.press(key)
            await stage.until_top(CompareScreen)
            await stage.press("escape")
        stage.screen.action_details()
        await stage.until(lambda: "vote first, or show the names" in stage.text)
        await stage.press("alt+v")
        await stage.until(lambda: "Tree of this chat" in stage.text and "‹2/2›" in stage.text)
        rows = [row.partition("reply ‹")[2][:60] for row in stage.text.splitlines() if "reply ‹" in row]
        assert len(rows) == 2 and not any(tell in row for row in rows for tell in TELLS)
        await stage.press("escape")
        await stage.send("go on")  # Enter leads to the vote
        await stage.until_top(CompareScreen)
        look()
        seen = [(tell, text) for text in told for tell in TELLS if tell in text and "Compare:" in text]
        assert seen == []
        await stage.press("1")
        await stage.until(lambda: "your vote: A is better · voted blind" in stage.text)
        await stage.until(lambda: "· lab ·" in stage.text and "· rented ·" in stage.text)
        await stage.until(lambda: panel.snapshot.local.replies == 1)
        ((shuffled, was_blind),) = two.stored("select a_backend || b_backend, was_blind from votes")
        assert shuffled in ("labrented", "rentedlab") and was_blind == 1
        assert stage.screen.composer.text == "go on", "the words are still there"


async def test_names_shown_without_a_vote_make_it_an_open_one(rent: Rent) -> None:
    async with rent(route="local", size=(120, 40)) as two:
        await compare(two, blind=True)
        await until_done(two)
        await two.stage.press("n")
        await two.stage.until(lambda: "· lab ·" in two.stage.text)
        await two.stage.press("equals_sign")
        await two.stage.until(lambda: "your vote: a tie" in two.stage.text)
        assert two.stored("select was_blind, outcome from votes") == [(0, "tie")]


async def test_who_leaves_finds_them_again_and_the_screen_follows_the_terminal(rent: Rent) -> None:
    async with rent(route="local", size=(120, 40)) as two:
        two.local.tokens = two.managed.tokens = 1_000_000
        two.local.tokens_per_s = two.managed.tokens_per_s = 20
        await compare(two)
        await two.stage.until(lambda: two.stage.text.count("TTFT") == 2)
        await two.stage.resize(1, 1)
        await two.stage.resize(80, 24)
        await two.stage.until(lambda: " A lab " in two.stage.text and "› A" in two.stage.text)
        await two.stage.press("tab")
        await two.stage.until(lambda: "› B · rented" in two.stage.text and "› A" not in two.stage.text)
        await two.stage.press("escape")
        await two.stage.until(lambda: two.stage.app.screen is two.stage.screen)
        await two.stage.until(lambda: "Alt+C shows them side by side again." in two.stage.text)
        assert two.stage.screen.chat is not None and two.stage.screen.chat.is_streaming
        await two.stage.press("alt+c")
        await two.stage.until_top(CompareScreen)
        await two.stage.until(lambda: "TTFT" in two.stage.text)
        await two.stage.press("s")
        await two.stage.until(lambda: "stopped" in two.stage.text)
        assert two.stage.screen.chat.is_streaming, "the other one goes on"
        await two.stage.press("S")
        await until_done(two)
        assert two.stored("select outcome from usage") == [("stopped",), ("stopped",)]


async def test_the_vote_is_seen_beside_a_long_question_on_a_small_screen(rent: Rent) -> None:
    async with rent(route="local", size=(80, 24)) as two:
        await compare(two, draft="why is it that readers never wait for a writer, and writers do?")
        await until_done(two)
        await two.stage.press("2")
        await two.stage.until(lambda: "your vote: B is better" in two.stage.text)
        assert "Compare: why is it" in two.stage.text


async def test_what_goes_along_with_the_last_question_is_what_came_before_it(rent: Rent) -> None:
    async with rent(route="local", size=(120, 40)) as two:
        await two.answered("one")
        await two.stage.press("alt+c")
        await two.stage.until_top(ChooseSides)
        await two.stage.until(lambda: "no earlier messages go along" in two.stage.text)
        await two.stage.press("escape")
        await two.stage.type("two")
        await two.stage.press("alt+c")
        await two.stage.until_top(ChooseSides)
        await two.stage.until(lambda: "2 earlier messages go along" in two.stage.text)


async def test_one_side_that_fails_can_be_asked_again(rent: Rent) -> None:
    async with rent(route="local", limited=(300,), size=(120, 40)) as two:
        await compare(two)
        await until_done(two)
        await two.stage.until(lambda: "failed · no token" in two.stage.text and "Rate limit reached" in two.stage.text)
        await two.stage.press("right")
        await two.stage.until(lambda: "R asks this one again" in two.stage.text)
        two.stage.screen.session.fleet._breakers.clear()  # type: ignore[union-attr]
        await two.stage.press("r")
        await two.stage.until(lambda: "· $0.021" in two.stage.text)
        assert len(two.local.sent("/v1/chat/completions")) == 1


async def test_why_a_blind_side_failed_tells_nothing_of_it(rent: Rent, monkeypatch: pytest.MonkeyPatch) -> None:
    async def again(*_: object) -> None:
        raise UsageError("rented is chosen for this message; nothing listens there", "choose lab")

    async with rent(route="local", limited=(300,), size=(200, 60)) as two:
        stage = two.stage
        screen = await compare(two, blind=True)
        await until_done(two)
        await stage.until(lambda: "failed" in stage.text)
        if not screen._can_ask_again():
            await stage.press("right")
        monkeypatch.setattr(screen._session.comparing, "again", again)
        await stage.press("r")
        await stage.until(lambda: "It cannot be asked now" in stage.text)
        await stage.press("escape")
        await stage.until(lambda: "waits for your vote" in stage.text)
        await stage.press("alt+w")
        await stage.until_top(CompareScreen)
        assert not any(tell in stage.text for tell in (*TELLS, "Rate limit", "nothing listens"))


async def test_a_pinned_chat_compares_only_what_it_may(rent: Rent) -> None:
    async with rent(route="local", size=(120, 40), more='\n[privacy]\ndefault = "local_only"\n') as two:
        two.stage.screen.composer.set_draft("secret")
        await two.stage.press("alt+c")
        top = await two.stage.until_top(ChooseSides)
        go_to(top.list, lambda key: isinstance(key, tuple) and key[0] == "rented")
        await two.stage.press("space")
        assert top.sides == [] and "cannot go there" in two.stage.text
        await two.stage.press("escape")
        two.stage.screen.composer.set_text("/compare lab rented")
        await two.stage.press("enter")
        await two.stage.until(lambda: "no question to compare" in two.stage.text)
        assert two.managed.requests == []


async def test_secrets_are_asked_about_before_anything_leaves(rent: Rent) -> None:
    async with rent(route="local", size=(120, 40)) as two:
        await choose(two, draft="write to ann@example.com")
        await two.stage.until_top(Picker)
        await two.stage.until(lambda: "This would leave your machine" in two.stage.text)
        assert two.local.sent("/v1/chat/completions") == []
        assert "ask fake on lab" not in two.stage.text
        await two.stage.press("down", "enter")
        await two.stage.until_top(CompareScreen)
        await until_done(two)
        assert "ann@example.com" not in str(two.managed.sent("/v1/chat/completions")[0].json())
        assert "ann@example.com" in str(two.local.sent("/v1/chat/completions")[0].json())


async def test_what_becomes_known_of_a_comparison_leaves_what_is_read_in_its_place(rent: Rent) -> None:
    async with rent(route="local", size=(120, 30)) as two:
        stage, transcript = two.stage, two.stage.screen.transcript
        await compare(two)
        await until_done(two)
        await stage.press("1", "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await two.answered("\n".join(map(str, range(60))))
        chat = stage.screen.chat
        assert chat is not None and stage.screen.session is not None
        stage.screen.show_chat(stage.screen.session.new())
        await stage.until(lambda: not stage.screen._compared)
        stage.screen.show_chat(chat)
        transcript.scroll_to_message(chat.messages[0].id)
        await stage.until(lambda: stage.screen._compared)
        await stage.until(lambda: transcript.in_sight()[:1] == [chat.messages[0].id])
