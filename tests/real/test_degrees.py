"""Real servers on loopback are never more than vouched for; the engine that we start ourselves is verified."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hybridchat.domain.chat import Kind
from tests.faults.cli import configure, run
from tests.real.conftest import CACHE, Server
from tests.real.tiny_model import gguf_model

PINNED = ("ask", "--local-only", "--json", "--max-tokens", "8")


def entry(server: Server, kind: Kind, more: str = "") -> str:
    return f'[[backend]]\nid = "real"\nkind = "{kind}"\nbase_url = "{server.base_url}"\nmodel = "tiny"\n{more}\n'


def program_of(pid: int) -> str:
    return str(Path(f"/proc/{pid}/exe").readlink())


@pytest.mark.parametrize(
    "engine, kind",
    [
        pytest.param("llamacpp", Kind.LLAMACPP, marks=pytest.mark.needs("llamacpp")),
        pytest.param("vllm", Kind.VLLM, marks=pytest.mark.needs("vllm")),
    ],
)
async def test_it_needs_a_word(engine: str, kind: Kind, home: Path, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(engine)
    configure(home, entry(server, kind))
    refused = await run(*PINNED, "hello")
    assert (refused.code, "hybridchat backends vouch real" in refused.err) == (3, True)

    given = await run("backends", "vouch", "real", "--yes", "--json")
    standing = json.loads(given.out)
    assert (standing["proof"], standing["peer"]["executable"]) == ("vouched", program_of(standing["peer"]["pid"]))
    answer = json.loads((await run(*PINNED, "hello")).out)
    assert (answer["zone"], answer["proof"]) == ("device", "vouched")

    await run("backends", "vouch", "real", "--end")
    configure(home, entry(server, kind, "vouched = true"))
    assert json.loads((await run(*PINNED, "hello")).out)["proof"] == "vouched"


@pytest.mark.needs("embedded")
async def test_our_own_child_needs_none(home: Path) -> None:
    (home / "models").mkdir(parents=True)
    shutil.copy(gguf_model(CACHE), home / "models" / "tiny.gguf")
    configure(home, '[[backend]]\nid = "own"\nkind = "embedded"\nmodel = "tiny"\n')
    assert json.loads((await run(*PINNED, "hello")).out)["proof"] == "verified"
    (row,) = json.loads((await run("backends", "list", "--json")).out)
    assert row["proof"] == "verified"
