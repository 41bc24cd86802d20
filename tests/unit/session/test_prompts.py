"""The library of prompts: whatever lies in the folder, the others are listed."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from hybridchat.errors import HybridchatError, UsageError
from hybridchat.session import prompts
from hybridchat.session.prompts import Prompts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    (folder / "code").mkdir(parents=True)
    (folder / "hello.md").write_text("Hello {{name}}")
    (folder / "code" / "review.md").write_text('+++\ntitle = "Code review"\n+++\nReview')
    return folder


def names(library: Prompts) -> list[str]:
    return [prompt.name for prompt in library.read().prompts]


def test_they_are_read_anew_and_found_by_name_title_and_beginning(folder: Path) -> None:
    library = Prompts(folder)
    assert names(library) == ["code/review", "hello"]
    (folder / "help.md").write_text("Help")
    assert names(library) == ["code/review", "hello", "help"]
    assert library.found(" Code/Review.md ").name == library.found("code review").name == library.found("co").name
    for name, says in (
        ("hel", "several prompts begin with 'hel' — one of: hello, help"),
        ("x", "there is no prompt 'x'"),
    ):
        with pytest.raises(UsageError) as raised:
            library.found(name)
        assert says in str(raised.value)
    assert names(Prompts(folder / "none")) == names(Prompts()) == []


def test_what_cannot_be_read_is_named_and_the_others_are_there(folder: Path) -> None:
    (folder / "typo.md").write_text("+++\n[variables.a]\n+++\n{{b}}")
    (folder / "latin.md").write_bytes(b"one\ncaf\xe9")
    (folder / "big.md").write_text("x" * (prompts.MOST_BYTES + 1))
    (folder / ".hidden.md").write_text("{{x}}")
    (folder / "notes.txt").write_text("no prompt")
    library = Prompts(folder)
    assert names(library) == ["code/review", "hello"]
    said = [str(problem) for problem in library.read().problems]
    assert len(said) == 3
    assert any("latin.md:2: is not UTF-8 text" in line for line in said)
    assert any("typo.md:4: {{b}} is no variable" in line for line in said)
    assert any("big.md: is over 256 kB" in line for line in said)
    with pytest.raises(UsageError, match="is not UTF-8 text"):
        library.found("latin")


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes are POSIX's")
def test_links_loops_and_pipes(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "far.md").write_text("Far")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "code" / "back").symlink_to(folder)
    (folder / "self.md").symlink_to("self.md")
    os.mkfifo(folder / "pipe.md")
    library = Prompts(folder)
    assert names(library) == ["code/review", "hello", "linked/far"]
    said = " ".join(map(str, library.read().problems))
    assert "is a link that leads back" in said and "pipe.md: is no plain file" in said and "self.md: cannot" in said


def test_there_is_an_end_to_files_and_folders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "MOST_DEPTH", 0)
    shelf = Prompts(folder).read()
    assert [prompt.name for prompt in shelf.prompts] == ["hello"]
    assert "folders deep" in str(shelf.problems[0])
    monkeypatch.undo()
    monkeypatch.setattr(prompts, "MOST_FILES", 1)
    shelf = Prompts(folder).read()
    assert [prompt.name for prompt in shelf.prompts] == ["code/review"]
    assert "only 1 files are read" in str(shelf.problems[0])


def test_a_new_one_is_the_users_alone_and_nothing_is_lost(folder: Path) -> None:
    library = Prompts(folder)
    file = library.write("code/new-one", "Say {{what}}\n")
    assert library.found("code/new-one").title == "new-one"
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="already"):
        library.write("hello", "other")
    assert library.found("hello").body == "Hello {{name}}"
    library.write("hello", "other", replace=True)
    assert library.found("hello").body == "other"
    for name in ("", "../up", "/etc/x", "a//b", ".hidden", "a/.b", "x\ny", "con\\x"):
        with pytest.raises(UsageError, match="no name for a prompt"):
            library.write(name, "x")
    with pytest.raises(UsageError, match="nothing can be kept"):
        Prompts().write("x", "x")


def test_a_full_disk_leaves_the_old_prompt_and_nothing_beside_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hybridchat.paths.os.fsync", full)
    with pytest.raises(HybridchatError, match="No space left"):
        Prompts(folder).write("hello", "Bye", replace=True)
    assert (folder / "hello.md").read_text() == "Hello {{name}}"
    assert sorted(entry.name for entry in folder.iterdir()) == ["code", "hello.md"]
