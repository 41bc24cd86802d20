"""`audit --prove` as a program: it proves what holds, and with a layer taken out it says that nothing is proven."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.completions import FakeCompletions
from tests.faults.cli import ROOT, Done, backend, configure, run
from tests.privacy.namespaces import has_namespaces

SCRIPTED = 11
BROKEN = {
    "the zone check": """
import hybridchat.domain.privacy as privacy
privacy.why_forbidden = lambda level, zone, proof: None
""",
    "the transport that takes nothing from the environment": """
import httpx2
import hybridchat.net.http as http
def through_proxy(policy):
    import os, httpcore2
    return httpcore2.AsyncHTTPProxy(proxy_url=os.environ["HTTP_PROXY"], network_backend=http.LoopbackBackend())
http._direct_pool, http.prove_guard = through_proxy, lambda pool: None
""",
    "the redirect rule": """
import httpx2
import hybridchat.net.http as http
async def follow(self, request):
    response = await self._send(request)
    if location := response.headers.get("location"):
        body = await request.aread()
        request = httpx2.Request(request.method, location, content=body, extensions={"timeout": {"read": 0.2}})
        return await self._send(request)
    return response
http.GuardedTransport.handle_async_request = follow
""",
}
ASKS_A_RESOLVER_HERE = """
import subprocess, sys
import hybridchat.session.turns as turns
send = turns.Turns.send
async def asking(self, chat, draft):
    program = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'words', ('127.0.0.53', 53))"
    subprocess.run([sys.executable, "-S", "-c", program], check=True)
    await send(self, chat, draft)
turns.Turns.send = asking
"""
GOES_TO_A_NEIGHBOUR = """
import asyncio
import hybridchat.session.turns as turns
send = turns.Turns.send
async def going(self, chat, draft):
    _, writer = await asyncio.open_connection("127.0.0.1", {port})
    writer.close()
    await send(self, chat, draft)
turns.Turns.send = going
"""

REACHES_OUTSIDE = """
import subprocess, sys
import hybridchat.session.turns as turns
send = turns.Turns.send
program = "import contextlib, socket; suppress = contextlib.suppress(OSError)\\n" \
    "with suppress, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one: one.connect(('192.0.2.1', 9))"
async def reaching(self, chat, draft):
    {how}
    await send(self, chat, draft)
turns.Turns.send = reaching
"""
GOES_TO_ANOTHER_SOCKET = """
import asyncio
import hybridchat.session.turns as turns
send = turns.Turns.send
async def going(self, chat, draft):
    _, writer = await asyncio.open_unix_connection({path!r})
    writer.close()
    await send(self, chat, draft)
turns.Turns.send = going
"""
GOES_OUT_WHILE_IT_IS_BUILT = """
import os, socket
import hybridchat.session.chat as chat
build = chat.Session.__init__
def going(self, **given):
    build(self, **given)
    socket.create_connection(("127.0.0.1", int(os.environ["HTTP_PROXY"].rpartition(":")[2]))).close()
chat.Session.__init__ = going
"""


async def prove(*flags: str, **env: str) -> Done:
    """Without the tests' own hook: the smallest attempt to reach outside is part of it."""
    return await run("audit", "--prove", *flags, **{"PYTHONPATH": "", **env})


async def test_a_whole_home_is_proven(home: Path) -> None:
    async with FakeCompletions(tokens=5) as server, FakeCompletions() as rented:
        lines = backend(server.url, more="vouched = true")
        lines += backend(server.url, id="unvouched") + backend(rented.url, id="rented", more='zone = "managed"')
        configure(home, lines)
        done = await prove("--json")
        assert rented.connections == 0
    proof: dict[str, Any] = json.loads(done.out)
    assert (done.code, proof["is_proven"], done.err) == (0, True, "")
    assert [row["what"] for row in proof["tried"] if row["left_bytes"] or row["attempts"] or not row["is_kept"]] == []
    scripted, own = proof["tried"][:SCRIPTED], proof["tried"][SCRIPTED:]
    assert [row["what"] for row in own][2:] == ["a pinned question to lab", "quit"]
    assert (own[2]["result"], own[2]["reached"]) == ("answered", [server.url.removeprefix("http://")])
    assert {tuple(row["seen_by"]) for row in own} == {("decoys", "audit hook")}
    assert all(("kernel counters" in row["seen_by"]) == has_namespaces() for row in scripted)
    assert any("Python sockets only" in line for line in proof["not_checked"])
    assert any(line.startswith("unvouched: ") for line in proof["not_checked"])
    assert not (home / "hybridchat.db").exists(), "it leaves no trace"


async def test_without_namespaces_it_says_so(home: Path, tmp_path: Path) -> None:
    configure(home, "")
    done = await prove(PATH=str(tmp_path))
    assert done.code == 0
    assert "not checked: by the kernel's counters: network namespaces need Linux and `unshare`" in done.out
    assert "kernel counters  " not in done.out
    assert done.out.endswith("Nothing left, as far as these witnesses see.\n")


