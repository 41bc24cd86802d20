"""Models managed through the real ollama library, over our transport, against captures of a real server."""

from __future__ import annotations

import pytest

from hybridchat.backends.ollama_admin import OllamaAdmin, PullStep
from hybridchat.domain.chat import Kind, Zone
from hybridchat.errors import BackendError, ErrorKind, Refused
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.ollama import FakeOllama
from tests.fakes.recorder import Recorded
from tests.fakes.wire import spec_for


def admin_for(server: FakeServer, zone: Zone = Zone.DEVICE, key: str | None = None) -> OllamaAdmin:
    return OllamaAdmin(spec_for(Kind.OLLAMA, server.url, zone=zone), key, recorder=Recorded())


async def test_every_call_reaches_the_configured_server_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeOllama() as decoy, FakeOllama() as server:
        monkeypatch.setenv("OLLAMA_HOST", decoy.url)
        monkeypatch.setenv("OLLAMA_API_KEY", "canary")
        monkeypatch.setenv("HTTP_PROXY", decoy.url)
        monkeypatch.setenv("ALL_PROXY", decoy.url)
        admin = admin_for(server)
        assert [model.name for model in await admin.models()] == ["tiny:latest", "harmless:latest"]
        await admin.show("tiny")
        await admin.load("tiny", keep_alive="30m")
        await admin.unload("tiny")
        await admin.delete("tiny2")
        assert [step async for step in admin.pull("tiny")][-1] == PullStep("success", 1050, 1050)
        assert decoy.connections == 0
        assert not any("authorization" in request.headers for request in server.requests)


async def test_local_zones_name_models_fail_closed() -> None:
    async with FakeOllama() as server:
        admin = admin_for(server)
        await admin.show("tiny")
        await admin.load("tiny")
        await admin.unload("tiny")
        bodies = [request.json() for request in server.requests]
    assert {body["model"] for body in bodies} == {"tiny:latest:local"}
    assert bodies[2]["keep_alive"] == 0


async def test_a_key_of_the_config_is_sent() -> None:
    async with FakeOllama() as server:
        await admin_for(server, key="mine").delete("tiny2")
        assert server.requests[0].headers["authorization"] == "Bearer mine"


async def test_show_says_what_the_model_is() -> None:
    async with FakeOllama() as server:
        card = await admin_for(server).show("tiny")
    assert (card.family, card.parameter_size, card.context_window) == ("llama", "344K", 2048)
    assert card.capabilities == ("completion",)
    assert "num_ctx" in card.parameters


async def test_pull_counts_all_layers() -> None:
    async with FakeOllama() as server:
        steps = [step async for step in admin_for(server).pull("tiny")]
    assert [(step.done_bytes, step.total_bytes) for step in steps[:5]] == [
        (0, None),
        (0, 1000),
        (400, 1000),
        (1000, 1000),
        (1050, 1050),
    ]


async def test_a_pull_without_network_fails_inside_a_200() -> None:
    async with FakeOllama() as server:
        with pytest.raises(BackendError, match="no such host") as caught:
            async for _ in admin_for(server).pull("nosuch"):
                pass
    assert caught.value.kind is ErrorKind.SERVER


async def test_a_missing_model() -> None:
    async with FakeOllama() as server:
        with pytest.raises(BackendError) as caught:
            await admin_for(server).delete("nope")
    assert (caught.value.kind, caught.value.status) == (ErrorKind.MODEL_MISSING, 404)


async def test_cloud_names_are_refused_before_any_byte() -> None:
    async with FakeOllama() as server:
        admin = admin_for(server)
        for call in (admin.show("x:cloud"), admin.load("x:cloud"), anext(admin.pull("x:cloud"))):
            with pytest.raises(Refused, match="cloud model"):
                await call
        assert server.connections == 0


async def test_a_server_that_is_down() -> None:
    async with FakeOllama() as server:
        admin = admin_for(server)
    for call in (admin.show("tiny"), admin.models(), anext(admin.pull("tiny"))):
        with pytest.raises(BackendError, match="nothing listens") as caught:
            await call
        assert caught.value.kind is ErrorKind.CONNECT


async def test_redirects_are_not_followed() -> None:
    async def redirect(_: Request, respond: Responder) -> None:
        head = f"HTTP/1.1 307 Moved\r\nlocation: {decoy.url}/api/show\r\ncontent-length: 0\r\n\r\n"
        await respond.raw(head.encode())

    async with FakeOllama() as decoy, FakeServer(redirect) as server:
        with pytest.raises(BackendError) as caught:
            await admin_for(server).show("tiny")
        assert (caught.value.kind, decoy.connections) == (ErrorKind.REDIRECT, 0)


async def test_what_goes_to_another_machine_is_recorded() -> None:
    async with FakeOllama() as server:
        recorded = Recorded()
        admin = OllamaAdmin(spec_for(Kind.OLLAMA, server.url, zone=Zone.PRIVATE), recorder=recorded)
        await admin.models()
        await admin.show("tiny")
    purposes = [(left.errand.purpose, left.backend) for left in recorded.departures]
    assert purposes == [("look", "it"), ("look", "it"), ("models", "it")]
    assert recorded.sent_bytes == [len(request.body) for request in server.requests]
