"""A text to a file that the user names."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hybridchat.errors import UsageError
from hybridchat.session.files import Taken, path_of, save_text


def test_a_new_file_has_the_text_and_the_modes_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save_text(tmp_path / "a.py", "x = '\N{SNOWMAN}'\n")
    finally:
        os.umask(before)
    assert (tmp_path / "a.py").read_text(encoding="utf-8") == "x = '\N{SNOWMAN}'\n"
    assert stat.S_IMODE((tmp_path / "a.py").stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["a.py"], "nothing is left beside it"


def test_another_file_is_replaced_only_if_that_was_said(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("old")
    file.chmod(0o600)
    with pytest.raises(Taken, match="there is a file"):
        save_text(file, "new")
    assert file.read_text() == "old"
    link = tmp_path / "link"
    link.symlink_to(file)
    save_text(link, "new", may_replace=True)
    assert (file.read_text(), link.is_symlink()) == ("new", True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["", "no/such/folder/a.py", "x" * 300])
def test_what_cannot_be_written_is_said_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        save_text(tmp_path / name, "text")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_not_replaced() -> None:
    with pytest.raises(UsageError, match="no ordinary file"):
        save_text(Path(os.devnull), "text", may_replace=True)


def test_a_path_is_read_as_a_shell_would(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert path_of(" ~/a.py ") == tmp_path / "a.py"
    assert path_of("~nobody-has-this-name/a") == Path("~nobody-has-this-name/a")
