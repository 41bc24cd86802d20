"""The faults of servers as a table: what the server does, what the user must see, what the ledger must hold.

`tests/faults/test_matrix.py` tries every cell; `scripts/docs` prints the table as docs/faults.md.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, NamedTuple

from hybridchat.domain.chat import Kind
from tests.fakes.http import Responder
from tests.fakes.wire import CHAT_COMPLETIONS, OLLAMA, WIRES, Wire


class Asked(NamedTuple):
    """A chat request: the nth, counted from 1; `heard` is set when the client has taken a first piece of a reply."""

    number: int
    heard: asyncio.Event


Script = Callable[[Wire, Responder, Asked], Awaitable[None]]


class Seen(NamedTuple):
    """Of `hybridchat ask --json`, and of the last row that it leaves."""

    text: str = "kept"
    says: str = ""  # a part of what standard error says
    code: int = 1
    outcome: str = "error"
    error_kind: str | None = None
    attempts: int = 1


class Fault(NamedTuple):
    number: str
    title: str
    behaviour: str
    script: Script | None = None
    seen: Seen = Seen()
    wires: tuple[Wire, ...] = WIRES
    why_not: Mapping[Kind, str] = {}  # where a cell cannot apply
    config: str = ""  # of the backend; {limit_s} grows until a busy machine has time for the text
    kinds: str = ""  # of those that another test tries
    test: str = ""  # where another test than the matrix's own tries it: file::function


# --- what a server can do


def stream(make: Callable[[Wire], bytes]) -> Script:
    """A 200 with that body, ended properly."""

    async def script(wire: Wire, respond: Responder, _: Asked) -> None:
        await respond.begin(wire.content_type)
        await respond.chunk(make(wire))
        await respond.finish()

    return script


def refusal(status: int, errors: Mapping[Kind | None, Any], headers: Mapping[str, str] = {}) -> Script:
    """An error before any stream, in each API's own shape (None: OpenAI's); Ollama's is its words."""

    async def script(wire: Wire, respond: Responder, _: Asked) -> None:
        await respond.whole({"error": errors.get(wire.kind, errors[None])}, status, headers=headers)

    return script


def at_first(failing: Script, times: int = 1) -> Script:
    """Fails so often, then answers."""

    async def script(wire: Wire, respond: Responder, asked: Asked) -> None:
        await (failing if asked.number <= times else stream(lambda w: w.reply("kept")))(wire, respond, asked)

    return script


def mapped(message: str, code: str, anthropic: str, gemini: str) -> dict[Kind | None, Any]:
    return {
        None: {"message": message, "type": code, "code": code},
        Kind.ANTHROPIC: {"type": anthropic, "message": message},
        Kind.GEMINI: {"status": gemini, "message": message},
        Kind.OLLAMA: message,
    }


async def reset(wire: Wire, respond: Responder, asked: Asked) -> None:
    await respond.begin(wire.content_type)
    await respond.chunk(wire.piece("kept"))
    await asked.heard.wait()  # a reset takes what was not read
    respond.abort()


async def killed(wire: Wire, respond: Responder, _: Asked) -> None:
    await respond.begin(wire.content_type)
    await respond.chunk(wire.piece("kept"))
    respond.close()


async def silence(wire: Wire, respond: Responder, _: Asked) -> None:
    await respond.begin(wire.content_type)
    await respond.chunk(wire.piece("kept"))
    await asyncio.Event().wait()


async def trickle(wire: Wire, respond: Responder, _: Asked) -> None:
    await respond.begin(wire.content_type)
    await respond.chunk(wire.piece("kept"))
    while True:
        await respond.chunk(b":")
        await asyncio.sleep(0.05)


async def byte_by_byte(wire: Wire, respond: Responder, _: Asked) -> None:
    await respond.begin(wire.content_type)
    for byte in wire.reply("naïve 👩‍👩‍👧\u2028\u0085\x0bé").replace(b"\n", b"\r\n"):
        await respond.chunk(bytes([byte]))
    await respond.finish()


async def bomb(wire: Wire, respond: Responder, _: Asked) -> None:
    packed = gzip.compress(wire.piece("kept") + b"x" * (20 << 20), 1)
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n"
    await respond.raw(head.encode() + packed)


async def page(wire: Wire, respond: Responder, _: Asked) -> None:
    await respond.whole(b"<html><h1>Bad\x1b[31m Gateway</h1><p>nginx</p></html>", 404, "text/html")


async def loop(wire: Wire, respond: Responder, _: Asked) -> None:
    await respond.begin(wire.content_type)
    while True:
        await respond.chunk(wire.piece("again and again "))


def damaged(wire: Wire) -> bytes:
    parts = (b"\xff", rb"\ud83d", rb"\ude00", rb"\udead", b"z")
    return b"".join(wire.piece("@").replace(b"@", part) for part in parts) + b"".join(wire.end)


