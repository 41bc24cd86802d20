"""Pinned sessions and `audit --prove` with real engines behind them: our own llama.cpp, its server, vLLM."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.faults.cli import configure, run
from tests.real.conftest import CACHE, Server
from tests.real.tiny_model import gguf_model

SERVERS = [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("llamacpp", "vllm")]


@pytest.mark.needs("embedded")
async def test_the_embedded_engine_answers_and_nothing_leaves(home: Path) -> None:
    (home / "models").mkdir(parents=True)
    shutil.copy(gguf_model(CACHE), home / "models" / "tiny.gguf")
    configure(home, '[[backend]]\nid = "own"\nkind = "embedded"\nmodel = "tiny"\n')
    done = await run("audit", "--prove", "--json")
    proof = json.loads(done.out)
    assert (done.code, proof["is_proven"]) == (0, True), proof
    asked = proof["tried"][-2]
    assert (asked["what"], asked["result"], asked["left_bytes"]) == ("a pinned question to own", "answered", 0)
    assert any(line.startswith("what the programs that were started do") for line in proof["not_checked"])


@pytest.mark.parametrize("engine", SERVERS)
async def test_privacy_09_a_real_server_on_loopback_is_vouched_for_and_asked_alone(
    engine: str, home: Path, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(engine)
    lines = f'[[backend]]\nid = "own"\nkind = "{engine}"\nbase_url = "{server.base_url}"\nmodel = "tiny"\n'
    configure(home, lines)
    unvouched = await run("ask", "--local-only", "hello")
    assert (unvouched.code, unvouched.out) == (3, ""), "nobody vouches for it"
    configure(home, f"{lines}vouched = true\n")
    done = await run("ask", "--local-only", "--json", "--max-tokens", "16", "hello")
    assert done.code == 0, done.err
    reply = json.loads(done.out)
    assert (reply["zone"], reply["proof"], reply["completion_tokens"]) == ("device", "vouched", 16)
    proof = json.loads((await run("audit", "--prove", "--json")).out)
    asked = next(row for row in proof["tried"] if row["what"] == "a pinned question to own")
    assert (proof["is_proven"], asked["result"]) == (True, "answered")
    assert asked["reached"] == [server.base_url.removeprefix("http://")]
    assert json.loads((await run("audit", "--json")).out) == []
