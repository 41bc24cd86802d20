"""`hybridchat ask` as a whole process, over the same request made with the standard library and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from scripts.benchmarks.measure import Row, median
from scripts.benchmarks.program import HYBRIDCHAT, home_for
from scripts.benchmarks.server import MODEL, PacedServer

RUNS = 9
PROMPT = "tokens=20 rate=1000 tag=w"


def rows() -> Iterator[Row]:
    with PacedServer() as server, home_for(server) as home:
        asked_s(home), bare_s(server)
        pairs = [(bare_s(server), asked_s(home)) for _ in range(RUNS)]
        bare, ours = median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])
        yield Row("a bare HTTP call", bare, "s", n=RUNS)
        yield Row("`ask` over a bare HTTP call", ours - bare, "s", 0.30, RUNS)


def asked_s(home: Path) -> float:
    start = time.monotonic()
    subprocess.run(
        [*HYBRIDCHAT, "ask", PROMPT],
        env={**os.environ, "HYBRIDCHAT_HOME": str(home)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.monotonic() - start


def bare_s(server: PacedServer) -> float:
    start = time.monotonic()
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": PROMPT}]}
    with urllib.request.urlopen(f"{server.url}/v1/chat/completions", json.dumps(body).encode()) as reply:
        reply.read()
    return time.monotonic() - start
