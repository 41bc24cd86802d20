"""What a stream can do wrong, for every decoder: what came is kept, and exactly one end is told."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable

import pytest

from hybridchat.domain.events import Event, Failed, Finished, Loading, Requested, Started, Text, Usage
from hybridchat.errors import ErrorKind
from tests.fakes.captures import capture
from tests.fakes.http import Responder
from tests.fakes.wire import CHAT_COMPLETIONS, EMBEDDED, OLLAMA, WIRES, Wire, ask, run, text_of, thinking_of

each = pytest.mark.parametrize("wire", (*WIRES, EMBEDDED), ids=lambda wire: wire.kind)


def failure(events: list[Event]) -> Failed:
    """The stream's end; there is one, and it is a failure with something to do about it."""
    ends = [event for event in events if isinstance(event, Finished | Failed)]
    assert ends == events[-1:]
    assert isinstance(ends[0], Failed)
    assert ends[0].remedy
    return ends[0]


async def within_limits(attempt: Callable[[float], Awaitable[list[Event]]]) -> list[Event]:
    """The events of a try with a limit of so many seconds: the first that leaves a busy machine time for the text."""
    for limit_s in (0.1, 1.0, 10.0):
        events = await attempt(limit_s)
        if text_of(events):
            break
    return events


@each
async def test_01_reset_mid_stream(wire: Wire) -> None:
    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        await respond.chunk(wire.piece("kept"))
        await heard.wait()  # a reset takes what was not read
        respond.abort()

    heard = asyncio.Event()
    events = await run(wire, script, heard=heard)
    assert (text_of(events), failure(events).kind) == ("kept", ErrorKind.RESET)


@each
async def test_38_server_killed(wire: Wire) -> None:
    """The system closes the connection properly, in the middle of a chunked body."""

    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        await respond.chunk(wire.piece("kept"))
        respond.close()

    events = await run(wire, script)
    assert (text_of(events), failure(events).kind) == ("kept", ErrorKind.RESET)
    assert "stopped" in failure(events).remedy


@each
@pytest.mark.parametrize("has_reason", [False, True])
async def test_02_an_end_without_its_mark(wire: Wire, has_reason: bool) -> None:
    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        await respond.chunk(wire.piece("kept") + b"".join(wire.end[:-1] if has_reason else ()))
        await respond.finish()

    events = await run(wire, script)
    assert (text_of(events), failure(events).kind) == ("kept", ErrorKind.CUT_SHORT)


@each
async def test_03_silence(wire: Wire) -> None:
    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        await respond.chunk(wire.piece("kept"))
        await asyncio.Event().wait()

    events = await within_limits(lambda limit_s: run(wire, script, ask(idle_s=limit_s)))
    assert (text_of(events), failure(events).kind) == ("kept", ErrorKind.TIMEOUT)
    assert "silent" in failure(events).message


@each
async def test_03_silence_before_the_first_byte(wire: Wire) -> None:
    async def script(_: Responder) -> None:
        await asyncio.Event().wait()

    assert failure(await run(wire, script, ask(idle_s=0.05))).kind is ErrorKind.TIMEOUT


@each
async def test_04_one_byte_at_a_time_for_ever(wire: Wire) -> None:
    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        await respond.chunk(wire.piece("kept"))
        while True:
            await respond.chunk(b":")
            await asyncio.sleep(0.01)

    events = await within_limits(lambda limit_s: run(wire, script, ask(idle_s=20.0, deadline_s=limit_s)))
    assert (text_of(events), failure(events).kind) == ("kept", ErrorKind.TIMEOUT)
    assert "took longer than" in failure(events).message


async def test_04_headers_one_byte_at_a_time() -> None:
    async def script(respond: Responder) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nx: " + b"y" * 10_000:
            await respond.raw(bytes([byte]))
            await asyncio.sleep(0.01)

    events = await run(CHAT_COMPLETIONS, script, ask(idle_s=5.0, deadline_s=0.1))
    assert failure(events).kind is ErrorKind.TIMEOUT


