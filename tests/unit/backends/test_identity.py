"""Health: who answers, which models with which context window; another service at the address is named."""

from __future__ import annotations

import asyncio
import json

import pytest

from hybridchat.backends.registry import make_backend
from hybridchat.domain.chat import Health, HealthState, Kind, ModelInfo, Proof, Zone
from hybridchat.domain.events import Failed
from hybridchat.errors import ErrorKind
from tests.fakes.captures import capture
from tests.fakes.completions import FakeCompletions
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.ollama import FakeOllama
from tests.fakes.recorder import Recorded
from tests.fakes.wire import ask, collect, spec_for, text_of


def replaying(**paths: str) -> FakeServer:
    """A server that answers GETs with captures; `props="llamacpp/props"` is GET /props."""

    async def handle(request: Request, respond: Responder) -> None:
        name = paths.get(request.path.strip("/").replace("/", "_"))
        if name:
            await respond.raw(capture(name).as_sent())
        else:
            await respond.whole({"detail": "Not Found"}, status=404)

    return FakeServer(handle)


def vllm() -> FakeServer:
    return replaying(version="vllm/version", v1_models="vllm/models")


def llamacpp() -> FakeServer:
    return replaying(props="llamacpp/props", v1_models="llamacpp/models")


async def health_of(kind: Kind, server: FakeServer, **fields: object) -> Health:
    backend = make_backend(spec_for(kind, server.url, **fields), recorder=Recorded())
    try:
        return await backend.health()
    finally:
        await backend.aclose()


async def test_vllm_tells_its_context_window() -> None:
    async with vllm() as server:
        health = await health_of(Kind.VLLM, server)
    assert (health.state, health.detail) == (HealthState.HEALTHY, "1 model")
    assert [(model.name, model.context_window) for model in health.models] == [("tiny", 2048)]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (
            {
                "data": [
                    {
                        "id": "a/b",
                        "context_length": 9,
                        "architecture": {"input_modalities": ["text", "image", "file"]},
                        "supported_parameters": ["reasoning", "tools"],
                    }
                ]
            },
            ModelInfo("a/b", context_window=9, capabilities=("vision", "documents", "thinking"), sees=True),
        ),
        (
            {"data": [{"id": "m", "max_context_length": 8, "capabilities": {"vision": True, "completion_chat": True}}]},
            ModelInfo("m", context_window=8, capabilities=("vision",), sees=True),
        ),
        ({"data": [{"id": "g", "context_window": 7}]}, ModelInfo("g", context_window=7)),
        ([{"id": "t", "type": "chat", "context_length": 6}], ModelInfo("t", context_window=6)),
        (
            {"data": [{"id": "x", "architecture": {"input_modalities": 1}, "supported_parameters": {}}]},
            ModelInfo("x"),
        ),
        ({"data": [{"id": "x", "max_model_len": -5, "context_length": 4}]}, ModelInfo("x", context_window=4)),
    ],
    ids=["OpenRouter", "Mistral", "Groq", "Together", "odd", "below nothing"],
)
async def test_what_each_providers_list_tells(listed: object, expected: ModelInfo) -> None:
    async def handle(request: Request, respond: Responder) -> None:
        await respond.whole(json.dumps(listed).encode())

    async with FakeServer(handle) as server:
        health = await health_of(Kind.OPENAI_COMPATIBLE, server, zone=Zone.MANAGED, proof=None)
    assert health.models == (expected,)


@pytest.mark.parametrize("listed", [b'{"data": []}', b'{"data": null}'])
async def test_a_server_without_models_is_well(listed: bytes) -> None:
    async def handle(request: Request, respond: Responder) -> None:
        await respond.whole(listed)

    async with FakeServer(handle) as server:
        health = await health_of(Kind.OPENAI_COMPATIBLE, server)
    assert (health.state, health.detail) == (HealthState.HEALTHY, "answers; lists no models")


