"""A key is in the request, and in nothing that hybridchat prints, writes or hands on."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.http import FakeServer, Request, Responder
from tests.faults.cli import configure, run

KEY = "sk-canary-4711-0815"
COMMANDS = (
    ("--debug", "ask", "--backend", "lab", "hello"),
    ("backends", "show", "lab", "--json"),
    ("backends", "test", "--round-trip"),
    ("keys", "test", "--json"),
    ("doctor", "--json"),
    ("export", "usage"),
    ("show", "1", "--json"),
)


async def test_a_server_that_repeats_the_key_gets_it_nowhere(home: Path) -> None:
    async def refuse(request: Request, respond: Responder) -> None:
        said = f"Incorrect API key provided: {request.headers.get('authorization')} {KEY}\n{KEY[::-1]}"
        await respond.whole({"error": {"message": said, "code": "invalid_api_key", "param": KEY}}, status=401)

    async with FakeServer(refuse) as server:
        lab = f'[[backend]]\nid = "lab"\nkind = "openai"\nzone = "managed"\nmodel = "m"\nbase_url = "{server.url}"\n'
        configure(home, f'{lab}key = "env:LAB_KEY"\n')
        for command in COMMANDS:
            done = await run(*command, LAB_KEY=KEY)
            assert KEY not in done.out + done.err, command
        assert any(KEY in request.headers["authorization"] for request in server.requests), "it was really sent"
    written = [file for file in home.rglob("*") if file.is_file() and file.name != "config.toml"]  # noqa: ASYNC240
    assert {"hybridchat.db", "debug.log"} <= {file.name for file in written}
    assert [file.name for file in written if KEY.encode() in file.read_bytes()] == []