@each
async def test_05_an_error_after_the_200(wire: Wire) -> None:
    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        await respond.chunk(wire.piece("kept") + wire.error("engine died") + b"".join(wire.end))
        await respond.finish()

    events = await run(wire, script)
    assert (text_of(events), failure(events).message) == ("kept", "it: engine died")


@each
async def test_05_an_error_instead_of_a_stream(wire: Wire) -> None:
    async def script(respond: Responder) -> None:
        await respond.whole({"error": {"message": "no stream today"}})

    assert failure(await run(wire, script)).message == "it: no stream today"


@each
async def test_06_garbage_and_comments(wire: Wire) -> None:
    comments = b": OPENROUTER PROCESSING\n\nevent: ping\n\n" if wire is CHAT_COMPLETIONS else b"\n\n"

    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        await respond.chunk(comments + wire.frame(b"garbage") + wire.frame(b'{"type":"unknown"}') + wire.reply("kept"))
        await respond.finish()

    events = await run(wire, script)
    assert (text_of(events), events[-1]) == ("kept", Finished("stop", 2))


@each
@pytest.mark.parametrize("status", [200, 404, 500, 502])
async def test_07_an_html_page(wire: Wire, status: int) -> None:
    page = b"<html><head><title>t</title></head><body><h1>Bad\x1b[31m Gateway</h1><p>nginx</p></body></html>"

    async def script(respond: Responder) -> None:
        await respond.whole(page, status, "text/html")

    event = failure(await run(wire, script))
    assert event.kind is (ErrorKind.SERVER if status >= 500 else ErrorKind.PROTOCOL)
    assert "Gateway nginx" in event.message
    assert (str(status) in event.message) == (status != 200)
    assert not set("<>\x1b") & set(event.message)


@each
@pytest.mark.parametrize("text", ["naïve 👩‍👩‍👧 café", "a\u2028b\u0085c\x0bd\u2029e"])
async def test_08_10_every_byte_in_its_own_chunk(wire: Wire, text: str) -> None:
    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        for byte in wire.reply(text).replace(b"\n", b"\r\n"):
            await respond.chunk(bytes([byte]))
        await respond.finish()

    events = await run(wire, script)
    assert (text_of(events), events[-1]) == (text, Finished("stop"))


@each
async def test_09_invalid_utf8_and_lone_surrogates(wire: Wire) -> None:
    def escaped(escape: bytes) -> bytes:
        return wire.piece("@").replace(b"@", escape)

    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        for part in (b"\xff", rb"\ud83d", rb"\ude00", rb"\udead", b"z"):
            await respond.chunk(escaped(part))
        await respond.chunk(b"".join(wire.end))
        await respond.finish()

    events = await run(wire, script)
    assert (text_of(events), events[-1]) == ("\ufffd\U0001f600\ufffdz", Finished("stop"))
    text_of(events).encode()  # what a ledger can store


@each
async def test_11_a_line_of_ten_megabytes(wire: Wire) -> None:
    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        await respond.chunk(wire.piece("kept"))
        await respond.chunk(wire.piece("x" * (10 << 20)) + b"".join(wire.end))
        await respond.finish()

    events = await run(wire, script)
    assert (text_of(events), failure(events).kind) == ("kept", ErrorKind.TOO_LARGE)


