"""Inert lines, ASCII terminals, and crashes without words."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.segment import ControlType, Segment
from rich.style import Style
from textual.color import Color

from hybridchat.tui.terminal import AsciiFilter, InertFilter, crash_report, to_ascii

SECRET = "the user's secret prompt"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("╭─┬─╮│█▌", "+-+-+|#|"),
        ("a · b … ≈ • › →", "a . b . ~ * > >"),
        ("Ünïcödé", "Unicode"),
        ("漢字", "????"),
        ("👍", "??"),
    ],
)
def test_ascii_keeps_every_cell(text: str, shown: str) -> None:
    assert to_ascii(text) == shown
    assert cell_len(to_ascii(text)) == cell_len(text)


def test_the_filter_changes_only_what_must_be() -> None:
    plain, fancy = Segment("plain"), Segment("│x")
    assert AsciiFilter().apply([plain, fancy], Color.parse("black")) == [plain, Segment("|x")]


def test_what_a_widget_forgot_to_clean_is_inert_on_the_screen() -> None:
    black = Color.parse("black")
    family = Segment("👨‍👩‍👧 مرحبا", Style(bold=True))
    control = Segment("\x1b[2J", None, [(ControlType.CLEAR,)])
    assert InertFilter().apply([family, control], black) == [family, control]
    hostile = Segment("a\x1b]0;x\x07\x9b\u202e\n\tb", Style(bold=True, link="https://evil.example"))
    (inert,) = InertFilter().apply([hostile], black)
    assert inert == Segment("a␛]0;x␇��  b", Style(bold=True))
    assert InertFilter().apply([Segment("\x9b")], black) == [Segment("�")]


def fault() -> Exception:
    prompt = SECRET
    try:
        raise ValueError(f"bad: {prompt}")
    except ValueError as error:
        return error


@pytest.mark.skipif(sys.platform == "win32", reason="no modes on Windows")
def test_a_crash_is_told_without_words(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "crash.log"
    line = crash_report(fault(), log)
    assert "ValueError in test_terminal.py:" in line
    assert str(log) in line
    assert "\n" not in line
    assert "in fault" in log.read_text()
    assert SECRET not in line + log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_crash_is_told_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "ValueError" in crash_report(fault(), tmp_path / "file" / "crash.log")
