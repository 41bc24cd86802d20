"""Folders that pin: by the config's list, by a file in them, and whatever cannot be looked at."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hybridchat.config import folders, parse_config
from hybridchat.config.folders import FILE_NAME, MAX_BYTES, FolderPin, look

posix = pytest.mark.skipif(os.name != "posix", reason="links, FIFOs and modes are POSIX's")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the program stands: clients/acme/src."""
    folder = tmp_path / "clients" / "acme" / "src"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PWD", raising=False)
    return folder


def say(folder: Path, text: str) -> Path:
    file = folder / FILE_NAME
    file.write_text(text, encoding="utf-8")
    return file


def test_nothing_pins_by_itself(place: Path, tmp_path: Path) -> None:
    (tmp_path / "clientship").mkdir()
    assert look([]) == look([str(tmp_path / "clientship")]) == FolderPin()


# --- the config's list


def test_a_listed_folder_pins_itself_and_all_below(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = str(tmp_path / "clients")
    assert look([listed]).why == f"pinned by {listed} in privacy.local_only_folders"
    monkeypatch.chdir(tmp_path / "clients")
    assert look([listed]).why
    monkeypatch.chdir(tmp_path)
    assert look([listed]) == FolderPin()


@pytest.mark.parametrize("spelled", ["clients/../clients", "clients/acme/src/../..", "./clients//", "link"])
@posix
def test_by_whatever_name_it_is_called(place: Path, tmp_path: Path, spelled: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "clients")
    assert look([f"{tmp_path}/{spelled}"]).why


def test_the_home_is_a_tilde(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert look(["~/clients"]).why == "pinned by ~/clients in privacy.local_only_folders"


def test_a_file_system_that_knows_no_capitals(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS and Windows: another spelling leads to the same folder."""
    real = Path.stat
    monkeypatch.setattr(Path, "stat", lambda self, **options: real(Path(str(self).replace("CLIENTS", "clients"))))
    assert look([str(tmp_path / "CLIENTS")]).why


def test_a_file_system_that_counts_its_files_anew(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As some network and archive file systems do with each look."""
    real, numbers = Path.stat, iter(range(10**6))

    def renumbered(self: Path, **options: bool) -> os.stat_result:
        found = real(self, **options)
        return os.stat_result((found.st_mode, next(numbers), *found[2:]))

    monkeypatch.setattr(Path, "stat", renumbered)
    assert look([str(tmp_path / "clients")]).why


@posix
def test_the_links_that_a_shell_came_along_count(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~/work` is listed, and in it is a link to the place."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "acme").symlink_to(place)
    assert look([str(work)]) == FolderPin()
    monkeypatch.setenv("PWD", str(work / "acme"))
    assert look([str(work)]).why
    monkeypatch.setenv("PWD", str(work))  # an old one: the program was started elsewhere
    assert look([str(work)]) == FolderPin()


def test_a_folder_that_is_not_there_is_named(place: Path, tmp_path: Path) -> None:
    absent = tmp_path / "clinets"
    found = look([str(absent), str(tmp_path / "clients")])
    assert found.why
    assert [str(absent) in notice for notice in found.notices] == [True]


def test_one_that_cannot_be_looked_at_pins_everything(place: Path) -> None:
    assert "cannot be looked at" in look(["~nobody-of-that-name/x"]).why
    assert "cannot be looked at" in look(["/a\0b"]).why


def test_a_relative_folder_is_a_mistake_in_the_config() -> None:
    _, problems = parse_config('[privacy]\nlocal_only_folders = ["~/a", "clients"]\n')
    assert [(problem.line, problem.key) for problem in problems] == [(2, "privacy.local_only_folders")]
    assert "relative" in str(problems[0])


# --- the file


@pytest.mark.parametrize("above", [0, 1, 2])
def test_a_file_pins_its_folder_and_all_below(place: Path, above: int) -> None:
    file = say([place, *place.parents][above], "local_only = true\n")
    assert look([]) == FolderPin(f"pinned by {file}")


def test_nothing_else_in_it_is_read(place: Path) -> None:
    file = say(place, 'local_only = true\nbackend = []\n"a\\nb" = 1\n[privacy]\ndefault = "open"\n')
    found = look([])
    assert found.why == f"pinned by {file}"
    assert found.notices == (f"{file}: only local_only is read there; ignored: backend, a b, privacy",)


def test_it_loosens_nothing(place: Path, tmp_path: Path) -> None:
    above = say(place.parent, "local_only = true\n")
    below = say(place, "local_only = false\n")
    found = look([])
    assert found.why == f"pinned by {above}"
    assert found.notices == (f"{below}: local_only = false loosens nothing",)
    above.unlink()
    assert look([str(tmp_path)]).why
    assert look([]).why == ""


@pytest.mark.parametrize(
    "text",
    [
        *("local_only = ", "local_only = True", "local_only = 'true'", "local_only = 1", "local_only = []", "\0"),
        *("local_only = false\nlocal_only = false", "a = " + "[" * 20_000, "#" * (MAX_BYTES + 1), "[local_only]"),
    ],
)
def test_what_is_broken_pins_and_says_so_in_one_line(place: Path, text: str) -> None:
    file = say(place, text)
    found = look([])
    assert found.why == f"pinned by {file}, which cannot be read"
    assert len(found.notices) == 1
    assert found.notices[0].startswith(f"{file} cannot be read (")
    assert "\n" not in found.notices[0]


def test_a_file_that_is_no_text_pins(place: Path) -> None:
    (place / FILE_NAME).write_bytes(b"local_only = false # \xff")
    assert look([]).why
    (place / FILE_NAME).write_bytes(b"\xef\xbb\xbflocal_only = false")
    assert look([]).why == ""


@posix
@pytest.mark.parametrize("what", ["fifo", "loop", "nowhere", "folder", "device"])
def test_what_is_no_plain_file_pins_at_once(place: Path, what: str) -> None:
    file = place / FILE_NAME
    match what:
        case "fifo":
            os.mkfifo(file)
        case "loop":
            file.symlink_to(file)
        case "nowhere":
            file.symlink_to(place / "absent")
        case "folder":
            file.mkdir()
        case "device":
            file.symlink_to("/dev/zero")
    assert look([]).why == f"pinned by {file}, which cannot be read"


@posix
def test_a_link_to_a_plain_file_is_read(place: Path, tmp_path: Path) -> None:
    (tmp_path / "pin.toml").write_text("local_only = false\n")
    (place / FILE_NAME).symlink_to(tmp_path / "pin.toml")
    assert look([]).why == ""


def test_what_must_not_be_read_pins(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the system's answer is made up."""
    file = say(place, "local_only = false\n")
    real = os.open

    def refused(path: os.PathLike[str], flags: int) -> int:
        if Path(path) == file:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags)

    monkeypatch.setattr(folders.os, "open", refused)
    assert look([]).notices[0].startswith(f"{file} cannot be read (Permission denied)")
    assert look([]).why


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be removed there")
def test_where_nobody_knows_where_we_are_everything_is_pinned(place: Path) -> None:
    place.rmdir()
    assert "where you are cannot be known" in look([]).why


# --- words that come from files


def test_a_file_that_is_attached_pins_as_its_folder_does(place: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    say(other, "local_only = true\n")
    assert look([]).why == ""
    assert look([], [other / "file"]).why == f"pinned by {other / FILE_NAME}"


@posix
def test_a_file_that_is_a_link_pins_as_both_of_its_places_do(place: Path, tmp_path: Path) -> None:
    pinned, free = tmp_path / "pinned", tmp_path / "free"
    for folder in (pinned, free):
        folder.mkdir()
        (folder / "file").touch()
    say(pinned, "local_only = true\n")
    (free / "to-pinned").symlink_to(pinned / "file")
    (pinned / "to-free").symlink_to(free / "file")
    (free / "loop").symlink_to(free / "loop")
    assert look([], [free / "to-pinned"]).why and look([], [pinned / "to-free"]).why
    assert look([], [free / "file", free / "loop"]) == FolderPin()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_whatever_is_in_the_file_it_never_raises(place: Path, data: bytes) -> None:
    (place / FILE_NAME).write_bytes(data)
    found = look([])
    assert isinstance(found, FolderPin)
    assert stat.S_ISREG((place / FILE_NAME).stat().st_mode)
