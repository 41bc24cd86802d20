"""Conversations to files that only the user can read: one, or all of them to a folder, a zip or one page."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Literal, TextIO

from hybridchat.domain.chat import Conversation, Message
from hybridchat.domain.compare import veiled
from hybridchat.errors import UsageError
from hybridchat.export.conversation import FORMATS, Along
from hybridchat.export.html import write_html
from hybridchat.ledger.store import Ledger

ALL = 10_000_000
MAX_CONTENT_BYTES = 64_000_000  # of one conversation; a third more in base64
MAX_NAME = 60  # characters of a title in the name of a file

OnProgress = Callable[[float], None]
Open = Callable[[str], AbstractContextManager[TextIO]]


class Exporter:
    """Blocks: for a thread of its own."""

    def __init__(self, ledger: Ledger, *, branches: bool = False) -> None:
        """`branches`: all of them, not only the one that is shown."""
        self._ledger = ledger
        self._branches = branches

    def one(self, conversation: Conversation, form: str, stream: TextIO) -> None:
        """As the ledger has it: one that was begun in this session does not know its own origin."""
        kept = self._ledger.conversation(conversation.id).result() or conversation
        messages = self._messages(kept, form)
        FORMATS[form].write(kept, messages, stream, self._along(kept, messages, form))

    def all(self, form: str, to: Path, on_progress: OnProgress = lambda share: None) -> int:
        """How many: to that page (.html, with that format), zip, or folder of files. Raises UsageError for a place that
        cannot be written."""
        conversations = self._ledger.conversations(ALL).result()
        try:
            if form == "html" and to.suffix.lower() == ".html":
                with _private(to) as stream:
                    told = self._told(conversations, form, on_progress)
                    write_html(told, [one.title for one in conversations], stream)
            else:
                with _zip(to) if to.suffix.lower() == ".zip" else _folder(to) as open_file:
                    for conversation, messages in self._told(conversations, form, on_progress):
                        with open_file(file_name(conversation, form)) as stream:
                            along = self._along(conversation, messages, form)
                            FORMATS[form].write(conversation, messages, stream, along)
        except OSError as error:
            raise UsageError(f"cannot write {to}: {error.strerror or error}", "name another place") from None
        return len(conversations)

    def _messages(self, conversation: Conversation, form: str) -> list[Message]:
        """What people read does not tell the sides of a blind comparison before the vote."""
        read = self._ledger.tree if self._branches else self._ledger.branch
        messages = read(conversation.id).result()
        return messages if FORMATS[form].is_whole else without_names(self._ledger, conversation.id, messages)

    def _along(self, conversation: Conversation, messages: list[Message], form: str) -> Along:
        if not FORMATS[form].is_whole:
            return Along()
        return Along(self._contents(messages), self._ledger.comparisons(conversation.id).result())

    def _contents(self, messages: list[Message]) -> dict[str, bytes]:
        """Of attachments, oldest first, as many as a reader takes at once; the others are named without theirs."""
        digests: set[str] = set()
        left_bytes = MAX_CONTENT_BYTES
        for file in (file for message in messages for file in message.attachments if file.digest not in digests):
            left_bytes -= file.size_bytes
            if left_bytes < 0:
                break
            digests.add(file.digest)
        return self._ledger.contents(digests).result() if digests else {}

    def _told(
        self, conversations: list[Conversation], form: str, on_progress: OnProgress
    ) -> Iterator[tuple[Conversation, list[Message]]]:
        for done, conversation in enumerate(conversations, 1):
            yield conversation, self._messages(conversation, form)
            on_progress(done / len(conversations))


def without_names(ledger: Ledger, conversation_id: int, messages: list[Message]) -> list[Message]:
    """Blocks. Those that are sides of a blind comparison by their words alone, until there is a vote."""
    hidden = ledger.hidden(conversation_id).result()
    return [veiled(message) if message.id in hidden else message for message in messages]


def form_of(file: Path) -> str:
    """Raises UsageError for an ending that says none."""
    for form, one in FORMATS.items():
        if file.suffix.casefold() == one.suffix:
            return form
    endings = ", ".join(one.suffix for one in FORMATS.values())
    raise UsageError("no file was named whose ending says the format", f"one of: {endings}")


def file_name(conversation: Conversation, form: str) -> str:
    """`00012-why-is-the-sky-blue.md`: no title can lead anywhere."""
    words = re.sub(r"\W+", "-", conversation.title.casefold())[:MAX_NAME].strip("-")
    return f"{conversation.id:05}{'-' if words else ''}{words}{FORMATS[form].suffix}"


def write_new(path: Path, write: Callable[[TextIO], None]) -> None:
    """Raises UsageError for a file that is there already, or cannot be written."""
    try:
        with _private(path, "x") as stream:
            write(stream)
    except FileExistsError:
        raise UsageError(f"there is a file {path} already", "give another name") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}", "give another name") from None


def _private(path: Path, mode: Literal["w", "x"] = "w") -> TextIO:
    return open(path, mode, encoding="utf-8", newline="", opener=partial(os.open, mode=0o600))


@contextmanager
def _folder(path: Path) -> Iterator[Open]:
    path.mkdir(mode=0o700, exist_ok=True)
    yield lambda name: _private(path / name)


@contextmanager
def _zip(path: Path) -> Iterator[Open]:
    with (
        open(path, "wb", opener=partial(os.open, mode=0o600)) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        yield lambda name: io.TextIOWrapper(archive.open(name, "w"), encoding="utf-8", newline="")
