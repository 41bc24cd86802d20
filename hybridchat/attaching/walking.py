"""The files below a folder as one who works there sees them: without hidden ones and what ignore files name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hybridchat.domain.files import Listing

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MOST_FILES = 20_000
MOST_FOLDERS = 4_000
_IGNORE_FILES = (".gitignore", ".ignore")


class _Rules(NamedTuple):
    """Of one ignore file. Its folder is below the one that is walked, or above: `above` leads from it to that. Both
    are "" or end with a /."""

    below: str
    above: str
    spec: GitIgnoreSpec


def list_below(folder: Path, *, with_hidden: bool = False) -> Listing:
    """Nearest first. Links to folders are named and not followed: none leads round in a circle."""
    names: list[str] = []
    waiting: list[tuple[str, tuple[_Rules, ...]]] = [("", _rules_above(folder))]
    seen_folders = 0
    while waiting:
        below, rules = waiting.pop(0)
        seen_folders += 1
        if len(names) >= MOST_FILES or seen_folders > MOST_FOLDERS:
            return Listing(tuple(names[:MOST_FILES]), is_whole=False)
        rules = (*rules, *_rules_in(folder / below, below, ""))
        for entry in _entries(folder / below):
            name = f"{below}{entry.name}"
            is_folder = _is_folder(entry)
            if entry.name == ".git" or (entry.name.startswith(".") and not with_hidden):
                continue
            if _is_ignored(f"{name}/" if is_folder else name, rules):
                continue
            names.append(f"{name}/" if is_folder else name)
            if is_folder and not entry.is_symlink():
                waiting.append((f"{name}/", rules))
    return Listing(tuple(names))


def list_in(folder: Path, *, with_hidden: bool = False) -> Listing:
    """What is in that one folder, whatever ignore files say: somebody typed its name. Nothing where it is none."""
    entries = (entry for entry in _entries(folder) if with_hidden or not entry.name.startswith("."))
    return Listing(tuple(f"{entry.name}/" if _is_folder(entry) else entry.name for entry in entries))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            yield from sorted(found, key=lambda entry: entry.name)
    except (OSError, ValueError):  # another's, or gone
        return


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_ignored(name: str, rules: tuple[_Rules, ...]) -> bool:
    """The nearest ignore file that says something about it decides."""
    for one in reversed(rules):
        said = one.spec.check_file(one.above + name.removeprefix(one.below)).include
        if said is not None:
            return said
    return False


def _rules_above(folder: Path) -> tuple[_Rules, ...]:
    """Of the folders from the top of its repository, or else from where one works, down to this one."""
    here, work = folder.resolve(), Path.cwd()
    found: list[_Rules] = []
    at_work: list[_Rules] = []
    for parent in (here, *here.parents):
        if parent != here:
            found = [*_rules_in(parent, "", f"{here.relative_to(parent).as_posix()}/"), *found]
        at_work = at_work or (found if parent == work else [])
        if (parent / ".git").exists():
            return tuple(found)
    return tuple(at_work)


def _rules_in(folder: Path, below: str, above: str) -> Iterator[_Rules]:
    for name in _IGNORE_FILES:
        try:
            lines = (folder / name).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        from pathspec import GitIgnoreSpec

        yield _Rules(below, above, GitIgnoreSpec.from_lines(lines))
