"""What the user said about backends on this machine, by backend, in a file that nobody else can write.

Not rows of the ledger: that is copied to other machines, where such a word means nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import msgspec

from hybridchat.errors import HybridchatError
from hybridchat.paths import replace_file

T = TypeVar("T")


class OwnFile(Generic[T]):
    """`by_id` is as it was last read: other windows write as well. Without a `file` it lasts as long as the program.

    A file that cannot be read, or that others could have written, is none: then the user is asked again.
    """

    REMEDY: ClassVar = "check its folder"

    def __init__(self, shape: type[T], file: Path | None = None) -> None:
        self._shape = shape
        self._file = file
        self._seen: tuple[int, int] | None = None  # the file's time and size
        self.by_id: dict[str, T] = {}

    def read(self) -> None:
        """Reads the file where it has changed."""
        if self._file is None:
            return
        try:
            found = self._file.lstat()
            if (found.st_mtime_ns, found.st_size) != self._seen:
                self.by_id = self._decode(self._file.read_bytes()) if _is_own(found) else {}
                self._seen = found.st_mtime_ns, found.st_size
        except OSError:
            self._seen, self.by_id = None, {}

    def end(self, backend: str) -> bool:
        """Whether there was one. Raises HybridchatError when the file cannot be written."""
        self.read()
        if backend not in self.by_id:
            return False
        self._write({name: value for name, value in self.by_id.items() if name != backend})
        return True

    def _keep(self, backend: str, value: T) -> None:
        """Raises HybridchatError when it cannot be kept; then it does not hold."""
        self.read()
        self._write({**self.by_id, backend: value})

    def _write(self, by_id: Mapping[str, T]) -> None:
        try:
            if self._file is not None:
                replace_file(self._file, msgspec.json.format(msgspec.json.encode(by_id)) + b"\n")
        except OSError as error:
            why = error.strerror or error
            raise HybridchatError(f"{self._file} cannot be written: {why}", self.REMEDY) from error
        self.by_id = dict(by_id)

    def _decode(self, content: bytes) -> dict[str, T]:
        try:
            return msgspec.json.decode(content, type=dict[str, self._shape])  # type: ignore[name-defined]
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return {}


def _is_own(found: os.stat_result) -> bool:
    """A plain file of this user's that nobody else can write."""
    if os.name != "posix":
        return stat.S_ISREG(found.st_mode)
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
