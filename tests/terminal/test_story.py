"""A sitting with a rented model, in the real program on a real terminal: limited, answered at home instead, asked
again, stopped by its budget, and resumed."""

from __future__ import annotations

import re
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.fakes.configs import lab, rented, write_config
from tests.terminal.conftest import Serve
from tests.terminal.sitting import open_app, stored

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")

ROUTE_AND_BUDGET = """
[route]
default = "managed"

[budget]
month = 0.06
max_reply_tokens = 20
"""
PAGE = Path(__file__).parents[2] / "docs" / "providers.md"
KEYS = {"Enter": "\r", "Down": "\x1b[B", "Alt+E": "\x1be", "Ctrl+Q": "\x11"}


def transcript() -> list[str]:
    """The lines on the page."""
    (block,) = re.findall(r"^```transcript\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return block.splitlines()


def typed(line: str) -> str:
    """`some words [Enter]` as a terminal gets it."""
    parts = re.split(r" ?\[([^\]]+)\]", line)
    return "".join(KEYS[part] if number % 2 else part for number, part in enumerate(parts))


def shows(line: str, text: str) -> bool:
    """Wherever the screen breaks the line, and whatever its figures are."""
    return re.search(r"\d+".join(map(re.escape, re.split(r"\d+", line))), " ".join(text.split())) is not None


def test_limited_answered_at_home_asked_again_stopped_by_the_budget_and_resumed(home: Path, serve: Serve) -> None:
    local = serve("--tokens", "10", "--tokens-per-s", "500")
    # told to come again in 3 s, then in 5 minutes, which is too long to wait for
    managed = serve("--tokens", "10", "--tokens-per-s", "500", "--limited", "3", "300")
    write_config(home, lab(local), rented(managed), ROUTE_AND_BUDGET)
    with open_app(home, rows=40) as terminal:
        for line in transcript():
            if line.startswith("❯ "):
                terminal.type(typed(line.removeprefix("❯ ")))
            else:
                terminal.wait_for(partial(shows, line))
        terminal.wait_until(lambda: stored(home, "select count(*) from usage where outcome = 'ok'") == [(3,)])
        terminal.type(KEYS["Ctrl+Q"])
        assert terminal.wait_for_exit() == 0

    assert stored(home, "select backend, zone, outcome, error_kind, attempt_no from usage order by attempt_id") == [
        ("rented", "managed", "error", "rate_limit", 1),
        ("rented", "managed", "error", "rate_limit", 2),
        ("lab", "device", "ok", None, 3),
        ("rented", "managed", "ok", None, 1),
        ("rented", "managed", "ok", None, 1),
    ]
    first, answers = "(select min(id) from message)", "from message where role = 'assistant'"
    assert stored(home, f"select count(*) {answers} and parent_id = {first}") == [(2,)]
    assert stored(home, "select route_reason from usage where backend = 'lab'")[0][0].startswith(
        "fallback: rented limited"
    )
    spent = stored(home, "select sum(cost_usd), count(cost_usd) from usage where zone = 'managed'")
    assert spent[0][1] == 2
    assert 0.04 < spent[0][0] <= 1.0
    assert stored(home, "select max_tokens from usage order by attempt_id desc limit 1") == [(20,)]
    assert "month = 1" in (home / "config.toml").read_text()
