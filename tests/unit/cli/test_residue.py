"""`audit --residue`: where a text still is, and an exit code for scripts."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from hybridchat.ledger.store import TurnIds
from tests.unit.cli.conftest import Cli

TEXT = "Rayleigh"


def test_it_says_where_and_never_what(cli: Cli, answered: TurnIds, home: Path) -> None:
    said = cli("audit", "--residue", TEXT)
    assert said.code == 1
    assert "table message, column text: 1 row" in said.out
    assert str(home / "hybridchat.db") in said.out
    assert TEXT not in said.out + said.err
    found = cli("audit", "--residue", TEXT, "--json").json["found"]
    assert {"file": str(home / "hybridchat.db"), "where": "table message, column text: 1 row"} in found


def test_nowhere_is_zero(cli: Cli, answered: TurnIds) -> None:
    said = cli("audit", "--residue", "axolotl")
    assert (said.code, said.out) == (0, "")
    assert "in none of" in said.err
    assert cli("delete", str(answered.conversation_id), "--yes").code == 0
    assert cli("audit", "--residue", TEXT, "--json").code == 0


@pytest.mark.parametrize("piped", [f"{TEXT}\n", f"\ufeff{TEXT}\r\n", f" {TEXT} \n\n"])
def test_it_comes_from_standard_input(piped: str, cli: Cli, answered: TurnIds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(piped.encode())))
    assert cli("audit", "--residue", "-").code == 1


def test_what_cannot_be_read_is_not_looked_for(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be found nowhere, and nowhere is an all-clear."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("Straße".encode("latin-1"))))
    said = cli("audit", "--residue", "-")
    assert (said.code, "not UTF-8" in said.err) == (2, True)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_our_folders_may_be_links(cli: Cli, home: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.db").write_text(TEXT)
    home.mkdir(exist_ok=True)
    (home / "backups").symlink_to(tmp_path / "elsewhere")
    said = cli("audit", "--residue", TEXT)
    assert (said.code, str(home / "backups" / "a.db") in said.out) == (1, True)


@pytest.mark.parametrize(
    "wrong", [[""], ["-"], ["x" * 501], ["x", "--prove"], ["x", "--since", "7d"], ["x", "-o", "f"]]
)
def test_what_is_no_search(wrong: list[str], cli: Cli) -> None:
    said = cli("audit", "--residue", *wrong)
    assert (said.code, said.err.count("\n")) == (2, 1)


def test_without_any_home_it_is_nowhere(cli: Cli, home: Path) -> None:
    assert cli("audit", "--residue", TEXT).code == 0
    assert not home.exists()
