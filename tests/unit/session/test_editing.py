"""The draft in an editor: private while it is open, gone afterwards, and never lost."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from hybridchat.errors import UsageError
from hybridchat.session import editing
from hybridchat.session.editing import Edited, Editing, editor_command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell")


@pytest.fixture(autouse=True)
def _slow_is_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(editing, "AT_ONCE_S", 0.0)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files_in(path: Path) -> list[Path]:
    return list(path.iterdir())


def is_there(path: Path) -> bool:
    return path.exists()


def in_shell(script: str) -> list[str]:
    return ["/bin/sh", "-c", script, "editor"]


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("printf more >> $1", "draftmore"),
        ("printf 'a\\r\\nb\\r\\n' > $1", "a\nb"),
        ("printf '\\357\\273\\277bom\\n' > $1", "bom"),
        ("printf '\\033[2Jinert' > $1", "␛[2Jinert"),
        ("printf '' > $1", ""),
        (":", "draft"),
    ],
)
async def test_what_it_wrote_is_the_draft(script: str, text: str, tmp_path: Path) -> None:
    opened = Editing("draft")
    assert mode(opened.file) == 0o600
    assert mode(opened.file.parent) == 0o700
    assert await opened.run(in_shell(script), ()) == Edited(text)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    ("script", "text", "note", "is_kept"),
    [
        ("exit 3", None, "ended with code 3: the draft is as it was", False),
        ("printf new > $1; exit 1", None, "what was written is kept in", True),
        ("rm $1", None, "the editor left no file", False),
        ("printf 'caf\\351' > $1", "caf\N{REPLACEMENT CHARACTER}", "not all of it was UTF-8", True),
        ("head -c 11000000 /dev/zero > $1", None, "are no draft", True),
    ],
)
async def test_nothing_is_lost_where_something_breaks(
    script: str, text: str | None, note: str, is_kept: bool, tmp_path: Path
) -> None:
    opened = Editing("draft")
    edited = await opened.run(in_shell(script), ())
    assert edited.text == text and note in edited.note
    assert is_there(opened.file) is is_kept
    assert (str(opened.file) in edited.note) is is_kept
    assert bool(files_in(tmp_path)) is is_kept


async def test_one_that_is_not_there_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="/nowhere/vim cannot be run"):
        await Editing("draft").run(["/nowhere/vim"], ())
    assert files_in(tmp_path) == []


async def test_one_that_opens_a_window_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editing, "AT_ONCE_S", 60.0)
    opened = Editing("draft")
    assert await opened.run(in_shell(":"), ()) == Edited(None, is_open=True)
    await Editing("x").run(["/bin/sh", "-c", f"echo saved later > {opened.file}"], ())
    assert opened.read() == Edited("saved later")
    assert not is_there(opened.file)


async def test_it_finds_no_key_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "canary")
    edited = await Editing("").run(in_shell('printf "[$SOME_API_KEY]" > $1'), {"SOME_API_KEY"})
    assert edited.text == "[]"


@pytest.mark.parametrize(
    ("visual", "editor", "command"),
    [("code --wait", "vi", ["code", "--wait"]), ("", "'my editor' -n", ["my editor", "-n"]), ("emacs", "", ["emacs"])],
)
def test_which_one_it_is(visual: str, editor: str, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", visual)
    monkeypatch.setenv("EDITOR", editor)
    assert editor_command() == command


def test_none_and_no_command_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "vim 'oops")
    with pytest.raises(UsageError, match="is no command"):
        editor_command()
    monkeypatch.setenv("VISUAL", "")
    monkeypatch.setenv("EDITOR", "")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="no editor is named"):
        editor_command()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no memory-backed folder")
def test_off_the_record_it_stays_in_memory_where_it_can() -> None:
    opened = Editing("draft", keep_in_memory=True)
    assert not opened.is_on_disk and opened.file.is_relative_to("/dev/shm")
    opened.discard()
    assert not opened.file.parent.exists()
