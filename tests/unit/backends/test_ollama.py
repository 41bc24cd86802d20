"""The Ollama backend against a server that answers as a real one did."""

from __future__ import annotations

import asyncio

import pytest

from hybridchat.backends.ollama import OllamaBackend, full_name
from hybridchat.backends.registry import make_backend
from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import (
    ChatMessage,
    ChatRequest,
    Effort,
    HealthState,
    Kind,
    Parameters,
    Role,
    Zone,
)
from hybridchat.domain.events import Failed, Finished, Loading, Started, Usage
from hybridchat.errors import ErrorKind
from tests.fakes.captures import capture
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.ollama import _GET, FakeOllama
from tests.fakes.recorder import Recorded
from tests.fakes.wire import OLLAMA, ask, collect, spec_for, text_of


def backend_for(server: FakeOllama, **fields: object) -> OllamaBackend:
    return OllamaBackend(spec_for(Kind.OLLAMA, server.url, **fields), recorder=Recorded())


async def refusal(server: FakeOllama, model: str, **fields: object) -> Failed:
    events = await collect(backend_for(server, **fields), ask("a secret", model))
    assert isinstance(events[-1], Failed)
    assert text_of(events) == ""
    return events[-1]


@pytest.mark.parametrize("zone", [Zone.DEVICE, Zone.PRIVATE])
async def test_local_zones_use_the_fail_closed_name(zone: Zone) -> None:
    async with FakeOllama() as server:
        events = await collect(backend_for(server, zone=zone), ask(model="tiny"))
        body = server.sent("/api/chat")[0].json()
    assert body["model"] == "tiny:latest:local"
    assert (body["truncate"], body["stream"]) == (False, True)
    assert events[1] == Started("tiny")
    assert text_of(events).startswith("RENG69Tools")
    assert events[-2:] == [Usage(10, None, None, 24, prompt_ms=0.338), Finished("length")]


@pytest.mark.parametrize(
    ("model", "effort", "think"), [("tiny", "low", True), ("tiny", "off", False), ("gpt-oss", "low", "low")]
)
async def test_a_model_that_can_think_is_told_how_much(model: str, effort: str, think: object) -> None:
    async def handle(request: Request, respond: Responder) -> None:
        if request.path == "/api/show":
            await respond.whole({"capabilities": ["completion", "thinking"]})
        elif request.path == "/api/chat":
            await respond.raw(capture("ollama/chat-stream").as_sent())
        else:
            await respond.whole({"models": []})

    async with FakeServer(handle) as server:
        backend = OllamaBackend(spec_for(Kind.OLLAMA, server.url), recorder=Recorded())
        asked = ask(model=model, parameters=Parameters(effort=Effort(effort)))
        for _ in range(2):
            assert isinstance([event async for event in backend.chat(asked)][-1], Finished)
        await backend.aclose()
        assert [request.json()["think"] for request in server.sent("/api/chat")] == [think, think]
        assert [request.json()["model"] for request in server.sent("/api/show")] == [f"{model}:latest:local"], (
            "asked once"
        )


async def test_a_model_that_cannot_think_is_told_nothing() -> None:
    async with FakeOllama() as server:
        asked = ask(model="tiny", parameters=Parameters(effort=Effort.HIGH))
        events = await collect(backend_for(server), asked)
        assert "think" not in server.sent("/api/chat")[0].json()
    assert isinstance(events[-1], Finished)


async def test_pictures_and_texts_go_along_and_documents_do_not() -> None:
    picture, notes = Attachment("a.png", "image/png", b"\x89PNG"), Attachment("n.txt", "text/plain", b"notes")
    async with FakeOllama() as server:
        told = (ChatMessage(Role.USER, "look", (picture, notes)),)
        assert isinstance((await collect(backend_for(server), ChatRequest("tiny", told)))[-1], Finished)
        (message,) = server.sent("/api/chat")[0].json()["messages"]
        assert message == {"role": "user", "content": "n.txt:\n\nnotes\n\nlook", "images": ["iVBORw=="]}
        told = (ChatMessage(Role.USER, "look", (Attachment("a.pdf", "application/pdf", b"%PDF"),)),)
        events = await collect(backend_for(server), ChatRequest("tiny", told))
        assert len(server.sent("/api/chat")) == 1
    assert isinstance(events[-1], Failed)
    assert (events[-1].kind, events[-1].message) == (ErrorKind.REFUSED, "a.pdf: application/pdf cannot go to this API")


async def test_a_managed_spec_is_forwarded_under_the_plain_name() -> None:
    async with FakeOllama() as server:
        events = await collect(backend_for(server, zone=Zone.MANAGED, proof=None), ask(model="harmless"))
        assert server.sent("/api/chat")[0].json()["model"] == "harmless"
    assert (text_of(events), events[-1]) == ("LEAKED", Finished("stop"))


async def test_a_stub_that_forwards_is_refused_and_named() -> None:
    async with FakeOllama() as server:
        event = await refusal(server, "harmless")
        names = [request.json()["model"] for request in server.requests if request.body]
    assert event.kind is ErrorKind.REFUSED
    assert "http://127.0.0.1:21999" in event.message
    assert names == ["harmless:latest:local"]  # nothing is retried under another name


async def test_a_reply_that_names_another_host_is_aborted() -> None:
    async with FakeOllama() as server:
        server.chat = "chat-forwarded"
        assert (await refusal(server, "tiny")).kind is ErrorKind.FORWARDED


