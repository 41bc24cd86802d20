"""Importing 100,000 messages from an export of ChatGPT, while another window goes on writing."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hybridchat.errors import LedgerError
from hybridchat.ledger.store import Ledger, open_ledger
from scripts.benchmarks.measure import Row, percentile
from scripts.benchmarks.program import HYBRIDCHAT
from scripts.fill_ledger import WORDS, finish
from tests.unit.ledger.helpers import new_turn

CONVERSATIONS, MESSAGES = 5_000, 100_000
PAUSE_S = 0.2


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder, "conversations.json")
        write_export(export)
        home = Path(folder, "home")
        ledger = open_ledger(home / "hybridchat.db")
        try:
            took_s, peak_mb, written_s = import_it(export, home, ledger)
        finally:
            ledger.close()
        size = f"{export.stat().st_size / 1e6:.0f} MB"
        yield Row(f"import of {MESSAGES:,} messages, {size}", took_s, "s", 60)
        yield Row(f"memory for the import of {MESSAGES:,} messages, peak", peak_mb, "MB", 300)
        what = "meanwhile another window's message is on the disk"
        yield Row(f"{what}, p95", percentile(written_s, 0.95) * 1000, "ms", n=len(written_s))
        start = time.monotonic()
        import_it(export, home, None)
        yield Row("the same import again", time.monotonic() - start, "s")


def import_it(export: Path, home: Path, window: Ledger | None) -> tuple[float, float, list[float]]:
    """Seconds, its peak of memory, and how long each of the window's writes took."""
    start = time.monotonic()
    environment = {**os.environ, "HYBRIDCHAT_HOME": str(home)}
    process = subprocess.Popen([*HYBRIDCHAT, "import", str(export)], env=environment, stderr=subprocess.DEVNULL)
    peak_mb, written_s = 0.0, []
    while process.poll() is None:
        peak_mb = max(peak_mb, _peak_mb(process.pid))
        if window is not None:
            written_s.append(_write(window))
        time.sleep(PAUSE_S)
    if process.returncode:
        raise RuntimeError(f"the import failed: {process.returncode}")
    return time.monotonic() - start, peak_mb, written_s


def _write(window: Ledger) -> float:
    start = time.monotonic()
    try:
        ids = window.begin_turn(new_turn()).result()
        taken_s = time.monotonic() - start
        finish(window, ids, "a reply")
    except LedgerError:
        return time.monotonic() - start
    return taken_s


def _peak_mb(pid: int) -> float:
    """So far, in 10⁶ bytes; 0 for one that is gone."""
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def write_export(path: Path) -> None:
    rng = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        for number in range(CONVERSATIONS):
            file.write(("[" if number == 0 else ",") + json.dumps(_conversation(rng, number)))
        file.write("]")


def _conversation(rng: random.Random, number: int) -> dict[str, object]:
    mapping: dict[str, object] = {"root": {"id": "root", "message": None, "parent": None, "children": []}}
    before = "root"
    for index in range(MESSAGES // CONVERSATIONS):
        name, role = f"{number:08}-{index:04}-4000-8000-{rng.getrandbits(48):012x}", ("user", "assistant")[index % 2]
        text = " ".join(rng.choices(WORDS, k=(30, 120)[index % 2]))
        message = {
            "id": name,
            "author": {"role": role, "name": None, "metadata": {}},
            "create_time": 1.7e9 + number * 1000 + index,
            "content": {"content_type": "text", "parts": [text]},
            "status": "finished_successfully",
            "metadata": {"model_slug": "gpt-4o"},
            "recipient": "all",
        }
        mapping[name] = {"id": name, "message": message, "parent": before, "children": []}
        before = name
    times = {"create_time": 1.7e9 + number * 1000, "update_time": 1.7e9 + number * 1000 + 999}
    return {"title": f"chat {number}", **times, "mapping": mapping, "current_node": before, "id": f"c{number}"}
