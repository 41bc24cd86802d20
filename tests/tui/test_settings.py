"""Settings are the config file's own: shown with their meaning, written with its comments kept, followed at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual import events
from textual.drivers.headless_driver import HeadlessDriver
from textual.widgets import Input

from hybridchat.config import NotifyConfig, UiConfig, load_config
from hybridchat.domain.chat import Outcome
from hybridchat.session.events import TurnEnded
from hybridchat.session.settings import Settings
from hybridchat.tui.screens.chat import ChatScreen
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.screens.settings import AskValue, SettingsScreen, read_value, typed_value, value_words
from hybridchat.tui.screens.theme_picker import ThemePicker
from tests.tui.conftest import Screenplay, Stage
from tests.tui.samples import CONVERSATION

WRITTEN = '# mine\n[ui]  # the screen\npanel = "side"  # wide\n\n[budget]\n# a day\nday = 5\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(WRITTEN)
    return file


async def at(stage: Stage, key: str) -> None:
    """Opens the settings, with the cursor on that one."""
    if not isinstance(stage.app.screen, SettingsScreen):
        await stage.press("alt+s")
    screen = await stage.until_top(SettingsScreen)
    screen.filter.value = key
    await stage.until(lambda: screen.list.current is not None and screen.list.current.key == key)
    await stage.until(lambda: f"{key}:" in stage.text)


async def text_of(file: Path) -> str:
    return await asyncio.to_thread(file.read_text)


async def test_a_choice_is_written_beside_its_comment_and_followed(play: Screenplay, file: Path) -> None:
    ui = UiConfig(panel="side")
    async with play(settings=Settings(file), ui=ui, size=(120, 40)) as stage:
        await at(stage, "ui.panel")
        assert "• side" in stage.text, "not the default"
        assert "Default: auto. Applies at once." in stage.text
        await stage.press("enter")
        await stage.until_top(Picker)
        await stage.press("down", "down", "enter")
        await stage.until(lambda: "ui.panel = off: kept. It applies at once." in stage.text)
        assert await text_of(file) == WRITTEN.replace('"side"', '"off"')
        assert not stage.screen.panel.display


async def test_a_switch_is_turned_and_taken_out(play: Screenplay, file: Path) -> None:
    async with play(settings=Settings(file), size=(120, 40)) as stage:
        await at(stage, "ui.show_thinking")
        await stage.press("enter")
        await stage.until(lambda: "ui.show_thinking = on" in stage.text)
        assert "show_thinking = true" in await text_of(file)
        assert stage.screen.transcript.document.is_unfolded
        await stage.press("f8")
        await stage.until(lambda: "ui.show_thinking = off" in stage.text)
        assert await text_of(file) == WRITTEN


async def test_a_value_that_is_not_allowed_stays_in_the_line_with_the_reason(play: Screenplay, file: Path) -> None:
    async with play(settings=Settings(file), size=(120, 40)) as stage:
        await at(stage, "ui.text_width")
        await stage.press("enter")
        ask = await stage.until_top(AskValue)
        ask.query_one(Input).value = "3"
        await stage.press("enter")
        await stage.until(lambda: "has a value that is not allowed" in " ".join(stage.text.split()))
        assert await text_of(file) == WRITTEN
        ask.query_one(Input).value = "wide"
        await stage.press("enter")
        await stage.until(lambda: "'wide' cannot be a number" in stage.text)
        ask.query_one(Input).value = "60"
        await stage.press("enter")
        await stage.until_top(SettingsScreen)
        assert load_config(file)[0].ui.text_width == 60
        assert stage.screen.transcript.document.look.prose_cells == 60


async def test_what_waits_for_the_next_start_says_so(play: Screenplay, file: Path) -> None:
    async with play(settings=Settings(file), size=(120, 40)) as stage:
        await at(stage, "route.fallback")
        await stage.press("enter")
        await stage.until(lambda: "route.fallback = off: kept. It applies at the next start." in stage.text)
        await at(stage, "route.rule")
        await stage.press("enter")
        await stage.until(lambda: "stands in the file alone" in stage.text)


async def test_theme_keys_and_density_are_followed(play: Screenplay, file: Path) -> None:
    async with play(settings=Settings(file), size=(120, 40)) as stage:
        await stage.screen.open_chat(stage.session.add("chat", CONVERSATION))
        await at(stage, "ui.theme")
        await stage.press("enter")
        await stage.until_top(ThemePicker)
        await stage.type("forest")
        await stage.press("enter")
        await stage.until(lambda: "ui.theme = forest" in stage.text)
        assert stage.app.theme == "forest"
        await at(stage, "ui.keymap")
        await stage.press("enter", "down", "enter")
        await stage.until(lambda: "ui.keymap = vim" in stage.text)
        await at(stage, "ui.density")
        await stage.press("enter", "down", "enter")
        await stage.until(lambda: "ui.density = compact" in stage.text)
        await stage.press("escape")
        await stage.until_top(ChatScreen)
        assert stage.screen.transcript.plain_lines(0, 1)[0].strip("▌ ") == "you"
        await stage.press("escape")
        assert stage.screen.focused is stage.screen.transcript
        assert load_config(file)[0].ui == UiConfig(theme="forest", panel="side", keymap="vim", density="compact")


async def test_a_file_with_a_mistake_is_told_and_left_alone(play: Screenplay, tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    await asyncio.to_thread(file.write_text, "[ui]\nthem = 1\n")
    async with play(settings=Settings(file)) as stage:
        await stage.press("alt+s")
        await stage.until(lambda: stage.banners)
        assert "broken.toml:2: ui.them: there is no such key" in stage.banners[0]


async def test_in_the_demo_nothing_is_kept(play: Screenplay) -> None:
    async with play() as stage:
        await stage.press("alt+s")
        await stage.until(lambda: "Nothing can be kept here" in stage.text)


@pytest.mark.parametrize(("value", "typed", "words"), [(None, "", "not set"), (True, "True", "on"), ((), "", "none")])
def test_values_in_words(value: object, typed: str, words: str) -> None:
    assert (typed_value(value), value_words(value)) == (typed, words)


def test_a_list_is_written_as_words() -> None:
    from hybridchat.config.fields import fields

    field = next(field for field in fields() if field.key == "vllm.arguments")
    assert typed_value(("--a", "b c")) == "--a 'b c'"
    assert read_value(field, "--a 'b c'") == ["--a", "b c"]
    assert read_value(field, "  ") is None


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    written: list[str] = []
    monkeypatch.setattr(HeadlessDriver, "write", lambda driver, data: written.append(data))
    return written


@pytest.mark.parametrize("is_away", [True, False])
async def test_a_long_reply_that_ends_out_of_sight_is_told(play: Screenplay, written: list[str], is_away: bool) -> None:
    notify = NotifyConfig(message="osc9", sound=True)
    async with play(notify=notify) as stage:
        await stage.send("a question")
        await stage.until(lambda: stage.session.sent)
        chat = stage.screen.chat
        assert chat is not None
        if is_away:
            stage.app.post_message(events.AppBlur())
            await stage.until(lambda: not stage.app.app_focus)
        stage.session.feed(chat, "the secret answer", ttft_ms=84.0)
        reply = stage.session.finish(chat)
        assert reply.attempt is not None and chat.id is not None
        attempt = replace(reply.attempt, latency_ms=34_000.0, outcome=Outcome.OK)
        stage.session.emit(TurnEnded(chat.id, replace(reply, attempt=attempt)))
        told = [data for data in written if "hybridchat" in data]
        assert bool(told) == is_away
        assert "secret" not in "".join(told) and "question" not in "".join(told)
