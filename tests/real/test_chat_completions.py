"""The Chat Completions backend against the real llama.cpp and the real vLLM."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from msgspec.structs import replace

from hybridchat.backends.processes import until
from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import HealthState, Kind
from hybridchat.domain.events import Event, Failed, Finished, Requested, Started, Text, Usage
from hybridchat.errors import ErrorKind
from tests.real.conftest import Connect, Server, request, start_llamacpp, start_vllm
from tests.real.tiny_model import CONTEXT

ENGINES = [
    pytest.param(Kind.LLAMACPP, marks=pytest.mark.needs("llamacpp"), id="llamacpp"),
    pytest.param(Kind.VLLM, marks=pytest.mark.needs("vllm"), id="vllm"),
]
RUNNING = {Kind.LLAMACPP: "llamacpp:requests_processing", Kind.VLLM: "vllm:num_requests_running"}
GENERATED = {Kind.LLAMACPP: "llamacpp:tokens_predicted_total", Kind.VLLM: "vllm:generation_tokens_total"}


@pytest.fixture(params=ENGINES)
def kind(request: pytest.FixtureRequest) -> Kind:
    return Kind(request.param)


@pytest.fixture
def server(kind: Kind, request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(kind.value)
    return server


def metric(server: Server, name: str) -> float:
    """What the engine itself says."""
    found = re.search(rf"^{name}(?:{{.*}})? ([0-9.e+]+)$", server.get("/metrics"), re.MULTILINE)
    assert found, f"the engine no longer reports {name}"
    return float(found[1])


async def test_streams_text_and_the_usage_is_the_engines(server: Server, kind: Kind, connect: Connect) -> None:
    events: list[Event] = [event async for event in connect(server, kind).chat(request(max_tokens=24))]

    assert [type(event) for event in events[:2]] == [Requested, Started]
    pieces = [event.text for event in events if isinstance(event, Text)]
    assert len(pieces) > 5, "it came in pieces"
    usage = [event for event in events if isinstance(event, Usage)][-1]
    assert usage.completion_tokens == 24
    assert usage.prompt_tokens is not None and 10 < usage.prompt_tokens < 60
    assert events[-1] == Finished("length")


async def test_an_attached_text_is_read_with_the_message(server: Server, kind: Kind, connect: Connect) -> None:
    bare = request("what is this?", max_tokens=8)
    notes = Attachment("notes.txt", "text/plain", b"one two three four five six seven eight nine ten " * 4)
    asked = replace(bare, messages=(replace(bare.messages[0], attachments=(notes,)),))
    prompts = []
    for one in (bare, asked):
        events: list[Event] = [event async for event in connect(server, kind).chat(one)]
        assert isinstance(events[-1], Finished), events[-1]
        prompts.append([event for event in events if isinstance(event, Usage)][-1].prompt_tokens or 0)
    assert prompts[1] > prompts[0] + 40, "the engine read its words too"


async def test_stopping_ends_the_generation_too(server: Server, kind: Kind, connect: Connect) -> None:
    before = metric(server, GENERATED[kind])
    async with aclosing(connect(server, kind).chat(request(max_tokens=None))) as events:
        async for event in events:
            if isinstance(event, Text):
                assert metric(server, RUNNING[kind]) == 1
                break
    assert await until(lambda: metric(server, RUNNING[kind]) == 0, 30.0)
    assert metric(server, GENERATED[kind]) - before < CONTEXT / 2, "without the stop it fills its whole context"


async def test_overflow_names_its_numbers(server: Server, kind: Kind, connect: Connect) -> None:
    events = [event async for event in connect(server, kind).chat(request("word " * 3 * CONTEXT))]

    requested, failed = events
    assert isinstance(requested, Requested)
    assert isinstance(failed, Failed)
    assert failed.kind is ErrorKind.CONTEXT_OVERFLOW
    assert failed.context_window == CONTEXT
    assert failed.prompt_tokens is None or failed.prompt_tokens > CONTEXT
    assert failed.prompt_tokens is not None or kind is Kind.VLLM


async def test_health_tells_model_and_window(server: Server, kind: Kind, connect: Connect) -> None:
    health = await connect(server, kind).health()

    assert health.state is HealthState.HEALTHY, health.detail
    assert [(model.name, model.context_window) for model in health.models] == [("tiny", CONTEXT)]


@pytest.mark.needs("vllm")
async def test_vllm_refuses_an_unknown_model(vllm: Server, connect: Connect) -> None:
    events = [event async for event in connect(vllm, Kind.VLLM).chat(request(model="nobody"))]

    assert [event.kind for event in events if isinstance(event, Failed)] == [ErrorKind.MODEL_MISSING]


@pytest.mark.needs("llamacpp")
async def test_llamacpp_answers_with_its_own_model_and_says_so(llamacpp: Server, connect: Connect) -> None:
    events = [event async for event in connect(llamacpp, Kind.LLAMACPP).chat(request(model="nobody"))]

    assert isinstance(events[0], Requested)
    assert events[1] == Started("tiny")


STARTS = [
    pytest.param(Kind.LLAMACPP, start_llamacpp, marks=pytest.mark.needs("llamacpp"), id="llamacpp"),
    pytest.param(Kind.VLLM, start_vllm, marks=pytest.mark.needs("vllm"), id="vllm"),
]


@pytest.mark.parametrize(("kind_of_victim", "start"), STARTS)
async def test_killed_mid_stream_keeps_what_came(
    kind_of_victim: Kind, start: Callable[[Path], Server], tmp_path: Path, connect: Connect
) -> None:
    victim = await asyncio.to_thread(start, tmp_path)
    text, last = "", None
    async with aclosing(connect(victim, kind_of_victim).chat(request(max_tokens=None))) as events:
        async for event in events:
            if isinstance(event, Text):
                if not text:
                    victim.kill()
                text += event.text
            last = event

    assert text
    assert isinstance(last, Failed)
    assert last.kind in (ErrorKind.RESET, ErrorKind.CUT_SHORT)
