"""Adding a backend in the app: with the keys alone, the key never shown, and nothing written before it has worked."""

from __future__ import annotations

import pytest
from textual import events

from hybridchat.domain.peers import Peer
from hybridchat.session.providers import KeyState, Look
from hybridchat.tui.screens.add_backend import AddBackend
from hybridchat.tui.screens.chat import ChatScreen
from hybridchat.tui.screens.dialogs import Confirm, Prompt
from hybridchat.tui.screens.first_run import FirstRun
from hybridchat.tui.screens.picker import Picker
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_backends import KEY, MODELS, NO_TOKEN, FakeProviders, refused, unreachable
from tests.tui.fake_session import LAB, FakeSession
from tests.tui.fake_setup import FakeSetup


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridchat.session.keeping.keyring_status", lambda: (False, "this system has no keyring"))


async def form_of(stage: Stage, name: str) -> AddBackend:
    """The form for the place whose row that name finds."""
    await stage.press("alt+a")
    await stage.until_top(Picker)
    await stage.type(name)
    await stage.press("enter")
    screen: AddBackend = await stage.until_top(AddBackend)
    await stage.until(lambda: "has no keyring" in stage.text)
    return screen


async def paste(stage: Stage, text: str) -> None:
    stage.app.post_message(events.Paste(text))
    await stage.settle()


async def test_a_provider_its_key_and_its_model_with_the_keys_alone(play: Screenplay) -> None:
    providers, session = FakeProviders(), FakeSession([LAB])
    async with play(session, open_providers=providers.opener) as stage:
        await form_of(stage, "OpenAI")
        assert "Add OpenAI" in stage.text
        assert "https://platform.openai.com/api-keys" in stage.text
        await paste(stage, f"{KEY}\n")
        assert KEY not in stage.text and "•••" in stage.text
        await stage.press("enter")
        await stage.until_top(Picker)
        assert "gpt-big" in stage.text and "$1.25/$10 · 400k · vision, tools" in stage.text
        assert "price unknown" in stage.text
        assert providers.written == []
        await stage.type("small")
        await stage.press("enter")
        await stage.until(lambda: session.added)
        ((new, model, key),) = providers.written
        assert (new.config.id, new.config.kind, model, key) == ("openai", "openai-responses", "gpt-small", KEY)
        assert [(config.base_url, key) for config, key in providers.looked] == [("https://api.openai.com/v1", KEY)]
        assert (session.added[0].id, session.added[0].model) == ("openai", "gpt-small")
        await stage.until(lambda: "openai added" in stage.text)


async def test_what_keeps_it_out_is_one_line_and_what_was_typed_stays(play: Screenplay) -> None:
    reasons = {
        "the key was refused, and nothing was written: 401: Incorrect API key provided": refused(),
        "OpenAI needs a key": Look(KeyState.MISSING, "401"),
        "nothing was written: nothing listens at 127.0.0.1:9": unreachable(),
    }
    providers = FakeProviders()
    async with play(FakeSession([LAB]), open_providers=providers.opener, size=(120, 40)) as stage:
        form = await form_of(stage, "OpenAI")
        await paste(stage, KEY)
        for said, look in reasons.items():
            providers.look_says = look
            await stage.press("enter")
            await stage.until(lambda said=said: said in stage.text)  # type: ignore[misc]
            assert form.key.value == KEY and KEY not in stage.text
        assert providers.written == []
        providers.look_says = Look(KeyState.WORKS, "", models=MODELS)
        await stage.press("enter")
        await stage.until_top(Picker)


async def test_a_key_of_the_environment_is_used_after_its_own_yes(play: Screenplay) -> None:
    providers = FakeProviders()
    providers.in_environment = KEY
    async with play(FakeSession([LAB]), open_providers=providers.opener) as stage:
        await form_of(stage, "Mistral")
        await stage.until(lambda: "[ ] Use the key in the environment's MISTRAL_API_KEY" in stage.text)
        providers.look_says = Look(KeyState.MISSING, "401")
        await stage.press("enter")
        await stage.until(lambda: "Mistral needs a key" in stage.text)
        providers.look_says = Look(KeyState.WORKS, "", models=MODELS)
        await stage.press("tab", "space")
        await stage.until(lambda: "[x] Use the key" in stage.text)
        await stage.press("ctrl+s")
        await stage.until_top(Picker)
        await stage.press("enter")
        await stage.until(lambda: providers.written)
        ((new, _, key),) = providers.written
        assert (new.config.key, key) == (None, None)
        assert [key for _, key in providers.looked] == [None, KEY]


