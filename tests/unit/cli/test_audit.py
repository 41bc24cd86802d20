"""`audit`: what left this device, as a table, filtered, and for other tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hybridchat.domain.audit import Departure, Errand
from hybridchat.domain.chat import Zone
from hybridchat.ledger.departures import DEPARTURE_COLUMNS
from hybridchat.ledger.store import open_ledger
from tests.fakes.provider import KEY, FakeProvider
from tests.unit.cli.conftest import Call, Cli

CHAT = Errand(purpose="chat", conversation_id=7, message_id=14, masked={"email": 2}, overridden={"card": 1})
LEFT = [
    ("api.example", 443, Zone.MANAGED, "rented", 1234, CHAT),
    ("gpu.lan", 8000, Zone.PRIVATE, "lab", 0, Errand(purpose="look")),
    ("hub.example", 443, Zone.MANAGED, None, 0, Errand(purpose="pull")),
]


@pytest.fixture(autouse=True)
def left(home: Path) -> None:
    ledger = open_ledger(home / "hybridchat.db")
    for host, port, zone, backend, size, errand in LEFT:
        departure = Departure(host=host, port=port, zone=zone, backend=backend, body_bytes=size, errand=errand)
        row = ledger.depart(departure)
        if errand is CHAT:
            continue  # killed before it was known
        ledger.sent(row, size)
    ledger.close()
    entry = '[[backend]]\nid = "{}"\nkind = "openai"\nbase_url = "http://127.0.0.1:9"\n'
    (home / "config.toml").write_text(entry.format("rented") + entry.format("lab"))


def test_a_table_for_people(cli: Cli) -> None:
    said = cli("audit")
    head, chat, look, pull = said.out.splitlines()
    names = ["when", "host", "bytes", "purpose", "backend", "conversation", "message", "masked", "as", "it", "was"]
    assert head.split() == names
    assert chat.split()[2:] == [
        "api.example:443",
        "at",
        "most",
        "1,234",
        "chat",
        "rented",
        "7",
        "14",
        "2",
        "email",
        "1",
        "card",
    ]
    assert look.split()[2:] == ["gpu.lan:8000", "0", "look", "lab", "–", "–", "–", "–"]
    assert pull.split()[2:] == ["hub.example:443", "0", "pull", "–", "–", "–", "–", "–"]
    assert (said.code, said.err) == (0, "")


def test_the_newest_are_shown_and_the_rest_is_told(cli: Cli) -> None:
    said = cli("audit", "--limit", "1")
    assert "hub.example" in said.out.splitlines()[1]
    assert said.err == "and 2 older ones — give --limit, a filter, or --format\n"


@pytest.mark.parametrize(
    ("wanted", "hosts"),
    [
        (["--host", "gpu.lan"], ["gpu.lan"]),
        (["--host", "gpu.lan:8000"], ["gpu.lan"]),
        (["--host", "gpu.lan:1"], []),
        (["--conversation", "7"], ["api.example"]),
        (["--backend", "lab"], ["gpu.lan"]),
        (["--since", "1d"], ["api.example", "gpu.lan", "hub.example"]),
        (["--until", "2020-01-01"], []),
    ],
)
def test_filters(cli: Cli, wanted: list[str], hosts: list[str]) -> None:
    assert [row["host"] for row in cli("audit", "--json", *wanted).json] == hosts


def test_formats(cli: Cli, tmp_path: Path) -> None:
    rows = cli("audit", "--json").json
    assert tuple(rows[0]) == DEPARTURE_COLUMNS
    assert (rows[0]["masked"], rows[0]["overridden"], rows[1]["masked"]) == ({"email": 2}, {"card": 1}, None)
    assert [json.loads(line) for line in cli("audit", "--format", "jsonl").out.splitlines()] == rows
    assert cli("audit", "-o", str(tmp_path / "audit.csv")) == (0, "", "")
    head, first, *_ = (tmp_path / "audit.csv").read_text().splitlines()
    assert head == ",".join(DEPARTURE_COLUMNS)
    assert first.endswith(',1234,,"{""email"":2}","{""card"":1}"')


def test_nothing_left(cli: Cli) -> None:
    said = cli("audit", "--host", "nobody.example")
    assert (said.code, said.out) == (0, "")
    assert "nothing has left" in said.err


def test_a_proof_lists_nothing(cli: Cli) -> None:
    said = cli("audit", "--prove", "--since", "1d")
    assert (said.code, said.err.count("\n")) == (2, 1)


async def test_a_key_test_is_in_it(call: Call, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_KEY", KEY)
    async with FakeProvider("m") as server:
        lines = f'id = "far"\nkind = "openai"\nbase_url = "{server.url}"\nzone = "managed"\nkey = "env:LAB_KEY"\n'
        (home / "config.toml").write_text(f"[[backend]]\n{lines}")
        assert (await call("keys", "test")).code == 0
        rows = (await call("audit", "--backend", "far", "--json")).json
    assert {(row["purpose"], row["port"], row["conversation_id"]) for row in rows} == {("key test", server.port, None)}
    assert len(rows) == len(server.requests)