@pytest.mark.parametrize(
    ("wire", "filling"),
    [
        *((wire, filling) for wire in (*WIRES, EMBEDDED) for filling in (b"x", b"data: x\n\n")),
        *(
            (wire, b"\n") for wire in (CHAT_COMPLETIONS, OLLAMA)
        ),  # empty lines never leave the two framings: SSE, NDJSON
    ],
    ids=lambda value: value.kind if isinstance(value, Wire) else repr(value),
)
async def test_11_a_gzip_bomb(wire: Wire, filling: bytes) -> None:
    bomb = gzip.compress(wire.piece("kept") + filling * ((20 << 20) // len(filling)), 1)

    async def script(respond: Responder) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n"
        await respond.raw(head.encode() + bomb)

    events = await run(wire, script)
    kind = ErrorKind.PROTOCOL if filling.startswith(b"data") else ErrorKind.TOO_LARGE
    assert text_of(events) == "kept"
    assert failure(events).kind is kind


async def test_11_compressed_text_is_read_all_the_same() -> None:
    packed = gzip.compress(CHAT_COMPLETIONS.reply("a", "b"))

    async def script(respond: Responder) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n"
        await respond.raw(head.encode() + packed)

    assert text_of(await run(CHAT_COMPLETIONS, script)) == "ab"


@each
async def test_11_damaged_compression(wire: Wire) -> None:
    async def script(respond: Responder) -> None:
        await respond.raw(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 8\r\n\r\nnot gzip")

    assert failure(await run(wire, script)).kind is ErrorKind.PROTOCOL


@each
async def test_12_no_usage_is_no_usage(wire: Wire) -> None:
    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        await respond.chunk(wire.reply("a"))
        await respond.finish()

    assert not any(isinstance(event, Usage) for event in await run(wire, script))


@each
async def test_13_double_and_late_ends(wire: Wire) -> None:
    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        await respond.chunk(wire.reply("a") + b"".join(wire.end) + wire.piece("late") + wire.error("late"))
        await respond.finish()

    events = await run(wire, script)
    assert text_of(events) == "a"
    assert [event for event in events if isinstance(event, Finished | Failed)] == [Finished("stop")]


@each
async def test_14_nothing_and_thinking_only(wire: Wire) -> None:
    async def script(respond: Responder) -> None:
        await respond.begin(wire.content_type)
        await respond.chunk(reply)
        await respond.finish()

    for thinking in ("", "hm"):
        reply = wire.piece("", thinking) + b"".join(wire.end)
        events = await run(wire, script)
        assert (text_of(events), thinking_of(events), events[-1]) == ("", thinking, Finished("stop"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("vllm/error-unknown-model", ErrorKind.MODEL_MISSING),  # 19
        ("vllm/error-context-overflow", ErrorKind.CONTEXT_OVERFLOW),  # 20
        ("llamacpp/error-context-overflow", ErrorKind.CONTEXT_OVERFLOW),
        ("ollama/error-context-overflow", ErrorKind.CONTEXT_OVERFLOW),
    ],
)
async def test_19_20_refusals_before_the_stream(name: str, kind: ErrorKind) -> None:
    async def script(respond: Responder) -> None:
        await respond.raw(capture(name).as_sent())

    event = failure(await run(CHAT_COMPLETIONS, script))
    assert event.kind is kind
    assert (event.context_window is not None) == (kind is ErrorKind.CONTEXT_OVERFLOW)


async def test_23_a_llamacpp_that_loads_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridchat.backends.chat_completions._LOADING_POLL_S", 0.001)
    refusals = 3

    async def script(respond: Responder) -> None:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            loading = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}
            await respond.whole(loading, status=503)
            return
        await respond.begin(CHAT_COMPLETIONS.content_type)
        await respond.chunk(CHAT_COMPLETIONS.reply("up"))
        await respond.finish()

    events = await run(CHAT_COMPLETIONS, script)
    assert [type(event) for event in events] == [Requested, Loading, Loading, Loading, Started, Text, Finished]


async def test_23_loading_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridchat.backends.chat_completions._LOADING_POLL_S", 0.001)

    async def script(respond: Responder) -> None:
        await respond.whole({"error": {"message": "Loading model", "code": 503}}, status=503)

    events = await run(CHAT_COMPLETIONS, script, ask(deadline_s=0.05))
    assert failure(events).kind is ErrorKind.OVERLOADED
    assert isinstance(events[1], Loading), "after what is asked"