async def test_a_provider_without_an_address_of_its_own_asks_for_it(play: Screenplay) -> None:
    providers = FakeProviders()
    async with play(FakeSession([LAB]), open_providers=providers.opener) as stage:
        form = await form_of(stage, "Azure")
        await stage.press("ctrl+s")
        await stage.until(lambda: "the address is missing" in stage.text)
        form.url.value = "https://mine.openai.azure.com"
        form.key.value = KEY
        await stage.press("ctrl+s")
        await stage.until_top(Prompt)
        assert "its name there" in stage.text, "the names of deployments are the user's own"
        await stage.type("mine")
        await stage.press("enter")
        await stage.until(lambda: providers.written)
        assert providers.looked[0][0].base_url == "https://mine.openai.azure.com/openai/v1"
        assert providers.written[0][1] == "mine"


async def test_a_server_of_ones_own(play: Screenplay) -> None:
    providers = FakeProviders(Look(KeyState.NOT_NEEDED, "1 model", models=MODELS[:1]))
    async with play(FakeSession([LAB]), open_providers=providers.opener) as stage:
        form = await form_of(stage, "vllm")
        await stage.type("http://127.0.0.1:8000")
        await stage.press("enter", "tab", "space", "ctrl+s")
        await stage.until_top(Picker)
        await stage.press("escape")
        await stage.until_top(AddBackend)
        assert providers.written == [] and form.url.value == "http://127.0.0.1:8000"
        form.url.value = "https://gpu.example:8443"
        await stage.press("ctrl+s")
        await stage.until_top(Picker)
        await stage.press("enter")
        await stage.until(lambda: providers.written)
        configs = [config for config, _ in providers.looked]
        assert [(c.kind, c.vouched, c.private) for c in configs] == [("vllm", False, False), ("vllm", False, True)]
        assert (providers.written[0][0].config, providers.vouched) == (configs[1], None)


async def test_a_server_on_loopback_is_vouched_for_with_its_program(play: Screenplay) -> None:
    peer = Peer(pid=812, executable="/usr/bin/python3.11")
    providers = FakeProviders(Look(KeyState.NOT_NEEDED, "1 model", models=MODELS[:1], peer=peer))
    async with play(FakeSession([LAB]), open_providers=providers.opener) as stage:
        await form_of(stage, "vllm")
        await stage.type("http://127.0.0.1:8000")
        await stage.press("enter", "tab", "space", "ctrl+s")
        await stage.until_top(Picker)
        await stage.press("enter")
        await stage.until(lambda: providers.written)
        assert (providers.written[0][0].config.vouched, providers.vouched) == (False, peer)


async def test_what_is_no_key_or_no_address_is_sent_nowhere(play: Screenplay) -> None:
    providers = FakeProviders()
    async with play(FakeSession([LAB]), open_providers=providers.opener) as stage:
        form = await form_of(stage, "Any server")
        form.url.value, form.key.value = "http://127.0.0.1", "two words"
        await stage.press("ctrl+s")
        await stage.until(lambda: "that is no key" in stage.text)
        form.url.value, form.key.value = "http://user:pw@127.0.0.1", ""
        await stage.press("ctrl+s")
        await stage.until(lambda: "has user information before the host" in stage.text)
        assert "user:pw@" not in stage.text.replace(form.url.value, "")
        assert providers.looked == []


@pytest.mark.parametrize("yes", [True, False])
async def test_a_key_that_the_list_does_not_prove_is_proven_by_a_token_after_a_yes(play: Screenplay, yes: bool) -> None:
    providers = FakeProviders(Look(KeyState.UNPROVEN, "", models=MODELS))
    async with play(FakeSession([LAB]), open_providers=providers.opener) as stage:
        await form_of(stage, "DeepSeek")
        await paste(stage, KEY)
        await stage.press("enter")
        await stage.until_top(Picker)
        assert "not proven yet" in stage.text
        await stage.press("enter")
        await stage.until_top(Confirm)
        await stage.press("y" if yes else "n")
        await stage.until(lambda: providers.written)
        assert providers.proven == ([(KEY, "gpt-big")] if yes else [])


