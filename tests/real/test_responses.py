"""OpenAI's Responses as the real llama.cpp and the real vLLM speak them; the official SDK reads the same."""

from __future__ import annotations

import openai
import pytest
from msgspec.structs import replace

from hybridchat.domain.chat import ChatMessage, Effort, HealthState, Kind, Role
from hybridchat.domain.events import Event, Failed, Finished, Requested, Started, Text, Usage
from hybridchat.errors import ErrorKind
from tests.real.conftest import Connect, Server, request
from tests.real.tiny_model import CONTEXT

ENGINES = [
    pytest.param("llamacpp", marks=pytest.mark.needs("llamacpp")),
    pytest.param("vllm", marks=pytest.mark.needs("vllm")),
]
RESPONSES = Kind.OPENAI_RESPONSES


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(engine: str, request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(engine)
    return server


async def test_streams_what_the_sdk_reads_too(server: Server, engine: str, connect: Connect) -> None:
    events: list[Event] = [event async for event in connect(server, RESPONSES).chat(request(max_tokens=24))]
    client = openai.AsyncOpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0)
    stream = await client.responses.create(
        model="tiny", input="hello", stream=True, store=False, temperature=0.0, max_output_tokens=24
    )
    last = [event async for event in stream][-1].response  # type: ignore[union-attr]
    await client.close()

    assert [type(event) for event in events[:2]] == [Requested, Started]
    pieces = [event.text for event in events if isinstance(event, Text)]
    assert len(pieces) > 5, "it came in pieces"
    assert "".join(pieces) == last.output_text
    (usage,) = [event for event in events if isinstance(event, Usage)]
    assert (usage.prompt_tokens, usage.completion_tokens) == (last.usage.input_tokens, last.usage.output_tokens)
    assert usage.completion_tokens == 24
    assert events[-1] == Finished("length" if engine == "vllm" else "stop"), "llama.cpp says completed, whatever it was"


async def test_earlier_turns_and_the_system_prompt_go_along(server: Server, connect: Connect) -> None:
    earlier = (
        ChatMessage(Role.SYSTEM, "be brief"),
        ChatMessage(Role.USER, "hello"),
        ChatMessage(Role.ASSISTANT, "yes " * 50),
        ChatMessage(Role.USER, "and now?"),
    )
    first, second = [], []
    async for event in connect(server, RESPONSES).chat(request("and now?", max_tokens=4)):
        first.append(event)
    async for event in connect(server, RESPONSES).chat(replace(request(max_tokens=4), messages=earlier)):
        second.append(event)
    assert isinstance(second[-1], Finished), second[-1]
    alone, together = ([e for e in events if isinstance(e, Usage)][-1].prompt_tokens for events in (first, second))
    assert alone is not None
    assert together is not None
    assert together > alone + 50


async def test_overflow_is_told_as_what_it_is(server: Server, connect: Connect) -> None:
    events = [event async for event in connect(server, RESPONSES).chat(request("word " * 3 * CONTEXT))]
    last = events[-1]
    assert isinstance(last, Failed)
    assert last.kind is ErrorKind.CONTEXT_OVERFLOW, last


@pytest.mark.needs("vllm")
async def test_vllm_refuses_an_unknown_model(vllm: Server, connect: Connect) -> None:
    events = [event async for event in connect(vllm, RESPONSES).chat(request(model="nobody"))]
    assert [event.kind for event in events if isinstance(event, Failed)] == [ErrorKind.MODEL_MISSING]


async def test_health_tells_the_model(server: Server, connect: Connect) -> None:
    health = await connect(server, RESPONSES).health()
    assert health.state is HealthState.HEALTHY, health.detail
    assert [model.name for model in health.models] == ["tiny"]


@pytest.mark.parametrize("effort", Effort)
async def test_no_effort_is_an_error_to_an_engine_whose_template_knows_none(
    server: Server, engine: str, connect: Connect, effort: Effort
) -> None:
    """Over Chat Completions, where the switches of the templates go along."""
    asked = request(max_tokens=2)
    asked = replace(asked, parameters=replace(asked.parameters, effort=effort))
    events = [event async for event in connect(server, Kind(engine)).chat(asked)]
    assert isinstance(events[-1], Finished), events[-1]
