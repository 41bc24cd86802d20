"""Looking for words in files as nobody's code of ours would: byte by byte, in every encoding that could hold them."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

NOT_OURS = (sys.prefix, sys.base_prefix, "/usr/", "/lib", "/dev/", "/proc/", "/sys/")


def spellings(word: str) -> set[bytes]:
    escaped = json.dumps(word)[1:-1]
    return {text.encode(code) for text in (word, escaped) for code in ("utf-8", "utf-16-le", "utf-16-be")}


def traces(folders: Iterable[Path], *words: str) -> set[str]:
    """`file: word` for each word that a file below the folders holds, in any case."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {f"{path.name}: {word}" for path in files for word in words if holds(path, word)}


def holds(path: Path, word: str) -> bool:
    content = path.read_bytes().lower()
    return any(spelling.lower() in content for spelling in spellings(word))


def open_files(pid: int) -> Iterator[Path]:
    """Regular files that a process has open or mapped, unlinked ones too; without programs and libraries."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if stat.S_ISREG(link.stat().st_mode) and not str(link.readlink()).startswith(NOT_OURS):
                yield link
        except FileNotFoundError:  # closed meanwhile
            continue
    mapped = {line.split(maxsplit=5)[-1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if "/" in line}
    yield from (Path(name) for name in mapped if not name.startswith(NOT_OURS) and Path(name).is_file())