async def test_why_a_look_failed_is_told_as_a_kind_too() -> None:
    async def handle(request: Request, respond: Responder) -> None:
        await respond.whole({"error": {"message": "no"}}, status=401)

    async with FakeServer(handle) as server:
        health = await health_of(Kind.OPENAI, server, zone=Zone.MANAGED, proof=None)
    assert (health.state, health.error_kind) == (HealthState.UNHEALTHY, ErrorKind.AUTH)


async def test_llamacpp_tells_its_context_window() -> None:
    async with llamacpp() as server:
        health = await health_of(Kind.LLAMACPP, server)
    assert [(m.name, m.context_window, m.size_bytes) for m in health.models] == [("tiny.gguf", 1024, 1_377_536)]


async def test_a_compatible_server_needs_no_fingerprint() -> None:
    async with FakeCompletions() as server:
        health = await health_of(Kind.OPENAI_COMPATIBLE, server)
    assert [(model.name, model.context_window) for model in health.models] == [("fake", 8192)]


async def test_lm_studio_tells_what_is_loaded() -> None:
    async def handle(request: Request, respond: Responder) -> None:
        if request.path != "/api/v0/models":
            await respond.whole({"error": "Unexpected endpoint"}, status=404)
            return
        loaded = {"id": "a", "state": "loaded", "max_context_length": 32768, "loaded_context_length": 4096}
        idle = {"id": "b", "state": "not-loaded", "max_context_length": 8192}
        await respond.raw(b"")
        await respond.whole({"object": "list", "data": [loaded, idle]})  # type: ignore[dict-item]

    async with FakeServer(handle) as server:
        health = await health_of(Kind.OPENAI_COMPATIBLE, server)
    assert [(m.name, m.context_window, m.loaded) for m in health.models] == [("a", 4096, True), ("b", 8192, False)]


async def test_a_managed_vllm_shows_only_the_protocol() -> None:
    async with replaying(v1_models="vllm/models") as server:
        assert (await health_of(Kind.VLLM, server, zone=Zone.MANAGED, proof=None)).state is HealthState.HEALTHY
        assert (await health_of(Kind.VLLM, server)).state is HealthState.UNHEALTHY


IMPOSTORS = [
    (Kind.VLLM, FakeOllama, 'is Ollama, not vllm — set kind = "ollama"'),
    (Kind.LLAMACPP, vllm, 'is vLLM, not llamacpp — set kind = "vllm"'),
    (Kind.OLLAMA, llamacpp, 'is llama.cpp, not ollama — set kind = "llamacpp"'),
    (Kind.OPENAI_COMPATIBLE, FakeOllama, 'is Ollama, not openai-compatible — set kind = "ollama"'),
    (
        Kind.VLLM,
        FakeCompletions,
        "is another service, not vllm — start the server again, or check its port; if this one",
    ),
]


@pytest.mark.parametrize(("kind", "make", "says"), IMPOSTORS)
async def test_another_service_at_the_port_is_named(kind: Kind, make: type[FakeServer], says: str) -> None:
    async with make() as server:  # type: ignore[call-arg]
        health = await health_of(kind, server)
    assert health.state is HealthState.UNHEALTHY
    assert says in str(health)


async def test_an_ollama_under_another_kind_gets_no_word() -> None:
    """Its /v1 would forward a model under a harmless name, and never tell."""
    async with FakeOllama() as server:
        events = await collect(
            make_backend(spec_for(Kind.OPENAI_COMPATIBLE, server.url), recorder=Recorded()), ask("secret", "harmless")
        )
        assert [type(event) for event in events] == [Failed]
        assert isinstance(events[0], Failed)
        assert events[0].kind is ErrorKind.IDENTITY
        assert all(request.method == "GET" for request in server.requests)


@pytest.mark.parametrize(
    "fields", [{"zone": Zone.MANAGED, "proof": None}, {"zone": Zone.DEVICE, "proof": Proof.VERIFIED}]
)
async def test_no_look_where_it_does_not_matter(fields: dict[str, object]) -> None:
    async with FakeCompletions() as server:
        await collect(make_backend(spec_for(Kind.OPENAI_COMPATIBLE, server.url, **fields), recorder=Recorded()))
        assert [request.path for request in server.requests] == ["/v1/chat/completions"]


