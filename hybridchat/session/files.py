"""A text to a file that the user names: whole or not at all, never over another one unasked."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hybridchat.errors import UsageError


class Taken(UsageError):
    """There is a file of that name."""


def path_of(typed: str) -> Path:
    """As a shell would read it."""
    try:
        return Path(typed.strip()).expanduser()
    except RuntimeError:  # nobody knows whose home ~name is
        return Path(typed.strip())


def save_text(path: Path, text: str, *, may_replace: bool = False) -> None:
    """Blocks. A new file's mode is by the umask; a replaced one keeps its mode, and a link stays one.

    Raises Taken for a file that is there already, unless it `may_replace` that; UsageError where it cannot be written.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.is_dir():
            raise UsageError(f"{path} is a folder", "name a file in it")
        if target.exists() and not target.is_file():
            raise UsageError(f"{path} is no ordinary file", "give another name")
        if target.exists() and not may_replace:
            raise Taken(f"there is a file {path} already", "give another name")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name[:40]}-") as folder:
            written = Path(folder, target.name)
            with written.open("x", encoding="utf-8", errors="replace", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if may_replace:
                if target.exists():
                    shutil.copymode(target, written)
                written.replace(target)
            else:
                _move_to_new(written, target)
    except FileExistsError:
        raise Taken(f"there is a file {path} already", "give another name") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}", "give another name") from None


def _move_to_new(written: Path, target: Path) -> None:
    """A link is refused where a file has come meanwhile; some file systems have no links."""
    try:
        os.link(written, target)
    except FileExistsError:
        raise
    except OSError:
        if target.exists():
            raise FileExistsError from None
        written.replace(target)
