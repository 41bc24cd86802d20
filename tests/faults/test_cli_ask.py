"""`ask` as a program: what is on stdout, what on stderr, and the exit code."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.completions import TOKENS, FakeCompletions
from tests.fakes.http import Request, Responder
from tests.faults.cli import backend, configure, finish, run, start

TEXT = "".join(TOKENS)


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


async def test_piped_text_follows_the_prompt(server: FakeCompletions) -> None:
    done = await run("ask", "review this", stdin=b"+ added \xff line\n")
    assert done.code == 0
    assert prompts(server)[0][0]["content"] == "review this\n\n+ added � line"


@pytest.mark.skipif(sys.platform != "linux", reason="which file it is, only Linux tells")
async def test_what_standard_input_is_read_from_pins_as_any_file_does(home: Path, tmp_path: Path) -> None:
    for name, pin in (("clients", "local_only = true"), ("others", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".hybridchat.toml").write_text(pin)
        (tmp_path / name / "notes.txt").write_text(f"of {name}")
    (tmp_path / "others" / "link.txt").symlink_to(tmp_path / "clients" / "notes.txt")
    async with FakeCompletions() as server:
        configure(home, backend(server.url, id="rented", more='zone = "managed"'))
        codes = []
        for path in ("clients/notes.txt", "others/link.txt", "others/notes.txt"):
            with (tmp_path / path).open("rb") as file:
                codes.append((await finish(await start("ask", stdin=file.fileno()))).code)
        assert (codes, [asked[-1]["content"] for asked in prompts(server)]) == ([3, 3, 0], ["of others"])


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_it_streams_and_interrupted_keeps_what_came(
    number: signal.Signals, code: int, server: FakeCompletions
) -> None:
    server.tokens, server.tokens_per_s = 1000, 50.0
    process = await start("ask", "go")
    assert process.stdout
    assert await asyncio.wait_for(process.stdout.readline(), 20) == b"# A heading\n"
    if sys.platform == "linux":
        limits = Path(f"/proc/{process.pid}/limits").read_text()  # noqa: ASYNC240
        assert re.search(r"Max core file size +0 +0 ", limits), "a core dump would hold the conversation"
    process.send_signal(number)
    process.send_signal(number)  # as wrappers do
    done = await finish(process)
    assert (done.code, done.err) == (code, "")
    conversation = json.loads((await run("list", "--json")).out)[0]
    shown = json.loads((await run("show", str(conversation["id"]), "--json")).out)
    reply = shown["messages"][-1]
    assert reply["state"] == "stopped"
    assert reply["text"].startswith("# A heading\n")


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
@pytest.mark.parametrize(
    ("redirection", "code", "err", "state"),
    [
        (">/dev/full", 1, "hybridchat: No space left on device — nothing more is done\n", "stopped"),
        ("2>/dev/full", 0, "", "complete"),
        (">&-", 0, "retry 1 in 1 s", "complete"),
        ("<&- >&- 2>&-", 0, "", "complete"),
    ],
)
async def test_standard_streams_that_are_full_or_closed_cost_no_reply(
    redirection: str, code: int, err: str, state: str, server: FakeCompletions
) -> None:
    server.limited = [0]  # told on standard error
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "hybridchat", "ask", "go"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    done = await finish(process)
    assert done.code == code
    assert err in done.err
    shown = json.loads((await run("show", "1", "--json")).out)
    assert shown["messages"][-1]["state"] == state


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
