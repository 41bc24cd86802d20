"""The draft in the user's own editor: a private file while it is open, gone afterwards, kept where something breaks."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from msgspec import Struct

from hybridchat.domain.text import clean
from hybridchat.errors import UsageError

MOST_BYTES = 10 << 20
AT_ONCE_S = 1.0  # an editor that ends sooner, with nothing changed, may have opened a window
_IN_MEMORY = Path("/dev/shm")
_USUAL = ("notepad",) if sys.platform == "win32" else ("nano", "vim", "vi")


class Edited(Struct, frozen=True):
    """`text`: None where the draft stays as it is. `note`: what the user should hear. `is_open`: it may still be so, in
    a window of its own; then the file is there, and `Editing.read` reads it once more."""

    text: str | None
    note: str = ""
    is_open: bool = False


def editor_command() -> list[str]:
    """$VISUAL, $EDITOR, or what is usual here. Raises UsageError."""
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        command = shlex.split(named, posix=sys.platform != "win32")
    except ValueError:
        raise UsageError(f"$VISUAL or $EDITOR is no command: {named}", "close its quotation marks") from None
    if not command:
        command = [name for name in _USUAL if shutil.which(name)][:1]
    if not command:
        raise UsageError("no editor is named", "set $VISUAL or $EDITOR")
    return command


class Editing:
    """One time. What blocks is quick: a small file."""

    def __init__(self, draft: str, *, keep_in_memory: bool = False) -> None:
        """`keep_in_memory`: where this system has a place for files there. Raises UsageError where none can be made."""
        self._draft = draft
        in_memory = keep_in_memory and os.access(_IN_MEMORY, os.W_OK)
        self.is_on_disk = not in_memory
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="hybridchat-", dir=_IN_MEMORY if in_memory else None))
            self.file = self._folder / "draft.md"
            with os.fdopen(os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(draft.encode("utf-8", "replace"))
        except OSError as error:
            raise UsageError(f"no file can be made for the editor: {error.strerror}", "make room") from error
        self._written = draft.encode("utf-8", "replace")

    async def run(self, command: list[str], secret: Collection[str]) -> Edited:
        """With this terminal, and without the `secret` variables. Raises UsageError where it cannot begin."""
        environment = {name: value for name, value in os.environ.items() if name not in secret}
        began = time.monotonic()
        try:
            process = await asyncio.create_subprocess_exec(*command, str(self.file), env=environment)
        except OSError as error:
            self.discard()
            raise UsageError(f"{command[0]} cannot be run: {error.strerror}", "set $VISUAL or $EDITOR") from error
        code = await process.wait()
        if code:
            return self._failed(f"{command[0]} ended with code {code}")
        if time.monotonic() - began < AT_ONCE_S and self._bytes() == self._written:
            return Edited(None, is_open=True)
        return self.read()

    def read(self) -> Edited:
        """What is in the file now; then that is gone, unless something could not be read."""
        data = self._bytes()
        if data is None:
            return self._failed("the editor left no file")
        if len(data) > MOST_BYTES:
            return Edited(None, f"over {MOST_BYTES >> 20} MB are no draft: they are kept in {self.file}")
        text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
        if text.endswith("\n") and not self._draft.endswith("\n"):
            text = text[:-1]  # the editor's, at the end of a file
        if "\N{REPLACEMENT CHARACTER}" in text and not _is_utf8(data):
            return Edited(clean(text), f"not all of it was UTF-8: it is kept as it was in {self.file}")
        self.discard()
        return Edited(clean(text))

    def discard(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _failed(self, why: str) -> Edited:
        if self._bytes() in (None, self._written):
            self.discard()
            return Edited(None, f"{why}: the draft is as it was")
        return Edited(None, f"{why}: the draft is as it was, and what was written is kept in {self.file}")

    def _bytes(self) -> bytes | None:
        try:
            with self.file.open("rb") as file:
                return file.read(MOST_BYTES + 1)
        except OSError:
            return None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
