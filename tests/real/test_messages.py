"""Anthropic's Messages as the real llama.cpp and the real vLLM speak them; Anthropic's library reads the same."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from msgspec.structs import replace

from hybridchat.domain.chat import ChatMessage, HealthState, Kind, Role
from hybridchat.domain.events import Event, Failed, Finished, Requested, Started, Text, Usage
from hybridchat.errors import ErrorKind
from tests.real.conftest import Connect, Server, request
from tests.real.tiny_model import CONTEXT

ENGINES = [
    pytest.param("llamacpp", marks=pytest.mark.needs("llamacpp")),
    pytest.param("vllm", marks=pytest.mark.needs("vllm")),
]
MESSAGES = Kind.ANTHROPIC


@pytest.fixture(params=ENGINES)
def server(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    return server


async def test_streams_what_the_library_reads_too(server: Server, connect: Connect) -> None:
    events: list[Event] = [event async for event in connect(server, MESSAGES).chat(request(max_tokens=24))]
    question: dict[str, Any] = {"model": "tiny", "max_tokens": 24, "messages": [{"role": "user", "content": "hello"}]}
    async with (
        anthropic.AsyncAnthropic(base_url=server.base_url, api_key="none", max_retries=0) as client,
        client.messages.stream(**question, extra_body={"temperature": 0.0}) as stream,
    ):
        message = await stream.get_final_message()

    assert [type(event) for event in events[:2]] == [Requested, Started]
    pieces = [event.text for event in events if isinstance(event, Text)]
    assert len(pieces) > 5, "it came in pieces"
    assert "".join(pieces) == "".join(block.text for block in message.content if block.type == "text")
    usage = [event for event in events if isinstance(event, Usage)][-1]
    assert usage.completion_tokens == message.usage.output_tokens == 24
    assert usage.prompt_tokens is not None
    # llama.cpp has the question in its cache the second time, and counts what it took from there apart
    assert usage.prompt_tokens == message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0)
    assert events[-1] == Finished(message.stop_reason) == Finished("max_tokens")


async def test_earlier_turns_and_the_system_prompt_go_along(server: Server, connect: Connect) -> None:
    earlier = (
        ChatMessage(Role.SYSTEM, "be brief"),
        ChatMessage(Role.USER, "hello"),
        ChatMessage(Role.ASSISTANT, "yes " * 50),
        ChatMessage(Role.USER, "and now?"),
    )
    backend, alone = connect(server, MESSAGES), request("and now?", max_tokens=4)
    first = [event async for event in backend.chat(alone)]
    second = [event async for event in backend.chat(replace(alone, messages=earlier))]
    assert isinstance(second[-1], Finished), second[-1]
    short, long = ([e for e in events if isinstance(e, Usage)][-1].prompt_tokens for events in (first, second))
    assert short is not None
    assert long is not None
    assert long > short + 50


async def test_overflow_is_told_as_what_it_is(server: Server, connect: Connect) -> None:
    events = [event async for event in connect(server, MESSAGES).chat(request("word " * 3 * CONTEXT))]
    last = events[-1]
    assert isinstance(last, Failed)
    assert (last.kind, last.context_window) == (ErrorKind.CONTEXT_OVERFLOW, CONTEXT)


@pytest.mark.needs("vllm")
async def test_vllm_refuses_an_unknown_model(vllm: Server, connect: Connect) -> None:
    events = [event async for event in connect(vllm, MESSAGES).chat(request(model="nobody"))]
    assert [event.kind for event in events if isinstance(event, Failed)] == [ErrorKind.MODEL_MISSING]


async def test_health_tells_the_model(server: Server, connect: Connect) -> None:
    health = await connect(server, MESSAGES).health()
    assert health.state is HealthState.HEALTHY, health.detail
    assert [model.name for model in health.models] == ["tiny"]