@pytest.mark.parametrize("layer", BROKEN)
async def test_nothing_is_proven_without_a_layer(layer: str, home: Path, tmp_path: Path) -> None:
    configure(home, "")
    proof = await prove_broken(tmp_path, BROKEN[layer])
    assert any(row["left_bytes"] for row in proof["tried"]), proof


async def prove_broken(tmp_path: Path, break_it: str) -> dict[str, Any]:
    """With that done to the program first."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(break_it)
    done = await prove("--json", PYTHONPATH=os.pathsep.join([str(tmp_path / "broken"), str(ROOT)]))
    proof: dict[str, Any] = json.loads(done.out)
    assert (done.code, proof["is_proven"]) == (1, False), proof
    return proof


async def test_the_hook_alone_sees_a_way_outside(home: Path, tmp_path: Path) -> None:
    """Against the user's own backends nothing else can: no decoy is there, and no namespace."""
    async with FakeCompletions() as server:
        configure(home, backend(server.url, more="vouched = true"))
        proof = await prove_broken(tmp_path, REACHES_OUTSIDE.format(how="exec(program)"))
    asked = next(row for row in proof["tried"] if row["what"] == "a pinned question to lab")
    assert (asked["is_kept"], asked["attempts"], asked["left_bytes"]) == (False, ["connect to 192.0.2.1"], 0)


@pytest.mark.skipif(not has_namespaces(), reason="this system refuses network namespaces")
async def test_the_kernel_alone_sees_another_programs_way_outside(home: Path, tmp_path: Path) -> None:
    configure(home, "")
    how = 'subprocess.run([sys.executable, "-S", "-c", program], check=True)'
    proof = await prove_broken(tmp_path, REACHES_OUTSIDE.format(how=how))
    asked = next(row for row in proof["tried"] if row["what"].startswith("ten questions"))
    assert (asked["is_kept"], asked["attempts"], asked["left_bytes"], asked["unroutable"]) == (False, [], 0, 10)


@pytest.mark.skipif(not has_namespaces(), reason="this system refuses network namespaces")
async def test_a_look_up_by_a_resolver_on_loopback_is_noticed(home: Path, tmp_path: Path) -> None:
    """By another process, so the hook is blind; and no packet is unroutable, so the kernel's counters are."""
    configure(home, "")
    proof = await prove_broken(tmp_path, ASKS_A_RESOLVER_HERE)
    asked = next(row for row in proof["tried"] if row["what"].startswith("ten questions"))
    assert (asked["left_bytes"], asked["attempts"], asked["unroutable"]) == (10 * len(b"words"), [], 0)


async def test_another_program_on_this_device_is_no_place_for_a_pinned_question(home: Path, tmp_path: Path) -> None:
    """It might forward what it gets."""
    async with FakeCompletions() as server, FakeCompletions() as neighbour:
        configure(home, backend(server.url, more="vouched = true"))
        port = neighbour.url.rpartition(":")[2]
        proof = await prove_broken(tmp_path, GOES_TO_A_NEIGHBOUR.format(port=port))
    asked = next(row for row in proof["tried"] if row["what"] == "a pinned question to lab")
    assert asked["result"] == f"also reached 127.0.0.1:{port}"


async def test_what_happens_while_a_session_is_built_is_noticed(home: Path, tmp_path: Path) -> None:
    """Before the first question, in both runs; the proxy of the environment is the decoy by then."""
    configure(home, "")
    proof = await prove_broken(tmp_path, GOES_OUT_WHILE_IT_IS_BUILT)
    broken = [row["what"] for row in proof["tried"] if not row["is_kept"]]
    assert broken == ["start, with a look at each local server", "a local-only session over your config"]


async def test_another_socket_than_the_backends_is_another_program(home: Path, tmp_path: Path) -> None:
    server, neighbour = [await asyncio.start_unix_server(_hang_up, tmp_path / name) for name in ("own", "other")]
    async with server, neighbour:
        address = f"unix://{tmp_path / 'own'}"
        configure(home, backend(address, more="vouched = true"))
        proof = await prove_broken(tmp_path, GOES_TO_ANOTHER_SOCKET.format(path=str(tmp_path / "other")))
    asked = next(row for row in proof["tried"] if row["what"] == "a pinned question to lab")
    assert asked["result"] == f"also reached unix:{tmp_path / 'other'}"


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def test_a_part_that_cannot_run_proves_nothing(home: Path) -> None:
    configure(home, "nonsense = 1\n")
    done = await prove()
    assert done.code == 1
    assert "not checked: the part 'own': it failed" in done.out
    assert "NOT proven" in done.out
