"""First-time hints: one at a time, where they help, never again, and never in the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from hybridchat.config import UiConfig
from hybridchat.domain.chat import Message, MessageState, Role
from hybridchat.session.hints import SeenHints
from hybridchat.tui.actions import BY_ID
from hybridchat.tui.first_hints import FIRST_HINTS, Moment, choose
from hybridchat.tui.screens.hinting import Tip
from tests.tui.conftest import Screenplay, Stage

CODE = "Like this:\n\n```python\nprint(1)\n```\n"


async def answer(stage: Stage, text: str) -> None:
    await stage.send("a question")
    chat = stage.screen.chat
    assert chat is not None
    await stage.until(lambda: chat.is_streaming)
    stage.session.feed(chat, text, ttft_ms=1.0)
    stage.session.finish(chat)
    await stage.settle()


def tips(stage: Stage) -> list[str]:
    return [line.strip() for line in stage.text.splitlines() if "tip: " in line]


async def test_each_is_shown_once_and_stays_away_in_the_next_run(play: Screenplay, tmp_path: Path) -> None:
    file = tmp_path / "hints.json"
    async with play(hints_file=file) as stage:
        await answer(stage, CODE)
        await stage.until(lambda: tips(stage) == ["tip: F5 copies the code · Esc puts this away"])
        await stage.press("escape")
        await stage.until(lambda: not tips(stage) and file.exists())
        assert json.loads(file.read_text()).keys() == {"copy_code"}
    async with play(hints_file=file) as stage:
        await answer(stage, CODE)
        await stage.until(lambda: len(tips(stage)) == 1)
        assert "F5" not in tips(stage)[0]


@pytest.mark.parametrize("how", ["by its key", "from the palette", "by going on"])
async def test_who_does_it_or_goes_on_is_done_with_it(play: Screenplay, tmp_path: Path, how: str) -> None:
    file = tmp_path / "hints.json"
    async with play(hints_file=file) as stage:
        await answer(stage, CODE)
        await stage.until(lambda: tips(stage))
        if how == "by its key":
            await stage.press("f5")
        elif how == "from the palette":
            await stage.press("ctrl+p")
            await stage.type("copy a code block")
            await stage.until(lambda: "(F5)" in stage.text)
            await stage.press("enter")
        else:
            await stage.send("the next question")
        await stage.until(lambda: not stage.screen.query(Tip))
        await stage.until(file.exists)


async def test_the_draft_and_the_focus_stay(play: Screenplay, tmp_path: Path) -> None:
    async with play(hints_file=tmp_path / "hints.json", size=(80, 24)) as stage:
        await answer(stage, CODE)
        await stage.until(lambda: tips(stage))
        await stage.type("words")
        await stage.press("escape")
        await stage.until(lambda: not tips(stage))
        assert stage.screen.composer.text == "words"
        assert stage.screen.focused is stage.screen.composer


async def test_none_where_none_are_wanted_nor_off_the_record(play: Screenplay, tmp_path: Path) -> None:
    file = tmp_path / "hints.json"
    async with play(hints_file=file, ui=UiConfig(hints=False)) as stage:
        await answer(stage, CODE)
        assert not stage.screen.query(Tip)
    async with play(hints_file=file) as stage:
        stage.screen.action_new_off_record()
        await answer(stage, CODE)
        assert not stage.screen.query(Tip)
    async with play() as stage:  # as the demo
        await answer(stage, CODE)
        assert not stage.screen.query(Tip)
    assert not file.exists()


@pytest.mark.parametrize("broken", ["not json", "a folder"])
async def test_a_file_that_cannot_be_used_harms_nobody(play: Screenplay, tmp_path: Path, broken: str) -> None:
    file = tmp_path / "hints.json"
    file.mkdir() if broken == "a folder" else file.write_text("{")
    async with play(hints_file=file) as stage:
        await answer(stage, CODE)
        await stage.until(lambda: tips(stage))
        await stage.press("escape")
        await stage.until(lambda: not tips(stage))
        await answer(stage, CODE)
        assert not any("F5" in tip for tip in tips(stage))


REPLY = Message(2, 1, 1, Role.ASSISTANT, "yes", "2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("moment", "action"),
    [
        (Moment(replace(REPLY, state=MessageState.FAILED), 1, 1, True), "ways"),
        (Moment(replace(REPLY, text=CODE), 1, 1, True), "copy_code"),
        (Moment(replace(REPLY, thinking="hm"), 1, 1, True), "toggle_thinking"),
        (Moment(REPLY, 1, 1, True), "escalate"),
        (Moment(replace(REPLY, text="line\n" * 50), 1, 1, False), "read"),
        (Moment(REPLY, 3, 1, False), "commands"),
        (Moment(REPLY, 1, 3, False), "search"),
        (Moment(REPLY, 1, 1, False), None),
    ],
)
def test_what_helps_when(moment: Moment, action: str | None) -> None:
    hint = choose(moment, lambda name: True)
    assert (hint and hint.action) == action


def test_a_hint_is_about_an_action_and_fits_a_narrow_terminal() -> None:
    for hint in FIRST_HINTS:
        assert BY_ID[hint.action].keys
        assert len(f"tip: {hint.words.format('Ctrl+Shift+X')} · Esc puts this away") <= 76


def test_what_was_seen_in_another_window_is_known(tmp_path: Path) -> None:
    one, other = (SeenHints(tmp_path / "hints.json") for _ in range(2))
    one.keep("read")
    other.read()
    assert not other.is_new("read") and other.is_new("search")
