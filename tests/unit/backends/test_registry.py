"""Every kind has its backend, its facts are complete, and the demo's plays its script."""

from __future__ import annotations

import msgspec
import pytest

from hybridchat.backends.anthropic import AnthropicBackend
from hybridchat.backends.chat_completions import ChatCompletionsBackend, request_body
from hybridchat.backends.facts import facts
from hybridchat.backends.gemini import GeminiBackend
from hybridchat.backends.ollama import OllamaBackend
from hybridchat.backends.registry import make_backend
from hybridchat.backends.responses import ResponsesBackend
from hybridchat.backends.simulated import Pace, SimulatedBackend
from hybridchat.domain.chat import Kind, Parameters, Zone
from hybridchat.domain.events import Finished, Started, Usage
from tests.fakes.recorder import Recorded
from tests.fakes.wire import ask, collect, spec_for, text_of

URL = "http://127.0.0.1:1"


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.EMBEDDED])
def test_every_kind_has_a_backend(kind: Kind) -> None:
    classes = {
        Kind.OLLAMA: OllamaBackend,
        Kind.OPENAI_RESPONSES: ResponsesBackend,
        Kind.GEMINI: GeminiBackend,
        Kind.ANTHROPIC: AnthropicBackend,
        Kind.SIMULATED: SimulatedBackend,
    }
    assert type(make_backend(spec_for(kind, URL), recorder=Recorded())) is classes.get(kind, ChatCompletionsBackend)


def test_the_embedded_backend_is_not_made_here() -> None:
    with pytest.raises(ValueError, match="embedded"):
        make_backend(spec_for(Kind.EMBEDDED, URL), recorder=Recorded())


def test_facts_are_whole() -> None:
    assert {server.port for server in facts().server} == {11434, 8000, 8080, 1234}
    own_protocol = (Kind.OLLAMA, Kind.OPENAI_RESPONSES, Kind.ANTHROPIC, Kind.GEMINI, Kind.SIMULATED)
    for kind in Kind:
        if kind not in own_protocol:
            assert facts().chat_completions[kind].max_tokens


def test_chat_completions_request() -> None:
    parameters = Parameters(temperature=0.0, max_tokens=9, stop=("x",))
    body = msgspec.json.decode(request_body(ask("hi", "m", parameters=parameters), Kind.OPENAI, "api.openai.com"))
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.0,
        "stop": ["x"],
        "max_completion_tokens": 9,
    }


def test_mistral_gives_the_usage_unasked_and_refuses_to_be_asked() -> None:
    body = msgspec.json.decode(request_body(ask("hi", "m"), Kind.OPENAI_COMPATIBLE, "api.mistral.ai"))
    assert "stream_options" not in body


async def test_the_simulated_backend_says_what_it_is() -> None:
    backend = SimulatedBackend(spec_for(Kind.SIMULATED, URL), Pace(delay_s=0, tokens_per_s=1e6))
    assert (await backend.health()).detail == "simulated"
    events = await collect(backend)
    assert isinstance(events[0], Started)
    assert "simulated" in text_of(events).lower()
    assert isinstance(events[-2], Usage)
    assert events[-1] == Finished("stop")


async def test_the_simulated_script_has_headings_lists_tables_and_code() -> None:
    pace = Pace(delay_s=0, tokens_per_s=1e6)
    answers = []
    for turns in (1, 2, 3, 4):
        backend = SimulatedBackend(spec_for(Kind.SIMULATED, URL, zone=Zone.MANAGED), pace)
        request = msgspec.structs.replace(ask(), messages=ask().messages * turns)
        answers.append(text_of(await collect(backend, request)))
    assert answers[0] == answers[3]
    script = "\n".join(answers)
    for mark in (
        "\n## ",
        "\n### ",
        "\n- **",
        "\n  - ",
        "\n1. ",
        "\n|---",
        "\n```python\n",
        "\n> ",
        " *where* ",
        " `demo` ",
    ):
        assert mark in "\n" + script