@pytest.mark.parametrize("model", ["x:cloud", "X:20B-Cloud", "x: cloud", "gpt-oss:120b-cloud"])
@pytest.mark.parametrize("zone", [Zone.DEVICE, Zone.PRIVATE])
async def test_cloud_names_are_refused_before_any_byte(model: str, zone: Zone) -> None:
    async with FakeOllama() as server:
        assert (await refusal(server, model, zone=zone)).kind is ErrorKind.REFUSED
        assert server.connections == 0


async def test_a_look_sees_that_the_server_fails_closed() -> None:
    async with FakeOllama() as server:
        backend = backend_for(server)
        assert [(await backend.health()).fails_closed for _ in range(2)] == [True, True]
        assert [request.json() for request in server.sent("/api/show")] == [{"model": "tiny:latest:local"}]
        await backend.aclose()
        managed = backend_for(server, zone=Zone.MANAGED, proof=None)
        assert not (await managed.health()).fails_closed
        await managed.aclose()


async def test_an_old_server_takes_the_name_for_a_models_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fakes.ollama._SHOW", {})
    async with FakeOllama() as server:
        backend = backend_for(server)
        assert not (await backend.health()).fails_closed
        await backend.aclose()


@pytest.mark.parametrize(
    "capture, is_off", [("status", False), ("status-cloud-off", True), ("not-found-path", None), ("version", None)]
)
async def test_whether_its_cloud_is_off(capture: str, is_off: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_GET, "/api/status", capture)
    async with FakeOllama() as server:
        backend = backend_for(server)
        assert await backend.cloud_is_off() is is_off
        await backend.aclose()


async def test_a_missing_model_says_how_to_get_it() -> None:
    async with FakeOllama() as server:
        event = await refusal(server, "nope")
    assert event.kind is ErrorKind.MODEL_MISSING
    assert "pull nope" in event.remedy


async def test_a_server_too_old_for_fail_closed_names_is_refused() -> None:
    async with FakeOllama() as server:
        server.chat = "chat-forwarded-refused"
        event = await refusal(server, "tiny")
    assert event.kind is ErrorKind.REFUSED
    assert "0.17.8" in event.remedy


async def test_an_overflow_brings_its_counts() -> None:
    async with FakeOllama() as server:
        server.chat = "error-context-overflow"
        event = await refusal(server, "tiny", num_ctx=512)
        assert server.sent("/api/chat")[0].json()["options"]["num_ctx"] == 512
    assert (event.kind, event.prompt_tokens, event.context_window) == (ErrorKind.CONTEXT_OVERFLOW, 6009, 512)


async def test_parameters_by_their_own_names() -> None:
    parameters = Parameters(temperature=0.5, top_p=0.9, max_tokens=7, seed=1, stop=("x",), num_ctx=99)
    async with FakeOllama() as server:
        await collect(backend_for(server, num_ctx=512), ask(model="tiny", parameters=parameters))
        options = server.sent("/api/chat")[0].json()["options"]
    assert options == {"num_ctx": 99, "temperature": 0.5, "top_p": 0.9, "seed": 1, "stop": ["x"], "num_predict": 7}


async def test_a_model_that_is_not_loaded_is_announced_and_its_load_kept_apart() -> None:
    async with FakeOllama() as server:
        warm = await collect(backend_for(server), ask(model="tiny"))
        other_size = await collect(backend_for(server, num_ctx=4096), ask(model="tiny"))
    assert not any(isinstance(event, Loading) for event in warm)
    assert isinstance(other_size[0], Loading)
    assert [event.load_ms for event in other_size if isinstance(event, Usage)] == [0.895075]


@pytest.mark.parametrize("is_loaded", [False, True])
async def test_a_model_may_take_its_time_to_load_and_only_then(is_loaded: bool) -> None:
    async def handle(request: Request, respond: Responder) -> None:
        if request.path == "/api/ps":
            await respond.whole({"models": [{"name": "m:latest", "model": "m:latest"}] if is_loaded else []})
            return
        await asyncio.sleep(0.3)
        await respond.begin(OLLAMA.content_type)
        await respond.chunk(OLLAMA.reply("up"))
        await respond.finish()

    async with FakeServer(handle) as server:
        events = await collect(
            make_backend(spec_for(Kind.OLLAMA, server.url), recorder=Recorded()), ask(idle_s=0.1, deadline_s=20.0)
        )
    assert text_of(events) == ("" if is_loaded else "up")
    assert isinstance(events[-1], Failed if is_loaded else Finished)


async def test_health_lists_models_and_what_forwards_them() -> None:
    async with FakeOllama() as server:
        backend = backend_for(server)
        health = await backend.health()
        await backend.aclose()
    assert (health.state, health.detail) == (HealthState.HEALTHY, "2 models")
    tiny, harmless = health.models
    assert (tiny.name, tiny.context_window, tiny.size_bytes, tiny.loaded) == ("tiny:latest", 512, 1_439_352, True)
    assert harmless.remote_host == "http://127.0.0.1:21999"
    assert harmless.context_window is None


async def test_the_context_window_is_what_is_asked_for_up_to_the_models_own() -> None:
    async with FakeOllama() as server:
        for num_ctx, window in ((1024, 1024), (9999, 2048)):
            backend = backend_for(server, num_ctx=num_ctx)
            assert (await backend.health()).models[0].context_window == window
            await backend.aclose()


def test_full_names() -> None:
    assert [full_name(name) for name in ("a", "a:b", "host:1/a", "host:1/a:b")] == [
        "a:latest",
        "a:b",
        "host:1/a:latest",
        "host:1/a:b",
    ]
