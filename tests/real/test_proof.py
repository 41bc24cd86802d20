"""`audit --prove` with a real llama.cpp behind the pinned session."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.faults.cli import configure, run
from tests.real.conftest import CACHE
from tests.real.tiny_model import gguf_model

pytestmark = pytest.mark.needs("embedded")


async def test_the_embedded_engine_answers_and_nothing_leaves(home: Path) -> None:
    (home / "models").mkdir(parents=True)
    shutil.copy(gguf_model(CACHE), home / "models" / "tiny.gguf")
    configure(home, '[[backend]]\nid = "own"\nkind = "embedded"\nmodel = "tiny"\n')
    done = await run("audit", "--prove", "--json")
    proof = json.loads(done.out)
    assert (done.code, proof["is_proven"]) == (0, True), proof
    asked = proof["tried"][-1]
    assert (asked["what"], asked["result"], asked["left_bytes"]) == ("a pinned question to own", "answered", 0)
    assert any(line.startswith("what the programs that were started do") for line in proof["not_checked"])
