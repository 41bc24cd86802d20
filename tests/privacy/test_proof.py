"""`audit --prove` as a program: it proves what holds, and with a layer taken out it says that nothing is proven."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.completions import FakeCompletions
from tests.faults.cli import ROOT, Done, backend, configure, run
from tests.privacy.namespaces import has_namespaces

SCRIPTED = 10
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
    assert [row["what"] for row in own][2:] == ["a pinned question to lab"]
    assert own[2]["result"] == "answered"
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
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(BROKEN[layer])
    done = await prove("--json", PYTHONPATH=os.pathsep.join([str(tmp_path / "broken"), str(ROOT)]))
    proof = json.loads(done.out)
    assert (done.code, proof["is_proven"]) == (1, False), proof
    assert any(row["left_bytes"] for row in proof["tried"]), proof


async def test_a_part_that_cannot_run_proves_nothing(home: Path) -> None:
    configure(home, "nonsense = 1\n")
    done = await prove()
    assert done.code == 1
    assert "not checked: the part 'own': it failed" in done.out
    assert "NOT proven" in done.out
