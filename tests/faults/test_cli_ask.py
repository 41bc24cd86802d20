"""`ask` as a program: what is on stdout, what on stderr, and the exit code."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.completions import TOKENS, FakeCompletions
from tests.fakes.http import Request, Responder
from tests.faults.cli import backend, configure, finish, run, start

TEXT = "".join(TOKENS)
CONTRACT = {
    *("text", "backend", "model", "zone", "proof", "route", "ttft_ms", "latency_ms", "prompt_tokens"),
    *("completion_tokens", "tokens_per_s", "cost_usd", "cost_basis", "finish_reason", "conversation_id"),
}


@pytest.fixture
async def server(home: Path) -> AsyncIterator[FakeCompletions]:
    async with FakeCompletions() as fake:
        configure(home, backend(fake.url))
        yield fake


def prompts(server: FakeCompletions) -> list[list[dict[str, str]]]:
    return [request.json()["messages"] for request in server.sent("/v1/chat/completions")]


async def test_the_reply_alone_is_on_stdout(server: FakeCompletions) -> None:
    done = await run("ask", "why is", "the sky blue?")
    assert (done.code, done.err) == (0, "")
    assert done.out == TEXT.rstrip("\n") + "\n" or done.out == TEXT
    assert prompts(server) == [[{"role": "user", "content": "why is the sky blue?"}]]


async def test_it_streams_as_it_arrives(server: FakeCompletions) -> None:
    server.tokens, server.tokens_per_s = 1000, 20.0
    process = await start("ask", "go")
    assert process.stdout
    first = await asyncio.wait_for(process.stdout.readline(), 20)
    assert first == b"# A heading\n"
    assert process.returncode is None
    process.send_signal(signal.SIGINT)
    assert (await finish(process)).code == 130


async def test_piped_text_follows_the_prompt(server: FakeCompletions) -> None:
    done = await run("ask", "review this", stdin=b"+ added \xff line\n")
    assert done.code == 0
    assert prompts(server)[0][0]["content"] == "review this\n\n+ added � line"


async def test_piped_text_alone_is_a_question(server: FakeCompletions) -> None:
    assert (await run("ask", stdin=b"what is two and two?\n")).code == 0
    assert prompts(server)[0][0]["content"] == "what is two and two?"


async def test_json_is_one_object_with_the_contracts_fields(server: FakeCompletions) -> None:
    done = await run("ask", "--json", "hi there")
    answer = json.loads(done.out)
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    assert set(answer) == CONTRACT
    assert (answer["text"], answer["backend"], answer["model"]) == (TEXT, "lab", "fake")
    assert (answer["zone"], answer["proof"], answer["finish_reason"]) == ("device", "assumed", "stop")
    assert (answer["prompt_tokens"], answer["completion_tokens"]) == (2, len(TOKENS))
    assert 0 < answer["ttft_ms"] <= answer["latency_ms"]
    assert (answer["cost_usd"], answer["cost_basis"]) == (None, "unknown")
    assert answer["route"]
    assert isinstance(answer["conversation_id"], int)


async def test_without_usage_the_counts_are_null(server: FakeCompletions) -> None:
    server.with_usage = False
    answer = json.loads((await run("ask", "--json", "hi")).out)
    assert (answer["prompt_tokens"], answer["completion_tokens"], answer["tokens_per_s"]) == (None, None, None)


async def test_a_configured_price_is_in_the_answer(home: Path, server: FakeCompletions) -> None:
    configure(home, backend(server.url, more="[backend.price.fake]\ninput = 1000000\noutput = 0"))
    answer = json.loads((await run("ask", "--json", "three words here")).out)
    assert (answer["cost_usd"], answer["cost_basis"]) == (3.0, "configured")


async def test_continue_takes_the_last_conversation_along(server: FakeCompletions) -> None:
    first = json.loads((await run("ask", "--json", "--system", "be brief", "one")).out)
    second = json.loads((await run("ask", "--json", "--continue", "two")).out)
    chosen = json.loads((await run("ask", "--json", "--conversation", str(first["conversation_id"]), "three")).out)
    assert {first["conversation_id"]} == {second["conversation_id"], chosen["conversation_id"]}
    assert [message["role"] for message in prompts(server)[2]] == [
        *("system", "user", "assistant"),
        *("user", "assistant", "user"),
    ]
    assert prompts(server)[2][0]["content"] == "be brief"


async def test_interrupted_it_keeps_what_came(server: FakeCompletions) -> None:
    server.tokens, server.tokens_per_s = 1000, 50.0
    process = await start("ask", "go")
    assert process.stdout
    await asyncio.wait_for(process.stdout.readline(), 20)
    process.send_signal(signal.SIGINT)
    done = await finish(process)
    assert (done.code, done.err) == (130, "")
    conversation = json.loads((await run("list", "--json")).out)[0]
    shown = json.loads((await run("show", str(conversation["id"]), "--json")).out)
    reply = shown["messages"][-1]
    assert reply["state"] == "stopped"
    assert reply["text"].startswith("# A heading\n")


class Endless(FakeCompletions):
    """Only a client that hangs up ends its stream."""

    def __init__(self) -> None:
        super().__init__(tokens=1_000_000, tokens_per_s=200.0)
        self.ended = asyncio.Event()

    async def _stream(self, request: Request, respond: Responder) -> None:
        try:
            await super()._stream(request, respond)
        finally:
            self.ended.set()


@pytest.mark.skipif(os.name != "posix", reason="closed pipes are POSIX's")
async def test_a_reader_that_goes_away_ends_it_quietly(home: Path) -> None:
    async with Endless() as fake:
        configure(home, backend(fake.url))
        process = await start("ask", "go")
        assert process.stdout
        assert process.stderr
        await asyncio.wait_for(process.stdout.readline(), 20)
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        assert await asyncio.wait_for(process.wait(), 20) == 0
        assert await process.stderr.read() == b""
        await asyncio.wait_for(fake.ended.wait(), 10)


async def test_a_timeout_stops_and_says_so(server: FakeCompletions) -> None:
    server.tokens, server.tokens_per_s = 100_000, 50.0
    done = await run("ask", "--timeout", "0.5", "go")
    assert done.code == 1
    assert done.out.startswith("# A heading\n")
    assert done.err == "hybridchat: stopped after 0.5 s; what came is kept — give a longer --timeout\n"


async def test_a_dead_server_is_one_line(home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        configure(home, backend(f"http://127.0.0.1:{free.getsockname()[1]}"))
    for arguments in (["ask", "hi"], ["ask", "--backend", "lab", "hi"]):
        done = await run(*arguments)
        assert (done.code, done.out) == (1, "")
        assert done.err.count("\n") == 1
        assert "lab" in done.err
        assert "--backend" in done.err or "127.0.0.1" in done.err


async def test_a_server_that_breaks_off_leaves_text_and_a_reason(home: Path) -> None:
    class Breaking(FakeCompletions):
        async def _stream(self, request: Request, respond: Responder) -> None:
            await respond.begin("text/event-stream")
            await respond.chunk(self._event({"content": "Hel"}))
            await respond.finish()

    async with Breaking() as fake:
        configure(home, backend(fake.url))
        done = await run("ask", "hi")
        assert (done.code, done.out) == (1, "Hel\n")
        assert done.err.count("\n") == 1
        answer = json.loads((await run("ask", "--json", "hi")).out)
    assert (answer["text"], answer["finish_reason"]) == ("Hel", None)


async def test_local_only_needs_to_know_that_it_is_local(home: Path, server: FakeCompletions) -> None:
    done = await run("ask", "--local-only", "secret")
    assert (done.code, done.out, done.err.count("\n")) == (3, "", 1)
    assert "vouched = true" in done.err
    assert prompts(server) == []
    configure(home, backend(server.url, more="vouched = true"))
    answer = json.loads((await run("ask", "--local-only", "--json", "secret")).out)
    assert (answer["zone"], answer["proof"]) == ("device", "vouched")


async def test_local_only_stays_with_the_conversation(home: Path, server: FakeCompletions) -> None:
    configure(home, backend(server.url, more="vouched = true"))
    assert (await run("ask", "--local-only", "secret")).code == 0
    configure(home, backend(server.url, more='zone = "managed"'))
    done = await run("ask", "--continue", "and now?")
    assert (done.code, len(prompts(server))) == (3, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--backend", "nope", "hi"], "unknown backend 'nope' — give one of: lab; or auto, local, managed"),
        ([], "no question was given"),
        (["--conversation", "99", "hi"], "no conversation 99"),
        (["--continue", "hi"], "there is no conversation to go on with"),
        (["--continue", "--conversation", "1", "hi"], "exclude each other"),
        (["--continue", "--system", "be brief", "hi"], "--system belongs to a new conversation"),
        (["--timeout", "0", "hi"], "Invalid value for '--timeout'"),
        (["--file", "/nowhere", "hi"], "cannot read /nowhere"),
    ],
)
async def test_wrong_usage_sends_nothing(arguments: list[str], said: str, server: FakeCompletions) -> None:
    done = await run("ask", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err
    assert prompts(server) == []


@pytest.mark.parametrize("command", ["ask", "models", "list", "stats"])
async def test_a_broken_config_says_file_line_key_and_what_is_allowed(command: str, home: Path) -> None:
    text = '# mine\n[[backend]]\nid = "lab"\nkind = "vlm"\nbase_url = "http://127.0.0.1:1"\n'
    configure(home, text)
    done = await run(command, *(["hi"] if command == "ask" else []))
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    for part in (f"{home / 'config.toml'}:4", "kind", '"vlm" is not allowed', "allowed: embedded, llamacpp"):
        assert part in done.err
    assert (home / "config.toml").read_text() == text


async def test_without_a_backend_it_says_what_to_do() -> None:
    done = await run("ask", "hi")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "no backend is configured" in done.err


async def test_hostile_text_reaches_a_pipe_raw(home: Path) -> None:
    hostile = "\x1b]52;c;aGk=\x07 and \x9b31m"

    class Hostile(FakeCompletions):
        async def _stream(self, request: Request, respond: Responder) -> None:
            await respond.begin("text/event-stream")
            await respond.chunk(self._event({"content": hostile}, "stop"))
            await respond.chunk(b"data: [DONE]\n\n")
            await respond.finish()

    async with Hostile() as fake:
        configure(home, backend(fake.url))
        assert (await run("ask", "hi")).out == hostile + "\n"


async def test_debug_writes_events_without_content(home: Path, server: FakeCompletions) -> None:
    done = await run("--debug", "ask", "canary-4711")
    assert (done.code, done.err) == (0, "")
    written = (home / "logs" / "debug.log").read_text()
    assert "TurnEnded message=2 state=complete outcome=ok" in written
    assert "canary-4711" not in written
    assert "heading" not in written
    assert server.url not in written
