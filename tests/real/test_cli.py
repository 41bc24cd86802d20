"""The program over a real llama.cpp, as a person without any server would use it."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybridchat.backends import engines
from tests.faults.cli import run
from tests.real.conftest import CACHE
from tests.real.tiny_model import gguf_model

pytestmark = pytest.mark.needs("embedded")


@pytest.fixture
def models(home: Path) -> Iterator[Path]:
    folder = home / "models"
    folder.mkdir(parents=True)
    shutil.copy(gguf_model(CACHE), folder / "tiny.gguf")
    yield folder
    for engine in engines.running(home / "run"):
        os.killpg(engine.pid, signal.SIGKILL)


async def test_from_an_engine_to_an_export(models: Path) -> None:
    up = await run("local", "up", "embedded", "--json")
    assert (up.code, json.loads(up.out)["model"]) == (0, "tiny")
    assert [row["backend"] for row in json.loads((await run("models", "--json")).out)] == ["embedded"]

    asked = await run("ask", "--local-only", "--json", "--timeout", "1", "hello")
    answer = json.loads(asked.out)
    assert answer["text"]
    assert (answer["zone"], answer["proof"], answer["backend"]) == ("device", "verified", "embedded")

    found = json.loads((await run("doctor", "--round-trip", "--json")).out)
    (engine,) = [finding for finding in found if finding["subject"] == "backend embedded"]
    assert (engine["state"], "answered one token" in engine["detail"]) == ("ok", True)

    assert (await run("local", "down")).err == "embedded has ended\n"
    (row,) = json.loads((await run("export", "--format", "json")).out)
    assert (row["backend"], row["zone"], row["outcome"]) == ("embedded", "device", "stopped")
    assert answer["text"] in (await run("show", str(answer["conversation_id"]))).out