async def test_a_key_that_fails_its_proof_is_not_written(play: Screenplay) -> None:
    providers = FakeProviders(Look(KeyState.UNPROVEN, "", models=MODELS))
    providers.proof_fails = NO_TOKEN
    async with play(FakeSession([LAB]), open_providers=providers.opener) as stage:
        await form_of(stage, "DeepSeek")
        await paste(stage, KEY)
        await stage.press("enter")
        await stage.until_top(Picker)
        await stage.press("enter")
        await stage.until_top(Confirm)
        await stage.press("y")
        await stage.until(lambda: "refused the key — get another one" in stage.text)
        assert providers.written == []


async def test_what_could_not_be_kept_is_said(play: Screenplay) -> None:
    providers = FakeProviders()
    providers.notice = "this system has no keyring — put it into the environment as OPENAI_API_KEY"
    async with play(FakeSession([LAB]), open_providers=providers.opener) as stage:
        await form_of(stage, "OpenAI")
        await paste(stage, KEY)
        await stage.press("enter")
        await stage.until_top(Picker)
        await stage.press("enter")
        await stage.until(lambda: stage.banners == [providers.notice])


async def test_esc_goes_back_one_step_at_a_time_and_writes_nothing(play: Screenplay) -> None:
    providers = FakeProviders()
    async with play(FakeSession([LAB]), open_providers=providers.opener) as stage:
        await form_of(stage, "OpenAI")
        await stage.press("escape")
        await stage.until_top(Picker)
        await stage.press("escape")
        await stage.until_top(ChatScreen)
        assert providers.written == providers.looked == []


async def test_a_key_in_the_field_is_neither_copied_nor_cut(play: Screenplay) -> None:
    async with play(FakeSession([LAB]), open_providers=FakeProviders().opener) as stage:
        form = await form_of(stage, "OpenAI")
        await paste(stage, KEY)
        form.key.select_all()
        await stage.press("ctrl+c", "ctrl+x")
        assert stage.app.clipboard == ""
        assert form.key.value == KEY


async def test_names_from_servers_are_inert(play: Screenplay) -> None:
    from msgspec.structs import replace

    nasty = replace(MODELS[0], info=replace(MODELS[0].info, name="[@click=app.quit]x[/]\x1b[2J"))
    providers = FakeProviders(Look(KeyState.WORKS, "", models=(nasty,)))
    async with play(FakeSession([LAB]), open_providers=providers.opener) as stage:
        await form_of(stage, "OpenAI")
        await paste(stage, KEY)
        await stage.press("enter")
        await stage.until_top(Picker)
        assert "[@click=app.quit]x[/]␛[2J" in stage.text


async def test_from_the_first_start_too(play: Screenplay) -> None:
    providers = FakeProviders()
    providers.notice = "put it into the environment"
    async with play(FakeSession([LAB]), setup=FakeSetup(found=()), open_providers=providers.opener) as stage:
        await stage.until(lambda: "No model server" in stage.text)
        await stage.press("a")
        await stage.until_top(Picker)
        await stage.press("enter")
        await stage.until_top(AddBackend)
        await stage.press("escape")
        await stage.until_top(Picker)
        await stage.press("escape")
        await stage.until_top(FirstRun)
        await stage.press("a")
        await stage.until_top(Picker)
        await stage.press("enter")
        await stage.until_top(AddBackend)
        await paste(stage, KEY)
        await stage.press("enter")
        await stage.until_top(Picker)
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen) and stage.session.is_started)
        await stage.until(lambda: providers.notice in stage.text)
        assert [new.config.id for new, *_ in providers.written] == ["openai"]


async def test_where_nothing_can_be_added_that_is_said(play: Screenplay) -> None:
    async with play(FakeSession([LAB])) as stage:
        await stage.press("alt+a")
        await stage.until(lambda: "Nothing can be added here" in stage.text)
