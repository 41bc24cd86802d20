"""The fakes are what they claim: the real ollama library, left to itself, finds a real Ollama in the fake one."""

from __future__ import annotations

from typing import Any

import pytest

from hybridchat.net.http import share_http_library
from tests.fakes.captures import capture
from tests.fakes.completions import TEXT, FakeCompletions
from tests.fakes.ollama import FakeOllama
from tests.fakes.recorder import Recorded
from tests.fakes.wire import CHAT_COMPLETIONS, collect, make_backend, spec_for, text_of


def library_client(server: FakeOllama) -> Any:
    share_http_library()
    from ollama import AsyncClient

    return AsyncClient(host=server.url)


async def test_the_ollama_library_manages_models() -> None:
    async with FakeOllama() as server:
        client = library_client(server)
        assert [model.model for model in (await client.list()).models] == ["tiny:latest", "harmless:latest"]
        assert [model.context_length for model in (await client.ps()).models] == [512]
        assert (await client.show("tiny")).capabilities == ["completion"]
        assert (await client.delete("tiny2")).status == "success"
        statuses = [step.status async for step in await client.pull("tiny", stream=True)]
        assert statuses[-1] == "success"
        await client.close()


async def test_the_ollama_library_chats_and_cannot_see_forwarding() -> None:
    """Which is why our own decoder reads the chat."""
    messages = [{"role": "user", "content": "hello"}]
    async with FakeOllama() as server:
        client = library_client(server)
        parts = [part async for part in await client.chat("tiny", messages, stream=True)]
        assert parts[-1].eval_count == 24
        (leaked,) = [part async for part in await client.chat("harmless", messages, stream=True)]
        assert leaked.message.content == "LEAKED"
        assert "remote" not in repr(leaked)
        await client.close()


@pytest.mark.parametrize(
    ("model", "status"), [("nope", 404), ("harmless:latest:local", 404), ("gpt-oss:120b-cloud:local", 400)]
)
async def test_the_ollama_library_sees_the_refusals(model: str, status: int) -> None:
    async with FakeOllama() as server:
        client = library_client(server)
        from ollama import ResponseError

        with pytest.raises(ResponseError) as caught:
            await client.chat(model, [{"role": "user", "content": "hello"}])
        assert caught.value.status_code == status
        await client.close()


def test_captures_are_sent_as_they_came() -> None:
    whole = capture("ollama/version")
    assert whole.as_sent() == whole.head + b"\r\n\r\n" + whole.body
    chunked = capture("vllm/chat-stream")
    assert chunked.body in chunked.as_sent()
    assert chunked.as_sent().endswith(b"\r\n0\r\n\r\n")


async def test_the_paced_server_sends_its_text_again_and_again() -> None:
    async with FakeCompletions(tokens=6, text="one two three\n", tokens_per_s=1e6, delay_s=0.001) as server:
        events = await collect(make_backend(spec_for(CHAT_COMPLETIONS.kind, server.url), recorder=Recorded()))
        assert text_of(events) == "one two three\none two"
        assert len(server.first_byte_at) == 1
    async with FakeCompletions() as server:
        assert (
            text_of(await collect(make_backend(spec_for(CHAT_COMPLETIONS.kind, server.url), recorder=Recorded())))
            == TEXT
        )
