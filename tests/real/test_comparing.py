"""Real engines side by side: llama.cpp twice, and against vLLM; timings that are not their own say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cli import configure, run
from tests.real.conftest import Server


def entry(server: Server, name: str, kind: str) -> str:
    return f'[[backend]]\nid = "{name}"\nkind = "{kind}"\nbase_url = "{server.base_url}"\nvouched = true\n'


async def compared(home: Path, *arguments: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The prompts' answers, and the summary."""
    file = home / "prompts.txt"
    file.write_text("hello\nwhy is the sky blue?\n")
    done = await run("compare", *arguments, "--prompts", str(file), "--max-tokens", "24", "--local-only", "--json")
    assert done.code == 0, done.err
    *prompts, summary = [json.loads(line) for line in done.out.splitlines()]
    return prompts, summary["summary"]


@pytest.mark.needs("llamacpp")
async def test_one_llamacpp_twice_answers_one_after_the_other(home: Path, llamacpp: Server) -> None:
    configure(home, entry(llamacpp, "lab", "llamacpp"))
    prompts, summary = await compared(home, "--backends", "lab,lab")
    sides = [side for one in prompts for side in one["sides"]]
    assert all(side["text"] and side["ttft_ms"] > 0 and not side["was_shared"] for side in sides)
    assert [side["answers"] for side in summary["sides"]] == [2, 2]
    together, shared = await compared(home, "--backends", "lab,lab", "--together", "--name", "together")
    assert all(side["was_shared"] for one in together for side in one["sides"])
    assert [side["ttft_ms"]["n"] for side in shared["sides"]] == [0, 0], "they are nobody's own"


@pytest.mark.needs("llamacpp")
@pytest.mark.needs("vllm")
async def test_llamacpp_against_vllm(home: Path, llamacpp: Server, vllm: Server) -> None:
    configure(home, entry(llamacpp, "lab", "llamacpp") + entry(vllm, "big", "vllm"))
    prompts, summary = await compared(home, "--backends", "lab,big")
    assert [[side["backend"] for side in one["sides"]] for one in prompts] == [["lab", "big"]] * 2
    assert all(side["text"] and side["completion_tokens"] for one in prompts for side in one["sides"])
    assert all(side["was_shared"] for one in prompts for side in one["sides"]), "both compute on this machine"
    assert [side["failures"] for side in summary["sides"]] == [0, 0]
