"""The first start: what is found is shown, and nothing is written without a yes."""

from __future__ import annotations

from msgspec.structs import replace

from hybridchat.domain.chat import Proof
from hybridchat.errors import UsageError
from hybridchat.tui.screens.chat import ChatScreen
from hybridchat.tui.screens.dialogs import Confirm
from hybridchat.tui.screens.first_run import FirstRun
from hybridchat.tui.screens.pull import PullModel
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import FakeSession
from tests.tui.fake_setup import OLLAMA, FakeSetup


async def looked(stage: Stage) -> FirstRun:
    await stage.until(lambda: "write config.toml" in stage.text or "No model server" in stage.text)
    screen = stage.app.screen
    assert isinstance(screen, FirstRun)
    return screen


async def test_enter_takes_the_healthy_local_ones_only(play: Screenplay) -> None:
    setup = FakeSetup()
    async with play(setup=setup) as stage:
        await looked(stage)
        assert "[x] ollama · loopback, not proven local" in stage.text
        assert "[ ] openai · managed, leaves your machines" in stage.text
        assert setup.accepted == []
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen) and stage.session.is_started)
        assert setup.accepted == ["ollama"]
        await stage.type("hi")
        await stage.press("enter")
        await stage.until(lambda: stage.session.sent)


async def test_a_key_of_the_environment_needs_its_own_yes(play: Screenplay) -> None:
    setup = FakeSetup()
    async with play(setup=setup) as stage:
        await looked(stage)
        await stage.press("down", "down", "space")
        await stage.until(lambda: "[x] openai" in stage.text)
        await stage.press("enter")
        await stage.until(lambda: setup.accepted == ["ollama", "openai"])


async def test_a_variable_is_named_on_a_narrow_screen_whatever_else_there_is_to_say(play: Screenplay) -> None:
    from msgspec.structs import replace

    from tests.tui.fake_setup import OLLAMA, OPENAI

    host = replace(OLLAMA, source="OLLAMA_HOST", models=("m" * 40, "n" * 40), needs_own_yes=True)
    async with play(setup=FakeSetup([OPENAI, host]), size=(80, 24)) as stage:
        await stage.until(lambda: "Found:" in stage.text)
        assert "OPENAI_API_KEY · api.openai.com · used only after your yes" in stage.text
        assert "OLLAMA_HOST · mmm" in stage.text


async def test_vouching_is_shown_and_handed_on(play: Screenplay) -> None:
    setup = FakeSetup()
    async with play(setup=setup) as stage:
        await looked(stage)
        await stage.press("v")
        await stage.until_top(Confirm)
        assert "/usr/bin/python3.11 (process 812)" in stage.text
        assert "ssh -L" in stage.text
        await stage.press("y")
        await stage.until(lambda: "ollama · loopback, you vouched" in stage.text)
        await stage.press("enter")
        await stage.until(lambda: setup.vouched == ["ollama"])


async def test_enter_is_no_word_for_anybody(play: Screenplay) -> None:
    setup = FakeSetup()
    async with play(setup=setup) as stage:
        screen = await looked(stage)
        await stage.press("v")
        await stage.until_top(Confirm)
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen is screen)
        assert screen.vouched == set()


async def test_what_is_verified_needs_no_word(play: Screenplay) -> None:
    async with play(setup=FakeSetup([replace(OLLAMA, proof=Proof.VERIFIED)])) as stage:
        screen = await looked(stage)
        assert "ollama · this device, verified" in stage.text
        await stage.press("v")
        assert (screen.vouched, stage.app.screen) == (set(), screen)


async def test_a_managed_place_cannot_be_vouched_for(play: Screenplay) -> None:
    async with play(setup=FakeSetup()) as stage:
        screen = await looked(stage)
        await stage.press("down", "down", "v")
        assert screen.vouched == set()


async def test_nothing_ticked_writes_nothing(play: Screenplay) -> None:
    setup = FakeSetup()
    async with play(setup=setup) as stage:
        screen = await looked(stage)
        await stage.press("space", "enter")
        await stage.settle()
        assert stage.app.screen is screen
        assert setup.accepted == []


