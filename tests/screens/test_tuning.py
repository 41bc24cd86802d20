"""A chat's own settings on the screen: the form, presets, and what a message was then sent with."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from textual.widgets import Input

from hybridchat import wiring
from hybridchat.config import PresetConfig, load_config
from hybridchat.domain.chat import Effort, Parameters, Privacy
from hybridchat.session.chat import Session
from hybridchat.session.presets import Listed
from hybridchat.tui.screens.details import DetailsScreen
from hybridchat.tui.screens.dialogs import Confirm, Prompt
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.screens.tune import Tune
from tests.fakes.completions import FakeCompletions
from tests.faults.cli import backend, configure
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import FakeSession


async def form(stage: Stage) -> Tune:
    await stage.press("f12")
    found = await stage.until_top(Tune)
    assert isinstance(found, Tune)
    return found


def field(tune: Tune, name: str) -> Input:
    found = tune.fields[name]
    assert isinstance(found, Input)
    return found


async def to(stage: Stage, tune: Tune, name: str) -> None:
    tune.fields[name].focus()
    await stage.settle()


async def test_what_is_typed_is_looked_at_and_kept(play: Screenplay) -> None:
    async with play(FakeSession(), size=(120, 40)) as stage:
        tune = await form(stage)
        await stage.type("Be brief.")
        await stage.press("enter")
        await stage.type("Always.")
        await to(stage, tune, "temperature")
        await stage.type("3")
        await stage.until(lambda: "temperature: '3' is not allowed — a number from 0 to 2" in stage.text)
        await stage.press("ctrl+s")
        assert stage.app.screen is tune, "nothing is kept while something is wrong"
        await stage.press("backspace")
        await stage.type("0.5")
        await to(stage, tune, "effort")
        await stage.press("right", "right")
        await stage.until(lambda: "left out: no way is known to tell" not in stage.text)
        await stage.press("ctrl+s")
        await stage.until(lambda: stage.app.screen is stage.screen)
        chat = stage.screen.chat
        assert chat is not None
        assert (chat.system, chat.parameters, chat.effort) == (
            "Be brief.\nAlways.",
            Parameters(temperature=0.5),
            Effort.LOW,
        )
        await stage.until(lambda: "tuned  temperature 0.5, system prompt" in stage.text)


async def test_what_would_not_go_is_said_in_the_form_and_before_sending(play: Screenplay) -> None:
    session = FakeSession()
    async with play(session, size=(120, 40)) as stage:
        chat = stage.screen.chat
        assert chat is not None
        chat.route, chat.model, chat.may_leave = "openai", "gpt-5", True
        tune = await form(stage)
        await to(stage, tune, "temperature")
        await stage.type("0.5")
        await to(stage, tune, "num_ctx")
        await stage.type("4096")
        await stage.until(lambda: "left out: openai has no such setting" in stage.text)
        await stage.press("ctrl+s")
        await stage.until(lambda: "without context size (openai has no such setting)" in " ".join(stage.text.split()))


async def test_the_defaults_are_one_key_away_and_leaving_asks(play: Screenplay) -> None:
    async with play(FakeSession(), size=(80, 24)) as stage:
        chat = stage.screen.chat
        assert chat is not None
        await stage.session.set_settings(chat, Parameters(temperature=0.5, stop=("END",)), "Be brief.")
        tune = await form(stage)
        assert "• temperature" in stage.text and "• system prompt" in stage.text
        await stage.press("f8")
        await stage.until(lambda: "•" not in stage.text)
        await stage.press("escape")
        await stage.until_top(Confirm)
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is tune)
        await stage.press("ctrl+s")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert (chat.system, chat.parameters) == ("", Parameters())
        await form(stage)
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)


async def test_the_model_is_chosen_of_those_that_are_known(play: Screenplay) -> None:
    session = FakeSession()
    async with play(session, size=(120, 40)) as stage:
        tune = await form(stage)
        tune.route.focus()
        await stage.until(lambda: "Enter chooses another." in stage.text)
        await stage.press("enter")
        picker = await stage.until_top(Picker)
        picker.filter.value = "openai"
        await stage.until(lambda: picker.list.current is not None and picker.list.current.key == ("openai", "gpt-big"))
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen is tune and "• goes to        openai · gpt-big" in stage.text)
        chat = stage.screen.chat
        assert chat is not None and chat.route == "auto", "not before it is kept"
        await stage.press("ctrl+s")
        await stage.until(lambda: (chat.route, chat.model) == ("openai", "gpt-big"))


async def test_a_preset_fills_the_form_and_is_kept_with_it(play: Screenplay) -> None:
    session = FakeSession()
    session.presets.listed = Listed((PresetConfig(name="Brief", system="Be brief.", top_p=0.9, privacy="private"),))
    async with play(session, size=(120, 40)) as stage:
        chat = stage.screen.chat
        assert chat is not None
        tune = await form(stage)
        await stage.press("f4")
        await stage.until_top(Picker)
        assert "Brief" in stage.text and "top-p 0.9, system prompt, private" in stage.text
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen is tune and field(tune, "top_p").value == "0.9")
        assert chat.system == "", "not before it is kept"
        await stage.press("f2")
        await stage.until_top(Prompt)
        await stage.type("Mine")
        await stage.press("enter")
        await stage.until(lambda: [one.name for one in session.presets.listed.presets] == ["Brief", "Mine"])
        assert (chat.system, chat.parameters, chat.privacy) == ("Be brief.", Parameters(top_p=0.9), Privacy.PRIVATE)


# --- over a real session


@pytest.fixture
def real(home: Path) -> Path:
    return home


async def test_a_message_is_sent_with_them_and_the_ledger_says_so(play: Screenplay, real: Path) -> None:
    async with FakeCompletions() as server:
        preset = '[[preset]]\nname = "Brief"\nsystem = "Be brief."\ntemperature = 0.25\n'
        hot = '[[preset]]\nname = "Hot"\ntemperature = 9\n'
        configure(real, backend(server.url) + preset + hot)
        wired = wiring.load()

        async def open_session() -> Session:
            return await asyncio.to_thread(wired.open_session)

        async with play(open_session=open_session, size=(120, 40), preset="Brief") as stage:
            await stage.until(lambda: "Enter sends to lab" in stage.text and "tuned" in stage.text)
            tune = await form(stage)
            await to(stage, tune, "seed")
            await stage.type("7")
            await to(stage, tune, "num_ctx")
            await stage.type("4096")
            await stage.press("ctrl+s")
            await stage.until(lambda: "without context size" in " ".join(stage.text.split()))
            await stage.send("hello")
            await stage.until(lambda: "to first token" in stage.text)
            (sent,) = server.sent("/v1/chat/completions")
            body = sent.json()
            assert (body["temperature"], body["seed"]) == (0.25, 7)
            assert body["messages"][0] == {"role": "system", "content": "Be brief."}
            chat = stage.screen.chat
            assert chat is not None
            attempt = chat.messages[-1].attempt
            assert attempt is not None and attempt.parameters is not None
            assert json.loads(attempt.parameters) == {"temperature": 0.25, "seed": 7, "system_characters": 9}
            stage.screen.action_details()
            await stage.until_top(DetailsScreen)
            await stage.press("pagedown")
            carried = "temperature 0.25, seed 7, a system prompt of 9 characters"
            await stage.until(lambda: carried in " ".join(stage.text.split()))
            await stage.press("escape")
            stage.screen.action_preset()
            await stage.until_top(Picker)
            assert "preset.temperature" in stage.text, "the broken one is named"
            await stage.press("escape")
            stage.screen.action_save_preset()
            await stage.until_top(Prompt)
            await stage.type("Mine")
            await stage.press("enter")
            await stage.until(lambda: "Saved as Mine" in stage.text)
        presets = {one.name: one for one in (await asyncio.to_thread(load_config, real / "config.toml"))[0].preset}
        assert (presets["Mine"].seed, presets["Mine"].num_ctx, presets["Mine"].temperature) == (7, 4096, 0.25)
        await asyncio.to_thread(wired.ledger.close)
