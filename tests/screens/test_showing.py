"""How messages are shown: raw or rendered, long ones folded."""

from __future__ import annotations

from hybridchat.domain.chat import MessageState
from hybridchat.tui.transcript.layout import Look
from hybridchat.tui.transcript.message import HEAD_LINES
from hybridchat.tui.transcript.needle import Needle
from hybridchat.tui.transcript.widget import Transcript
from tests.unit.tui.transcript.shown import message, streaming, user
from tests.unit.tui.transcript.test_widget import conversation, lines, running

LOG = "\n".join(f"log line {i}" for i in range(500))
FOLDS = Look(fold_lines=100)


def more(transcript: Transcript) -> list[str]:
    return [line.strip() for line in transcript.plain_lines() if "more" in line]


async def test_raw_is_what_was_written_without_control_characters() -> None:
    text = "# Title\n\n- **bold**\n\n```py\nx = 1\n```\n\x1b[31mred"
    async with running(message(text), size=(60, 30)) as (transcript, _, _app):
        rendered = lines(transcript)
        assert "# Title" not in rendered
        assert transcript.toggle_raw()
        assert lines(transcript)[1:-1] == ["# Title", "- **bold**", "```py", "x = 1", "```", "␛[31mred"]
        assert not transcript.toggle_raw()
        assert lines(transcript) == rendered


async def test_raw_while_a_reply_streams_loses_nothing() -> None:
    async with running(user("q"), size=(60, 30)) as (transcript, pilot, _app):
        transcript.add_message(streaming(99))
        transcript.append(99, "**one** ")
        await pilot.pause(0.05)
        transcript.toggle_raw()
        transcript.append(99, "*two*")
        transcript.finish(message("**one** *two*", 99))
        assert "**one** *two*" in lines(transcript)


async def test_a_long_message_shows_its_first_lines_and_how_many_there_are() -> None:
    async with running(user(LOG), message("short", 2), size=(60, 40)) as (transcript, _, _app):
        transcript.use(FOLDS, show_thinking=False)
        assert more(transcript) == [f"▌ ▸ {500 - HEAD_LINES} more lines"]
        assert transcript.toggle_fold()
        assert more(transcript) == []
        transcript.scroll_home()
        assert transcript.toggle_fold()
        assert len(more(transcript)) == 1
        transcript.point_at(2)
        assert not transcript.toggle_fold(), "the one that is pointed at is short"


async def test_what_streamed_stays_open_when_it_ends() -> None:
    async with running(user("q"), size=(60, 10)) as (transcript, _, _app):
        transcript.use(FOLDS, show_thinking=False)
        transcript.add_message(streaming(99))
        transcript.append(99, LOG)
        transcript.finish(message(LOG, 99))
        assert "log line 499" in lines(transcript)
        transcript.set_messages([message(LOG, 99, state=MessageState.COMPLETE)])
        assert "log line 499" not in lines(transcript)


async def test_finding_unfolds_where_it_finds() -> None:
    async with running(user(LOG, 50), *conversation(1), size=(60, 12)) as (transcript, _, _app):
        transcript.use(FOLDS, show_thinking=False)
        transcript.find(Needle.of_text("log line 321"))
        assert any("log line 321" in line for line in lines(transcript))


async def test_all_that_is_selected_is_copied_also_what_was_hidden() -> None:
    async with running(user(LOG), size=(60, 12)) as (transcript, _, _app):
        transcript.use(FOLDS, show_thinking=False)
        transcript.action_select_all()
        assert transcript.selected_text == LOG


async def test_a_jump_to_hidden_code_unfolds() -> None:
    text = f"{LOG}\n\n```py\nhidden = 1\n```"
    async with running(message(text), size=(60, 12)) as (transcript, _, _app):
        transcript.use(FOLDS, show_thinking=False)
        transcript.scroll_home()
        assert transcript.code_step(1)
        assert any("hidden = 1" in line for line in lines(transcript))


async def test_a_long_line_is_folded_by_its_length() -> None:
    async with running(user("x" * 60_000), size=(60, 60)) as (transcript, _, _app):
        transcript.use(FOLDS, show_thinking=False)
        assert "more characters" in more(transcript)[0]