async def test_a_config_that_cannot_be_written_keeps_the_screen(play: Screenplay) -> None:
    setup = FakeSetup()
    setup.fails_with = UsageError("config.toml cannot be written", "check the folder's rights")
    async with play(setup=setup) as stage:
        screen = await looked(stage)
        await stage.press("enter")
        await stage.until(lambda: "config.toml cannot be written" in stage.text)
        assert stage.app.screen is screen


async def test_nothing_found_offers_the_other_ways(play: Screenplay) -> None:
    setup = FakeSetup(found=(), notices=["No network: models cannot be pulled now"])
    async with play(setup=setup, open_demo=FakeSession().opener) as stage:
        await looked(stage)
        assert "No network: models cannot be pulled now" in stage.text
        assert "run a small open model inside hybridchat" in stage.text
        assert "simulated backends" in stage.text


async def test_the_demo_opens_the_demos_session(play: Screenplay) -> None:
    demo = FakeSession()
    async with play(setup=FakeSetup(), open_demo=demo.opener) as stage:
        await looked(stage)
        await stage.press("d")
        await stage.until(lambda: demo.is_started)
        assert not stage.session.is_started


async def test_without_a_demo_its_key_does_nothing(play: Screenplay) -> None:
    async with play(setup=FakeSetup()) as stage:
        screen = await looked(stage)
        await stage.press("d")
        assert stage.app.screen is screen


async def test_names_from_servers_are_inert(play: Screenplay) -> None:
    from msgspec.structs import replace

    from tests.tui.fake_setup import OLLAMA

    nasty = replace(OLLAMA, models=("[@click=app.quit]x[/]\x1b[2J",), source="a\nb")
    async with play(setup=FakeSetup([nasty])) as stage:
        await looked(stage)
        assert "[@click=app.quit]x[/]␛[2J" in stage.text


# --- a model inside hybridchat


async def pulling(stage: Stage) -> PullModel:
    await looked(stage)
    await stage.press("e")
    screen: PullModel = await stage.until_top(PullModel)
    await stage.until(lambda: "Small 0.6B · Apache 2.0 · 1.2 GB memory" in stage.text)
    return screen


async def test_a_model_is_pulled_and_the_chat_opens(play: Screenplay) -> None:
    setup = FakeSetup()
    async with play(setup=setup) as stage:
        await pulling(stage)
        assert "639 MB, 100 MB here" in stage.text
        assert "size unknown" in stage.text
        await stage.press("enter")
        await stage.until(lambda: "50% · 320 MB of 639 MB · 10 MB/s · 32 s left" in stage.text)
        setup.may_finish.set()
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen) and stage.session.is_started)
        assert setup.pulled == ["small"]


async def test_esc_cancels_the_download_first_and_then_leaves(play: Screenplay) -> None:
    setup = FakeSetup()
    async with play(setup=setup) as stage:
        await pulling(stage)
        await stage.press("enter")
        await stage.until(lambda: "50%" in stage.text)
        await stage.press("escape")
        await stage.until(lambda: "Stopped. What came is kept" in stage.text)
        assert setup.cancelled == ["small"]
        await stage.press("enter")
        await stage.until(lambda: "50%" in stage.text)
        await stage.press("escape")
        await stage.until(lambda: "Stopped" in stage.text)
        await stage.press("escape")
        await stage.until_top(FirstRun)
        assert setup.pulled == []


async def test_a_hub_that_cannot_be_reached_is_said_in_one_line(play: Screenplay) -> None:
    setup = FakeSetup()
    setup.hub_problem = "huggingface.co cannot be reached — check the network"
    async with play(setup=setup) as stage:
        await looked(stage)
        await stage.press("e")
        await stage.until(lambda: "huggingface.co cannot be reached — check the network" in stage.text)
        assert "Tiny 0.3B · MIT" in stage.text