async def test_the_look_happens_once() -> None:
    async with FakeCompletions(tokens=1) as server:
        backend = make_backend(spec_for(Kind.OPENAI_COMPATIBLE, server.url), recorder=Recorded())
        for _ in range(2):
            assert text_of([event async for event in backend.chat(ask())])
        await backend.aclose()
        assert [request.method for request in server.requests] == ["GET", "POST", "POST"]


@pytest.mark.parametrize("kind", [Kind.VLLM, Kind.LLAMACPP, Kind.OLLAMA, Kind.OPENAI_COMPATIBLE])
async def test_nobody_there(kind: Kind) -> None:
    async with vllm() as server:
        pass
    health = await health_of(kind, server)
    assert health.state is HealthState.UNHEALTHY
    assert health.detail == f"nothing listens at 127.0.0.1:{server.port}"
    assert str(health) == f"{health.detail} — {health.remedy}"


@pytest.mark.parametrize("kind", [Kind.VLLM, Kind.LLAMACPP, Kind.OLLAMA])
async def test_loading(kind: Kind) -> None:
    async def handle(_: Request, respond: Responder) -> None:
        await respond.whole({"error": {"message": "Loading model", "code": 503}}, status=503)

    async with FakeServer(handle) as server:
        assert (await health_of(kind, server)).state is HealthState.LOADING


@pytest.mark.parametrize("kind", [Kind.VLLM, Kind.OLLAMA, Kind.OPENAI_COMPATIBLE])
async def test_a_refused_key_is_said(kind: Kind) -> None:
    async def handle(_: Request, respond: Responder) -> None:
        await respond.whole({"error": "no"}, status=401)

    async with FakeServer(handle) as server:
        health = await health_of(kind, server)
    assert health.state is HealthState.UNHEALTHY
    assert "401" in health.detail


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        (403, ErrorKind.AUTH, "check `key`"),
        (429, ErrorKind.RATE_LIMIT, "wait a little"),
        (529, ErrorKind.OVERLOADED, "wait a little"),
        (500, ErrorKind.SERVER, "try again"),
    ],
)
async def test_a_look_says_what_the_server_says_and_what_to_do(status: int, kind: ErrorKind, remedy: str) -> None:
    async def handle(request: Request, respond: Responder) -> None:
        said = f"Not today, {request.headers['authorization'].removeprefix('Bearer ')}"
        await respond.whole({"error": {"message": said}} if request.path == "/v1/models" else b"<p>", status=status)

    async with FakeServer(handle) as server:
        spec = spec_for(Kind.OPENAI, server.url, zone=Zone.MANAGED, proof=None)
        backend = make_backend(spec, "sk-canary", recorder=Recorded())
        health = await backend.health()
        await backend.aclose()
    assert health.detail.endswith(f"/v1/models answered with status {status}: Not today, [key]")
    assert (health.error_kind, health.remedy.startswith(remedy)) == (kind, True)


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[1]", b'{"data": 7}', b'{"models": 7, "version": 1}'])
@pytest.mark.parametrize("kind", [Kind.VLLM, Kind.LLAMACPP, Kind.OLLAMA, Kind.OPENAI_COMPATIBLE])
async def test_nonsense_is_unhealthy_and_no_crash(kind: Kind, body: bytes) -> None:
    async def handle(_: Request, respond: Responder) -> None:
        await respond.whole(body)

    async with FakeServer(handle) as server:
        assert (await health_of(kind, server)).state in (HealthState.UNHEALTHY, HealthState.HEALTHY)


async def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_: Request, __: Responder) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("hybridchat.backends.identity.HEALTH_S", 0.05)
    async with FakeServer(silent) as server:
        health = await health_of(Kind.VLLM, server)
    assert (health.state, "went silent" in health.detail) == (HealthState.UNHEALTHY, True)


async def test_a_missing_default_model_is_said() -> None:
    async with vllm() as server:
        health = await health_of(Kind.VLLM, server, model="big")
    assert "has no model big" in health.detail
