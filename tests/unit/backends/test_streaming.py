"""The end of a stream: a connection that can be used again, one that is given up, a key that is never shown."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from hybridchat.backends import streaming
from hybridchat.backends.facts import facts
from hybridchat.backends.registry import make_backend
from hybridchat.domain.chat import Zone
from hybridchat.domain.events import Failed, Finished, Text
from hybridchat.errors import ErrorKind
from tests.fakes.completions import FakeCompletions
from tests.fakes.http import Responder
from tests.fakes.recorder import Recorded
from tests.fakes.wire import CHAT_COMPLETIONS, WIRES, Wire, ask, collect, run, scripted, spec_for, text_of

both = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.kind)
MANAGED = {"zone": Zone.MANAGED, "proof": None}


async def test_a_finished_reply_leaves_its_connection_to_the_next() -> None:
    """Also when the listener leaves right after the last event, as a turn does."""
    async with FakeCompletions(tokens=2) as server:
        backend = make_backend(spec_for(CHAT_COMPLETIONS.kind, server.url, **MANAGED), recorder=Recorded())
        for _ in range(3):
            async with aclosing(backend.chat(ask())) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        break
        await backend.aclose()
        assert server.connections == 1


@both
async def test_a_server_that_holds_the_connection_after_the_end_holds_nobody_up(wire: Wire) -> None:
    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        await respond.chunk(wire.reply("a"))
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        events = await run(wire, script, ask(idle_s=60.0))
    assert events[-1] == Finished("stop")


@both
async def test_stopping_closes_the_connection_at_once(wire: Wire) -> None:
    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        await respond.chunk(wire.piece("a"))
        await asyncio.Event().wait()

    async with scripted(wire, script) as server:
        backend = make_backend(spec_for(wire.kind, server.url), recorder=Recorded())
        came = asyncio.Event()

        async def read() -> None:
            async with aclosing(backend.chat(ask())) as events:
                async for event in events:
                    if isinstance(event, Text):
                        came.set()

        reading = asyncio.create_task(read())
        await came.wait()
        server.hung_up.clear()
        reading.cancel()
        await asyncio.wait({reading})
        assert reading.cancelled()
        await server.hung_up.wait()
        await backend.aclose()


@both
async def test_a_reply_that_never_stops_growing_is_capped(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "MAX_REPLY_CHARACTERS", 5000)

    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        while True:
            await respond.chunk(wire.piece("again and again "))

    events = await run(wire, script)
    last = events[-1]
    assert isinstance(last, Failed)
    assert last.kind is ErrorKind.TOO_LARGE
    assert 5000 < len(text_of(events)) < 200_000


@both
async def test_a_key_goes_out_and_never_into_an_error(wire: Wire) -> None:
    async def script(respond: Responder) -> None:
        await respond.whole({"error": {"message": "bad key sk-canary"}}, status=401)

    async with scripted(wire, script) as server:
        backend = make_backend(spec_for(wire.kind, server.url), "sk-canary", recorder=Recorded())
        events = await collect(backend)
        headers = server.sent(wire.path)[0].headers
        header = facts().key_header.get(wire.kind, "authorization")
        assert headers[header].removeprefix("Bearer ") == "sk-canary"
    assert isinstance(events[-1], Failed)
    assert events[-1].kind is ErrorKind.AUTH
    assert "sk-canary" not in repr(events)


def test_an_exchange_does_not_show_its_key() -> None:
    exchange = streaming.Exchange(
        client=None,  # type: ignore[arg-type]
        path="/x",
        body=b"secret words",
        backend="it",
        first_s=1,
        idle_s=1,
        deadline_s=1,
        secret="sk-canary",
    )
    shown = repr(exchange) + repr(exchange.__rich_repr__())
    assert "sk-canary" not in shown
    assert "secret words" not in shown


@both
async def test_the_guards_refusal_is_an_end_too(wire: Wire) -> None:
    """Not an exception: a backend's stream tells everything in events."""
    events = await collect(make_backend(spec_for(wire.kind, "http://192.0.2.1:9"), recorder=Recorded()))
    last = events[-1]
    assert isinstance(last, Failed)
    assert (last.kind, "192.0.2.1 is not on this device" in last.message) == (ErrorKind.REFUSED, True)
