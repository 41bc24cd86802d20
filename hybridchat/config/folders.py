"""Folders that pin what is written in them: those that the config lists, and those with a `.hybridchat.toml`.

What cannot be looked at pins as well, for nobody knows what it says. Folders are compared by what they are and not by
their names: links, `..` and capital letters lead nowhere else.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from hybridchat.domain.text import clean_line
from hybridchat.paths import without_waiting

FILE_NAME = ".hybridchat.toml"
MAX_BYTES = 1 << 16


class FolderPin(Struct, frozen=True):
    """`why` all that is written there stays on this device; "": it need not. `notices` are one line each."""

    why: str = ""
    notices: tuple[str, ...] = ()


def look(listed: Sequence[str], files: Sequence[Path] = ()) -> FolderPin:
    """Of where this process stands, and of where files are: by their names, and by what links there stand for. Blocks
    for a look at each parent; never raises."""
    notices: list[str] = []
    by_config = _Listed(listed, notices)
    why = by_config.why
    try:
        here = _where_i_stand()
    except OSError as error:
        return FolderPin(why or f"pinned: where you are cannot be known ({_reason(error)})", tuple(notices))
    for folder in _with_parents([*here, *(path.parent for file in files for path in _both(file.absolute()))]):
        why = why or by_config.why_pinned(folder) or _says(folder / FILE_NAME, notices)
        if why:
            break
    return FolderPin(why, tuple(notices))


def _where_i_stand() -> tuple[Path, ...]:
    """By its real name, and by the links that a shell came along, where they still lead here."""
    real, shells = Path.cwd(), Path(os.environ.get("PWD", ""))
    if shells.is_absolute():
        with suppress(OSError, ValueError):  # an old one: the shell has gone elsewhere since
            if shells.samefile(real):
                return real, shells
    return (real,)


def _with_parents(folders: Sequence[Path]) -> Iterator[Path]:
    """Each and all above it, the nearest first."""
    both = [path for folder in folders for path in _both(folder)]
    yield from dict.fromkeys(parent for path in both for parent in (path, *path.parents))


def _both(path: Path) -> tuple[Path, Path]:
    """As it is called, and what links in it mean."""
    return path, Path(os.path.realpath(path))


class _Listed:
    """The listed folders by what they are; by their names too, for some file systems count their files anew."""

    def __init__(self, listed: Sequence[str], notices: list[str]) -> None:
        """`why`: why everything is pinned, where one of them cannot be looked at."""
        self._texts: dict[Path | tuple[int, int], str] = {}
        self.why = ""
        for text in listed:
            name = clean_line(text)
            try:
                path = Path(text).expanduser()
                status = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                notices.append(f"privacy.local_only_folders: there is no folder {name} — correct it in config.toml")
            except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: nobody knows whose home ~name is
                self.why = f"pinned: {name} in privacy.local_only_folders cannot be looked at ({_reason(error)})"
            else:
                self._texts[status.st_dev, status.st_ino] = self._texts[Path(os.path.realpath(path))] = name

    def why_pinned(self, folder: Path) -> str:
        if not self._texts:
            return ""
        try:
            status = folder.stat()
        except OSError as error:
            return f"pinned: {clean_line(str(folder))} cannot be compared with the listed folders ({_reason(error)})"
        name = self._texts.get((status.st_dev, status.st_ino)) or self._texts.get(folder)
        return f"pinned by {name} in privacy.local_only_folders" if name else ""


def _says(file: Path, notices: list[str]) -> str:
    """Why that file pins, or ""; it may do nothing else."""
    name = clean_line(str(file))
    try:
        text = _read(file)
        if text is None:
            return ""
        said = tomllib.loads(text)
    except OSError as error:
        return _unreadable(name, _reason(error), notices)
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML
        return _unreadable(name, clean_line(str(error)), notices)
    if others := [clean_line(key, 40) for key in said if key != "local_only"]:
        notices.append(f"{name}: only local_only is read there; ignored: {clean_line(', '.join(others))}")
    match said.get("local_only"):
        case True:
            return f"pinned by {name}"
        case False:
            notices.append(f"{name}: local_only = false loosens nothing")
        case None:
            pass
        case _:
            return _unreadable(name, "local_only is neither true nor false", notices)
    return ""


def _unreadable(name: str, what: str, notices: list[str]) -> str:
    notices.append(f"{name} cannot be read ({what}), so what is written here stays on this device — mend or remove it")
    return f"pinned by {name}, which cannot be read"


def _read(file: Path) -> str | None:
    """None: it is not there. Raises OSError for what is no plain file, ValueError for what is no small text."""
    try:
        os.lstat(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with open(file, "rb", opener=without_waiting) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise ValueError("it is no plain file")
        data = opened.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES >> 10} kB")
    return data.decode("utf-8-sig")


def _reason(error: Exception) -> str:
    return clean_line(getattr(error, "strerror", None) or str(error))
