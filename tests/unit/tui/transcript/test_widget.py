"""The transcript in a running app: following, scrolling, streaming, folding, selecting, copying."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from msgspec.structs import replace
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from hybridchat.domain.chat import Message, MessageState
from hybridchat.tui.themes import VARIABLE_DEFAULTS
from hybridchat.tui.transcript.fences import CodeBlock
from hybridchat.tui.transcript.widget import Transcript
from tests.unit.tui.transcript.shown import describe, message, streaming, user


class Stage(App[None]):
    CSS = "Transcript { padding: 0 1; }"

    def __init__(self, *messages: Message) -> None:
        super().__init__()
        self.transcript = Transcript(describe)
        self.copied: list[str] = []
        self._messages = messages

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def compose(self) -> ComposeResult:
        yield self.transcript

    def on_mount(self) -> None:
        self.transcript.set_messages(self._messages)
        self.transcript.focus()

    def on_transcript_copy_requested(self, event: Transcript.CopyRequested) -> None:
        self.copied.append(event.text)


@asynccontextmanager
async def running(
    *messages: Message, size: tuple[int, int] = (40, 12)
) -> AsyncIterator[tuple[Transcript, Pilot[None], Stage]]:
    app = Stage(*messages)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.transcript.document.width > 0)
        yield app.transcript, pilot, app


async def until(pilot: Pilot[None], predicate: Callable[[], object]) -> None:
    for _ in range(400):
        if predicate():
            return
        await pilot.pause()
    raise AssertionError("never became true")


def lines(transcript: Transcript) -> list[str]:
    return [line.strip() for line in transcript.plain_lines() if line.strip()]


def conversation(count: int) -> Sequence[Message]:
    return [user(f"question {i}", i) if i % 2 else message(f"answer {i}\n\nmore {i}", i) for i in range(1, count + 1)]


async def test_a_conversation_opens_at_its_end() -> None:
    async with running(*conversation(50)) as (transcript, _, _app):
        assert lines(transcript)[-3:] == ["answer 50", "more 50", "footer"]
        assert transcript.is_following


async def test_a_reply_streams_and_the_end_stays_in_sight() -> None:
    async with running(*conversation(10)) as (transcript, pilot, _):
        transcript.add_message(streaming(99))
        assert lines(transcript)[-1] == "…"
        transcript.set_status(99, "loading model 40 %")
        assert lines(transcript)[-1] == "loading model 40 %"
        for i in range(30):
            transcript.append(99, f"line {i}\n\n")
        await until(pilot, lambda: lines(transcript)[-1] == "line 29")
        assert transcript.scroll_y == transcript.max_scroll_y


async def test_what_is_appended_shows_with_the_next_frame_and_not_before() -> None:
    async with running(streaming(1)) as (transcript, pilot, _):
        transcript.append(1, "first")
        assert lines(transcript)[-1] == "…"
        await until(pilot, lambda: lines(transcript)[-1] == "first")


async def test_scrolled_away_it_is_not_pulled_back_until_end_is_pressed() -> None:
    async with running(*conversation(20)) as (transcript, pilot, _):
        transcript.add_message(streaming(99))
        await pilot.press("pageup")
        before = lines(transcript)
        transcript.append(99, "text\n\n" * 30)
        await until(pilot, lambda: "↓ new" in transcript.plain_lines()[-1])
        assert lines(transcript)[:-1] == before[:-1]
        await pilot.press("end")
        assert lines(transcript)[-1] == "text"
        assert transcript.is_following
        transcript.append(99, "newest")
        await until(pilot, lambda: lines(transcript)[-1] == "newest")


async def test_the_hint_is_a_button() -> None:
    async with running(*conversation(20)) as (transcript, pilot, _):
        await pilot.press("home")
        transcript.add_message(message("late", 99))
        assert "↓ new" in transcript.plain_lines()[-1]
        await pilot.click(transcript, offset=(37, 11))
        assert lines(transcript)[-2:] == ["late", "footer"]


async def test_scrolling_down_to_the_end_follows_again() -> None:
    async with running(*conversation(20)) as (transcript, pilot, _):
        await pilot.press("up", "up")
        assert not transcript.is_following
        await pilot.press("down", "down")
        assert transcript.is_following


async def test_keys_go_line_by_line_through_everything_and_back() -> None:
    async with running(*conversation(30)) as (transcript, pilot, _):
        await pilot.press("home")
        seen = transcript.plain_lines(0, 0)
        while not transcript.is_following:
            transcript.action_scroll_down()
            seen += transcript.plain_lines(0, 0)
        seen += transcript.plain_lines(1)
        texts = [line.strip(" ▌") for line in seen if "question" in line or "answer" in line]
        assert texts == [f"question {i}" if i % 2 else f"answer {i}" for i in range(1, 31)]
        transcript.action_scroll_home()
        assert transcript.scroll_y == 0


async def test_pages_skip_nothing_where_heights_were_guessed_wrong() -> None:
    texts = [message("".join(f"{i * 20 + j} {'<b>' * 30}\n\n" for j in range(20)), i + 1) for i in range(12)]
    async with running(*texts) as (transcript, pilot, _):
        await pilot.press("home")
        seen: list[int] = []
        while True:
            seen += [int(line.split()[0]) for line in lines(transcript) if line.split()[0].isdigit()]
            if transcript.is_following:
                break
            transcript.action_page_down()
        assert sorted(set(seen)) == list(range(240))
        for _ in range(400):
            transcript.action_page_up()
        assert transcript.scroll_y == 0
        assert lines(transcript)[1] == "0"


async def test_dragging_the_scroll_bar_to_its_end_ends_at_the_end() -> None:
    async with running(*conversation(500)) as (transcript, pilot, _):
        await pilot.press("home")
        transcript.scroll_to(y=transcript.max_scroll_y)
        assert transcript.is_following
        transcript.scroll_to(y=transcript.max_scroll_y // 2)
        assert not transcript.is_following
        transcript.scroll_end()
        assert lines(transcript)[-2] == "more 500"


async def test_the_users_own_message_brings_the_end_back() -> None:
    async with running(*conversation(20)) as (transcript, pilot, _):
        await pilot.press("home")
        transcript.add_message(user("mine", 99))
        assert lines(transcript)[-1] == "▌ mine"


async def test_resizing_keeps_the_text_at_the_top() -> None:
    long = message("\n\n".join(f"{i} " + "word " * 30 for i in range(40)), 1)
    async with running(long, size=(60, 12)) as (transcript, pilot, _):
        transcript.action_scroll_home()
        for _ in range(9):
            transcript.action_page_down()
        words = transcript.plain_lines(0, 3)
        number = next(word for line in words for word in line.split() if word.isdigit())
        for width in (30, 90, 20):
            await pilot.resize_terminal(width, 12)
            await until(pilot, lambda width=width: transcript.size.width == width - 2)
        assert any(number in line.split() for line in transcript.plain_lines())


async def test_the_smallest_and_odd_sizes_do_no_harm() -> None:
    async with running(*conversation(6)) as (transcript, pilot, _):
        transcript.add_message(streaming(99))
        for size in ((1, 1), (2, 3), (300, 100), (5, 2), (40, 12)):
            transcript.append(99, "你好 word `code` " * 3)
            await pilot.resize_terminal(*size)
        await until(pilot, lambda: transcript.size.width == 38 and "code" in "".join(lines(transcript)))


async def test_a_finished_reply_has_its_final_text_and_footer() -> None:
    async with running(user("q", 1), streaming(2)) as (transcript, pilot, _):
        transcript.append(2, "half a")
        await until(pilot, lambda: "half a" in lines(transcript))
        transcript.finish(message("half a sentence", 2))
        assert lines(transcript)[-2:] == ["half a sentence", "footer"]


async def test_text_that_has_not_been_drawn_yet_is_not_lost_at_the_end() -> None:
    async with running(streaming(2)) as (transcript, _, _app):
        transcript.append(2, "all of it")
        transcript.finish(message("all of it", 2))
        assert lines(transcript)[-2:] == ["all of it", "footer"]


async def test_a_message_that_changes_later_is_shown_so() -> None:
    async with running(message("a", 1), message("b", 2)) as (transcript, _, _app):
        transcript.update_message(replace(message("a", 1), text="changed"))
        assert "changed" in lines(transcript)
        assert transcript.shows([message("a", 1), message("b", 2)])
        transcript.cut(2)
        assert "b" not in lines(transcript)
        assert transcript.shows([message("a", 1)])


async def test_a_price_that_comes_while_a_reply_streams_keeps_its_text() -> None:
    async with running(streaming(1)) as (transcript, _, _app):
        transcript.append(1, "so far")
        transcript.update_message(streaming(1))
        assert lines(transcript) == ["assistant", "so far"]


async def test_messages_of_another_conversation_are_ignored() -> None:
    async with running(message("a", 1)) as (transcript, _, _app):
        transcript.append(77, "x")
        transcript.finish(message("x", 77))
        transcript.set_status(77, "x")
        transcript.scroll_to_message(77)
        assert lines(transcript) == ["assistant", "a", "footer"]


async def test_thinking_is_folded_and_unfolds_by_key_and_click() -> None:
    thought = replace(message("answer", 1), thinking="secret plan", thinking_ms=3210.0)
    async with running(thought) as (transcript, pilot, _):
        assert lines(transcript) == ["assistant", "▸ thought for 3.2 s", "answer", "footer"]
        await pilot.press("t")
        assert lines(transcript)[1:4] == ["▾ thought for 3.2 s", "┊ secret plan", "answer"]
        await pilot.click(transcript, offset=(5, 2))
        assert "┊ secret plan" not in lines(transcript)
        await pilot.press("T")
        assert "┊ secret plan" in lines(transcript)


async def test_thinking_streams_folded_then_the_text_follows() -> None:
    async with running(streaming(1)) as (transcript, pilot, _):
        transcript.append(1, "hmm", is_thinking=True)
        await until(pilot, lambda: "▸ thinking…" in lines(transcript))
        transcript.toggle_thinking(1)
        assert "┊ hmm" in lines(transcript)
        transcript.append(1, " well", is_thinking=True)
        transcript.append(1, "So:")
        await until(pilot, lambda: lines(transcript)[1:] == ["▾ thought", "┊ hmm well", "So:"])


async def test_dragging_selects_and_copying_gives_plain_text() -> None:
    async with running(message("one **two** three four five six seven eight nine ten", 1)) as (transcript, pilot, app):
        await pilot.mouse_down(transcript, offset=(7, 2))
        await pilot.hover(transcript, offset=(7, 3))
        await pilot.mouse_up(transcript, offset=(7, 3))
        assert transcript.selected_text == "two three four five six seven eight"
        assert app.screen.get_selected_text() == transcript.selected_text
        await pilot.press("y")
        assert app.copied == ["two three four five six seven eight"]
        assert transcript.selection is None


async def test_clicking_twice_selects_a_word_and_thrice_a_block_and_once_nothing() -> None:
    async with running(message("one don't three", 1)) as (transcript, pilot, _):
        await pilot.click(transcript, offset=(8, 2), times=2)
        assert transcript.selected_text == "don't"
        await pilot.click(transcript, offset=(8, 2), times=3)
        assert transcript.selected_text == "one don't three"
        await pilot.click(transcript, offset=(8, 2))
        assert transcript.selection is None


async def test_dragging_beyond_the_window_scrolls() -> None:
    async with running(*conversation(40)) as (transcript, pilot, _):
        await pilot.mouse_down(transcript, offset=(10, 6))
        transcript._pointer = (5, -3)
        for _ in range(4):
            transcript._drag_scroll()
        await pilot.mouse_up(transcript, offset=(5, 0))
        assert transcript.selected_text.count("answer") >= 2
        assert not transcript.is_following


async def test_the_caret_selects_by_keys() -> None:
    async with running(message("one two\n\nthree", 1)) as (transcript, pilot, app):
        await pilot.press("v", "up", "home", "shift+right", "shift+right", "shift+right")
        assert transcript.selected_text == "one"
        await pilot.press("v", "down", "end", "ctrl+c")
        assert app.copied == [" two\n\nthree"]
        await pilot.press("v", "escape", "ctrl+a", "y")
        assert app.copied[-1] == "one two\n\nthree"


async def test_the_caret_crosses_messages_and_scrolls_with_it() -> None:
    async with running(*conversation(30)) as (transcript, pilot, _):
        await pilot.press("v", *["pageup"] * 3)
        assert transcript._caret is not None
        assert transcript._caret.view < 22
        assert any("answer" in line for line in transcript.plain_lines())


async def test_a_selection_stays_on_its_text_while_more_streams_and_the_width_changes() -> None:
    async with running(message("keep this text", 1), streaming(2)) as (transcript, pilot, _):
        await pilot.click(transcript, offset=(9, 2), times=2)
        assert transcript.selected_text == "this"
        transcript.append(2, "more " * 200)
        await pilot.resize_terminal(30, 12)
        await until(pilot, lambda: "more" in "".join(lines(transcript)))
        assert transcript.selected_text == "this"


async def test_code_blocks_and_the_last_reply() -> None:
    long = "\n".join(f"x{i} = {i}\n" for i in range(150))
    first = message(f"```py\n{long}\n```\n\n- item\n  ```sh\n  ls\n  ```", 1)
    async with running(first, user("```\nmine\n```", 2), message("last **reply**", 3)) as (transcript, _, _app):
        assert transcript.code_blocks(1) == [CodeBlock("py", long, 1), CodeBlock("sh", "ls", 1)]
        assert transcript.code_blocks()[-1] == CodeBlock("", "mine", 2)
        assert transcript.last_reply() == "last **reply**"
        transcript.clear()
        assert (transcript.last_reply(), transcript.code_blocks(), lines(transcript)) == ("", [], [])


async def test_scrolling_to_a_message_puts_it_at_the_top() -> None:
    async with running(*conversation(200)) as (transcript, _, _app):
        transcript.scroll_to_message(51)
        assert lines(transcript)[:2] == ["▌ user", "▌ question 51"]


async def test_it_costs_what_is_visible() -> None:
    async with running(*conversation(5000)) as (transcript, _, _app):
        assert sum(view.is_open for view in transcript.document.views) < 20


async def test_far_messages_are_forgotten_and_come_back() -> None:
    async with running(*conversation(2000), size=(40, 30)) as (transcript, _, _app):
        transcript.action_scroll_home()
        for _ in range(80):
            transcript.action_page_down()
        assert sum(view.is_open for view in transcript.document.views) <= 256
        transcript.action_scroll_home()
        assert lines(transcript)[:2] == ["▌ user", "▌ question 1"]


async def test_a_failed_reply_keeps_what_came() -> None:
    async with running(streaming(1)) as (transcript, pilot, _):
        transcript.append(1, "half")
        await until(pilot, lambda: "half" in lines(transcript))
        transcript.finish(message("half", 1, state=MessageState.FAILED))
        assert lines(transcript) == ["assistant", "half", "footer"]
