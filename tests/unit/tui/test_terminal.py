"""ASCII terminals, crashes without words, and the system's clipboard."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from hybridchat.tui.clipboard import clipboard_command, copy_to_system
from hybridchat.tui.terminal import AsciiFilter, crash_report, to_ascii

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


@pytest.mark.parametrize(
    ("platform", "environment", "program"),
    [
        ("darwin", {}, "pbcopy"),
        ("win32", {}, "clip.exe"),
        ("linux", {"WSL_DISTRO_NAME": "Ubuntu"}, "clip.exe"),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "wl-copy"),
        ("linux", {"DISPLAY": ":0"}, "xclip"),
    ],
)
def test_the_program_of_the_system(platform: str, environment: dict[str, str], program: str) -> None:
    command = clipboard_command(platform, environment, lambda name: name)
    assert command is not None
    assert command[0] == program


def test_over_ssh_there_is_none() -> None:
    assert clipboard_command("linux", {"SSH_TTY": "/dev/pts/1"}, lambda name: name) is None
    assert copy_to_system("text", {}) is (sys.platform in ("darwin", "win32"))


@pytest.mark.skipif(sys.platform != "linux", reason="a shell script stands for the program")
def test_the_text_reaches_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "xclip"
    program.write_text(f"#!/bin/sh\ncat > {tmp_path}/clipboard\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert copy_to_system("ünï", {"DISPLAY": ":0"})
    assert (tmp_path / "clipboard").read_text() == "ünï"
    program.write_text("#!/bin/sh\nexit 1\n")
    assert not copy_to_system("text", {"DISPLAY": ":0"})
