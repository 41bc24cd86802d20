"""Pointing at a message: where the pointer goes, what it shows, what it costs."""

from __future__ import annotations

from msgspec.structs import replace

from hybridchat.tui.transcript.pointing import POINTER
from hybridchat.tui.transcript.widget import Transcript
from tests.unit.tui.transcript.shown import message, streaming
from tests.unit.tui.transcript.test_widget import conversation, running

BAR = POINTER[0]


def pointed_lines(transcript: Transcript) -> list[str]:
    return [line.strip().removeprefix(BAR.strip()).strip() for line in transcript.plain_lines() if BAR.strip() in line]


def pointed_id(transcript: Transcript) -> int | None:
    return transcript.pointed.id if transcript.pointed else None


async def test_it_begins_with_what_is_in_sight_and_stays_at_the_ends() -> None:
    async with running(*conversation(10)) as (transcript, _, _app):
        assert transcript.pointed is None
        transcript.point_step(-1)
        assert pointed_id(transcript) == 10
        assert pointed_lines(transcript) == ["assistant", "answer 10", "", "more 10", "footer"]
        transcript.point_step(1)
        assert pointed_id(transcript) == 10, "there is none after the last"
        for _ in range(20):
            transcript.point_step(-1)
        assert pointed_id(transcript) == 1
        assert pointed_lines(transcript) == ["user", "question 1"]


async def test_its_message_comes_into_sight_with_as_much_as_there_is_room_for() -> None:
    long = message("\n\n".join(f"paragraph {i}" for i in range(40)), 2)
    async with running(*conversation(1), long, *(replace(m, id=m.id + 2) for m in conversation(6))) as (
        transcript,
        _,
        _app,
    ):
        transcript.point_at(2)
        assert pointed_lines(transcript)[:2] == ["assistant", "paragraph 0"]
        transcript.point_step(1)
        assert pointed_lines(transcript) == ["user", "question 1"]
        top = transcript.plain_lines()[0]
        transcript.point_step(1)
        assert transcript.plain_lines()[0].split() == top.split(), "all of it was in sight already: nothing moved"


async def test_after_scrolling_away_it_goes_on_from_what_is_in_sight() -> None:
    async with running(*conversation(60)) as (transcript, _, _app):
        transcript.point_at(1)
        transcript.scroll_end()
        assert pointed_id(transcript) == 1
        assert not pointed_lines(transcript)
        transcript.point_step(-1)
        assert pointed_id(transcript) == 60


async def test_a_click_points() -> None:
    async with running(*conversation(4), size=(40, 24)) as (transcript, pilot, _app):
        y = next(y for y, line in enumerate(transcript.plain_lines()) if "question 3" in line)
        await pilot.click(Transcript, offset=(6, y))
        assert pointed_id(transcript) == 3
        transcript.point_at(None)
        assert not pointed_lines(transcript)


async def test_it_follows_its_message_and_goes_with_it() -> None:
    async with running(*conversation(3)) as (transcript, _, _app):
        transcript.add_message(streaming(99))
        transcript.point_at(99)
        transcript.finish(message("done", 99))
        assert transcript.pointed is not None
        assert transcript.pointed.text == "done"
        transcript.cut(99)
        assert transcript.pointed is None
        transcript.point_at(3)
        transcript.set_messages(conversation(2))
        assert transcript.pointed is None


async def test_without_a_gutter_the_first_line_tells() -> None:
    async with running(*conversation(2), size=(10, 12)) as (transcript, _, _app):
        transcript.point_at(2)
        row = next(y for y, line in enumerate(transcript.plain_lines()) if "assist" in line)
        assert any(segment.style and segment.style.underline for segment in transcript.render_line(row))


async def test_only_what_is_on_the_screen_is_looked_at() -> None:
    async with running(*conversation(5_000)) as (transcript, pilot, _app):
        for _ in range(30):
            transcript.point_step(-1)
        assert pointed_id(transcript) == 4_971
        assert sum(view.is_open for view in transcript.document.views) < 60
        await pilot.pause()
        strip = transcript.render_line(1)
        transcript.point_at(4_972)
        transcript.point_at(4_971)
        assert transcript.render_line(1) is strip, "what is painted is kept"
