"""The report works with the config and the ledger in whatever state they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fakes.ollama import _GET, FakeOllama
from tests.faults.cli import backend, configure
from tests.unit.cli.conftest import Call, Cli


def test_a_fresh_home_has_nothing_broken(cli: Cli, home: Path) -> None:
    said = cli("doctor")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert f"note   config: {home / 'config.toml'} is not there yet — run `hybridchat` to set it up" in lines
    assert "note   backends: none is configured — run `hybridchat` to set one up" in lines
    assert not (home / "config.toml").exists()


def test_a_broken_config_is_one_finding_among_others(cli: Cli, home: Path) -> None:
    configure(home, "[ui]\nthem = 1\n")
    said = cli("doctor", "--json")
    assert said.code == 1
    by_subject = {finding["subject"]: finding for finding in said.json}
    assert by_subject["config"]["state"] == "broken"
    assert "config.toml:2: ui.them" in by_subject["config"]["detail"]
    assert by_subject["ledger"]["state"] == "ok"
    assert (by_subject["backends"]["detail"], by_subject["backends"]["remedy"]) == (
        "not looked at",
        "mend the config first",
    )


def test_a_dead_backend_is_told_with_a_remedy(cli: Cli, home: Path) -> None:
    configure(home, backend("http://127.0.0.1:9"))
    said = cli("doctor", "--round-trip")
    assert said.code == 1
    assert "broken backend lab: nothing listens at 127.0.0.1:9 — " in said.out
    (finding,) = [one for one in cli("doctor", "--json").json if one["subject"] == "backend lab"]
    assert finding["detail"] == "nothing listens at 127.0.0.1:9"
    assert finding["remedy"]


def test_what_a_local_only_run_leaves_alone_is_no_fault(cli: Cli, home: Path) -> None:
    configure(home, backend("https://rented.example/v1"))
    said = cli("--local-only", "doctor")
    assert (said.code, "broken" in said.out) == (0, False)
    assert "note   backend lab: managed, not asked, for this run is local only — leave out --local-only" in said.out


@pytest.mark.skipif(os.name != "posix", reason="making symbolic links needs a right on Windows")
def test_a_ledger_that_is_a_link_is_refused(cli: Cli, home: Path) -> None:
    home.mkdir()
    (home / "hybridchat.db").symlink_to(home / "elsewhere.db")
    configure(home, backend("http://127.0.0.1:9"))
    findings = {finding["subject"]: finding for finding in cli("doctor", "--json").json}
    assert findings["ledger"]["state"] == "broken"
    assert findings["backends"]["detail"] == "not looked at"


@pytest.mark.parametrize(
    "capture, state, words",
    [
        ("status", "note", "on: the server can forward models"),
        ("status-cloud-off", "ok", "switched off in the server"),
        ("not-found-path", "note", "does not say whether it can forward"),
    ],
)
async def test_an_ollamas_cloud(
    capture: str, state: str, words: str, call: Call, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_GET, "/api/status", capture)
    async with FakeOllama() as ollama:
        configure(home, f'[[backend]]\nid = "box"\nkind = "ollama"\nbase_url = "{ollama.url}"\nvouched = true\n')
        findings = {finding["subject"]: finding for finding in (await call("doctor", "--json")).json}
    cloud, box = findings["cloud of box"], findings["backend box"]
    assert (cloud["state"], words in cloud["detail"]) == (state, True)
    assert ("OLLAMA_NO_CLOUD=1" in cloud["remedy"]) is (state == "note")
    assert "vouched: vouched = true in config.toml); not verified: " in box["detail"]
