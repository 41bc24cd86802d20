"""Runs the real program in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 30.0


class Done(NamedTuple):
    code: int
    out: str
    err: str


async def start(*arguments: str, stdin: int = asyncio.subprocess.DEVNULL, **env: str) -> asyncio.subprocess.Process:
    """With the test's own home; PIPE as `stdin` leaves it open."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hybridchat", *arguments),
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, **env},
    )


async def run(*arguments: str, stdin: bytes | None = None, **env: str) -> Done:
    kind = asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE
    return await finish(await start(*arguments, stdin=kind, **env), stdin)


async def finish(process: asyncio.subprocess.Process, stdin: bytes | None = None) -> Done:
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), TIMEOUT_S)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


def configure(home: Path, text: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text(text, encoding="utf-8")


def backend(url: str, *, id: str = "lab", more: str = "") -> str:
    return f'[[backend]]\nid = "{id}"\nkind = "openai-compatible"\nbase_url = "{url}"\nmodel = "fake"\n{more}\n'
