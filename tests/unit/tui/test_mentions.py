"""What is meant by an @ and by a pasted path."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.tui.mentions import Mention, as_mark, dropped_path, mention_in, ranked


@pytest.mark.parametrize(
    ("line", "mention"),
    [
        ("@", Mention(0, "")),
        ("see @src/ma", Mention(4, "src/ma")),
        ('see @"my fi', Mention(4, "my fi")),
        ("me@example", None),
        ("see @done and", None),
        ("(@x", None),
        ("", None),
    ],
)
def test_what_stands_before_the_cursor(line: str, mention: Mention | None) -> None:
    assert mention_in(line) == mention


@pytest.mark.parametrize(
    ("typed", "base", "query", "hidden"),
    [
        ("src/ma", "", "src/ma", False),
        ("./src/ma", "./src/", "ma", False),
        ("../x", "../", "x", False),
        ("~/no", "~/", "no", False),
        ("/etc/ho", "/etc/", "ho", False),
        (".git", "", ".git", True),
        ("~/.con", "~/", ".con", True),
    ],
)
def test_a_path_is_looked_for_in_its_folder(typed: str, base: str, query: str, hidden: bool) -> None:
    mention = Mention(0, typed)
    assert (mention.base, mention.query, mention.wants_hidden) == (base, query, hidden)


def test_names_that_begin_so_come_first() -> None:
    names = ("docs/a/main.md", "src/main.py", "src/domain.py", "src/m/a/i.n", "other")
    found = ranked(names, "main")
    assert [name for name, _ in found][:2] in (["src/main.py", "docs/a/main.md"], ["docs/a/main.md", "src/main.py"])
    assert {name for name, _ in found} == set(names[:4])
    assert dict(ranked(names, "other"))["other"] == (0, 1, 2, 3, 4)
    assert [name for name, _ in ranked(names, "")] == list(names)


def test_a_mark_can_be_read_again() -> None:
    assert (as_mark("a.py"), as_mark("my file.py")) == ("@a.py", '@"my file.py"')


@pytest.mark.parametrize(
    ("pasted", "path"),
    [
        ("/tmp/a.png", "/tmp/a.png"),
        ("'/tmp/my a.png'", "/tmp/my a.png"),
        ("/tmp/my\\ a.png", "/tmp/my a.png"),
        ("file:///tmp/my%20a.png\n", "/tmp/my a.png"),
        ("file://elsewhere/a.png", None),
        ("words", None),
        ("/tmp/a\n/tmp/b", None),
        ("", None),
    ],
)
def test_a_dropped_file_is_its_path(pasted: str, path: str | None) -> None:
    assert dropped_path(pasted) == (None if path is None else Path(path))