def garbage(wire: Wire) -> bytes:
    comment = b"\n\n" if wire is OLLAMA else b": PROCESSING\n\nevent: ping\n\n"
    return comment + wire.frame(b"garbage") + wire.frame(b'{"type":"unknown"}') + wire.reply("kept")


def late(wire: Wire) -> bytes:
    return wire.reply("kept") + b"".join(wire.end) + wire.piece("late") + wire.error("late")


def gemini_waits(delay: str) -> dict[str, Any]:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    return {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow down", "details": [info]}


def limited(headers: Mapping[str, str], delay: str) -> Script:
    slow = mapped("slow down", "rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED")
    return refusal(429, {**slow, Kind.GEMINI: gemini_waits(delay)}, headers)


def overflow() -> dict[Kind | None, Any]:
    ollama = {
        "code": 400,
        "message": "the request exceeds the available context size",
        "n_prompt_tokens": 9,
        "n_ctx": 5,
    }
    return {
        None: {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"},
        Kind.ANTHROPIC: {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 5 maximum"},
        Kind.GEMINI: {
            "status": "INVALID_ARGUMENT",
            "message": "The input token count (9) exceeds the maximum number of tokens allowed (5).",
        },
        Kind.OLLAMA: json.dumps({"error": {**ollama, "type": "exceed_context_size_error"}}),
    }


OK = {"code": 0, "outcome": "ok"}
ONCE = (CHAT_COMPLETIONS,)
IN_AN_HOUR = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
NO_BILL = {Kind.OLLAMA: "there is no bill at one's own server"}
QUOTA = {
    None: {"message": "no credit", "type": "insufficient_quota", "code": "insufficient_quota"},
    Kind.ANTHROPIC: {
        "type": "rate_limit_error",
        "message": "no",
        "details": {"error_code": "enforced_spend_limit_reached"},
    },
    Kind.GEMINI: {
        "status": "RESOURCE_EXHAUSTED",
        "message": "You exceeded your current quota.",
        "details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}],
    },
}
BUSY = mapped("busy", "server_overloaded", "overloaded_error", "UNAVAILABLE")
WRONG_KEY = mapped("wrong key", "invalid_api_key", "authentication_error", "UNAUTHENTICATED")
NO_MODEL = {
    **mapped("model 'm' not found", "model_not_found", "not_found_error", "NOT_FOUND"),
    Kind.ANTHROPIC: {"type": "not_found_error", "message": "model: m"},
    Kind.GEMINI: {"status": "NOT_FOUND", "message": "models/m is not found"},
}

FAULTS = (
    Fault("1", "connection reset mid-stream", "keeps the text; says that one can ask to go on", reset,
          Seen(says="ask it to go on", error_kind="reset"), ONCE),
    Fault("2", "end without its mark", "keeps the text, cut short", stream(lambda w: w.piece("kept")),
          Seen(says="ask it to go on", error_kind="cut_short")),
    Fault("3", "half-open connection, silence", "gives up after `idle_s`, keeps the text", silence,
          Seen(says="was silent for ", error_kind="timeout"), ONCE, config="idle_s = {limit_s}"),
    Fault("4", "a trickle for ever", "gives up after `deadline_s`, keeps the text", trickle,
          Seen(says="took longer than ", error_kind="timeout"), ONCE, config="deadline_s = {limit_s}"),
    Fault("5", "an error event after the 200", "keeps the text and shows the error; no retry after the first word",
          stream(lambda w: w.piece("kept") + w.error("engine died")), Seen(says="engine died", error_kind="server")),
    Fault("6", "garbage, comments, unknown events", "skips and counts them", stream(garbage),
          Seen(says="2 events were not understood", **OK)),
    Fault("7", "an HTML page", "its status and first words, cleaned", page,
          Seen("", "status 404: Bad␛[31m Gateway nginx", error_kind="protocol")),
    Fault("8, 10", "characters and line ends cut anywhere; U+2028, U+0085, VT", "the exact text", byte_by_byte,
          Seen("naïve 👩‍👩‍👧\u2028\u0085\x0bé", **OK)),
    Fault("9", "invalid UTF-8, lone surrogates", "U+FFFD, or the halves rejoined; stored", stream(damaged),
          Seen("\ufffd\U0001f600\ufffdz", **OK)),
    Fault("11", "a line of 10 MB", "stops reading, keeps what came before",
          stream(lambda w: w.piece("kept") + w.piece("x" * (10 << 20))), Seen(error_kind="too_large")),
    Fault("11", "a gzip bomb", "stops reading, keeps what came before", bomb, Seen(error_kind="too_large"), ONCE),
    Fault("12", "no usage", "unknown, never 0", stream(lambda w: w.reply("kept")), Seen(**OK)),
    Fault("13", "double or late end", "the first counts", stream(late), Seen(**OK)),
    Fault("14", "an empty reply", "says so", stream(lambda w: b"".join(w.end)), Seen("", "empty reply", **OK)),
    Fault("14", "thinking only", "shows the thinking, says that the reply is empty",
          stream(lambda w: w.piece("", "hm") + b"".join(w.end)), Seen("", "empty reply", **OK)),
    Fault("15", "429 with a wait in milliseconds", "waits so long, visibly, then answers",
          at_first(limited({"retry-after-ms": "5"}, "0.005s")), Seen(says="retry 1 in 1 s", attempts=2, **OK)),
    Fault("15", "429 with a wait in seconds", "waits so long, visibly, then answers",
          at_first(limited({"retry-after": "0.05"}, "0.05s")), Seen(says="retry 1 in 1 s", attempts=2, **OK)),
    Fault("15", "429 with a date an hour ahead", "says how long, and does not wait",
          limited({"retry-after": IN_AN_HOUR}, "3600s"), Seen("", "it asks to wait 3,", error_kind="rate_limit")),
    Fault("16", "503 without a wait, three times", "three retries with backoff, then answers",
          at_first(refusal(503, BUSY), 3), Seen(says="retry 3 in", attempts=4, **OK)),
    Fault("16", "529 for ever", "three retries with backoff, then says so", refusal(529, BUSY),
          Seen("", "3 retries did not help", error_kind="overloaded", attempts=4)),
    Fault("17", "credit or quota is spent", "no retry; says what to do", refusal(429, QUOTA),
          Seen("", "retrying does not help", error_kind="quota"), why_not=NO_BILL),
    Fault("18", "401", "no retry; says where the key is", refusal(401, WRONG_KEY), Seen("", "key", error_kind="auth")),
    Fault("18", "403", "no retry; says where the key is", refusal(403, WRONG_KEY), Seen("", "key", error_kind="auth")),
    Fault("19", "the model is not there", "no retry; names what to choose or pull", refusal(404, NO_MODEL),
          Seen("", "hybridchat", error_kind="model_missing")),
    Fault("20", "the prompt does not fit", "explains; offers to leave out turns, or a larger window",
          refusal(400, overflow()), Seen("", "context window", error_kind="context_overflow")),
    Fault("21", "DNS, TLS, clock skew, captive portal", "names the cause; verification stays on",
          wires=ONCE, kinds="`dns`, `tls`, `redirect`",
          test="test_connections.py::test_21_certificates_that_do_not_hold"),
    Fault("22", "another service at the port", "names it", wires=ONCE, kinds="`protocol`, `identity`",
          test="test_connections.py::test_22_another_protocol_at_the_port"),
    Fault("23", "a model that loads for minutes", "shows it, waits, keeps the load out of the time to first token",
          wires=ONCE, test="test_streams.py::test_23_a_llamacpp_that_loads_its_model"),
    Fault("24", "the clock jumps, the machine sleeps", "monotonic timings; nothing is sent again by itself",
          wires=ONCE, test="test_suspend.py::test_24_a_sleep_sends_nothing_again"),
    Fault("36", "Enter twice, Esc in between", "exactly one request for each message", wires=ONCE,
          test="test_matrix.py::test_36_enter_twice_and_esc"),
    Fault("37", "a repetition loop", "the reply is capped; stopping works all the while", loop,
          Seen("again", "it may be a loop", error_kind="too_large")),
    Fault("38", "the server is killed", "keeps the text; the server may have stopped", killed,
          Seen(says="may have stopped", error_kind="reset"), ONCE),
)  # fmt: skip

NAMES = {
    Kind.OPENAI_COMPATIBLE: "Chat Completions",
    Kind.OPENAI_RESPONSES: "Responses",
    Kind.ANTHROPIC: "Anthropic",
    Kind.GEMINI: "Gemini",
    Kind.OLLAMA: "Ollama",
}

HEAD = """# What happens when a server misbehaves

Whatever came before the fault is kept; every reply ends once, with a reason and something to do; every attempt has its
row in the ledger. Before the first visible token an attempt that may succeed is made again, at most three times, with a
countdown that Esc or Ctrl+C ends.

A test tries every cell with ✓ through the command line, against a server that does just this, and compares what the
user sees and what the ledger holds. Faults of the connection lie below the protocols: they are tried *once*, through
Chat Completions or by a test of their own.

"""
TAIL = """
Redirects are never followed, whatever their status. An Ollama that would forward a model to another host is refused
under every zone but managed (`forwarded`).
"""


def cell(fault: Fault, wire: Wire) -> str:
    if wire.kind in fault.why_not:
        return f"– ({fault.why_not[wire.kind]})"
    return "✓" if wire in fault.wires and len(fault.wires) > 1 else "once"


def faults_markdown() -> str:
    """The page; no cell of it is empty."""
    columns = ["#", "fault", "what hybridchat does", *(NAMES[wire.kind] for wire in WIRES), "`error_kind`"]
    rows = [columns, ["---"] * len(columns)]
    for fault in FAULTS:
        kind = f"`{fault.seen.error_kind}`" if fault.seen.error_kind else fault.kinds or "none"
        cells = [cell(fault, wire) for wire in WIRES]
        rows.append([fault.number, fault.title, fault.behaviour, *cells, kind])
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows) + TAIL
