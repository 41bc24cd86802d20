"""The desktop's programs get what they are asked to take, and no key."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from hybridchat.tui import desktop
from hybridchat.tui.desktop import clipboard_command, copy_to_system, open_in_browser


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


STAND_IN = """#!/bin/sh
cd "$(dirname "$0")"
printf '%s ' "$(basename "$0")" "$@" >command
env >environment
cat >text
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """`stand_in(platform, name)` makes a program of that name the only one; it writes what it gets beside itself."""

    def put(platform: str, name: str) -> Path:
        program = tmp_path / name
        program.write_text(STAND_IN)
        program.chmod(0o700)
        monkeypatch.setenv("PATH", str(tmp_path))  # where it is looked for
        monkeypatch.setattr(desktop, "sys", SimpleNamespace(platform=platform))
        monkeypatch.setattr(desktop, "TIMEOUT_S", 30.0)  # a busy machine is no failure
        return program

    return put


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands for the program")
@pytest.mark.parametrize(
    ("platform", "display", "command"),
    [
        ("linux", {"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": "/run/user/1"}, "wl-copy "),
        ("linux", {"DISPLAY": ":0", "XAUTHORITY": "/home/u/.Xauthority"}, "xclip -selection clipboard "),
        ("linux", {"DISPLAY": ":0"}, "xsel --clipboard --input "),
        ("linux", {"WSL_DISTRO_NAME": "Ubuntu", "WSL_INTEROP": "/run/WSL/1"}, "clip.exe "),
        ("darwin", {"LANG": "C.UTF-8"}, "pbcopy "),
    ],
)
def test_the_program_gets_the_text_and_no_keys(
    stand_in: Callable[[str, str], Path], tmp_path: Path, platform: str, display: dict[str, str], command: str
) -> None:
    program = stand_in(platform, command.split()[0])
    rest = {"PATH": f"{tmp_path}:{os.defpath}", "OPENAI_API_KEY": "canary", "LAB_SECRET": "canary"}
    assert copy_to_system("ünï\n👍", display | rest)
    assert (tmp_path / "command").read_text() == command
    encoding = "utf-16-le" if program.suffix == ".exe" else "utf-8"
    assert (tmp_path / "text").read_bytes().decode(encoding) == "ünï\n👍"
    environment = (tmp_path / "environment").read_text()
    assert {f"{name}={value}" for name, value in display.items()} <= set(environment.splitlines())
    assert "canary" not in environment


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands for the program")
@pytest.mark.parametrize(("script", "is_copied"), [("exit 0", True), ("exit 1", False), ("kill -9 $$", False)])
def test_a_program_that_fails_is_told(stand_in: Callable[[str, str], Path], script: str, is_copied: bool) -> None:
    program = stand_in("linux", "xclip")
    program.write_text(f"#!/bin/sh\ncat >/dev/null\n{script}\n")
    assert copy_to_system("text", {"DISPLAY": ":0", "PATH": f"{program.parent}:{os.defpath}"}) is is_copied


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands for the browser")
@pytest.mark.parametrize(("ends", "is_open"), [("exit 0", True), ("exit 1", False)])
def test_the_browser_gets_the_address_and_neither_keys_nor_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], ends: str, is_open: bool
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f"{STAND_IN}printf '\\033]0;owned\\007'\n{ends}\n")
    browser.chmod(0o700)
    url = "https://a.example/?q=1&b='$(touch x)'"
    given = {"PATH": os.defpath, "BROWSER": str(browser), "XDG_DATA_DIRS": "/usr/share", "TERM": "xterm"}
    assert open_in_browser(url, {**given, "OPENAI_API_KEY": "canary", "PYTHONPATH": "canary"}) is is_open
    assert (tmp_path / "command").read_text() == f"browser {url} "
    environment = (tmp_path / "environment").read_text()
    assert "XDG_DATA_DIRS=/usr/share" in environment
    assert "canary" not in environment and "TERM=" not in environment
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always one")
def test_without_a_display_no_browser_takes_the_terminal(tmp_path: Path) -> None:
    assert open_in_browser("https://a.example", {"PATH": str(tmp_path), "TERM": "xterm"}) is False
