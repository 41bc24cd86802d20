"""A file as an attachment, by what is in it and not by its name."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from hybridchat.attaching.documents import text_of_pdf
from hybridchat.domain.attachments import PDF, Attachment, size_words
from hybridchat.domain.media import media_type_of, pixels_of
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError
from hybridchat.paths import without_waiting

MAX_FILE_BYTES = 20_000_000
"""No API takes more in one request, and no context window holds as much text."""


def read_file(path: Path, name: str = "", *, may_wait: bool = False) -> Attachment:
    """A picture as it is, a PDF document as its text where it has one, any other text. With `may_wait`, also of a pipe,
    to its end. Raises UsageError for what cannot be read, is too large or none of these."""
    data = _data(path, may_wait=may_wait)
    shown, name = clean_line(str(path), 120), name or path.name
    if not data:
        raise UsageError(f"{shown} is empty", "attach a file with something in it")
    match media_type_of(data):
        case "":
            raise UsageError(f"{shown} is no text, picture or PDF document", "save it as one of these; text as UTF-8")
        case media_type if media_type == PDF:
            attachment = _document(data, name, shown)
        case media_type:
            if media_type.startswith("image/") and pixels_of(data) is None:
                raise UsageError(f"{shown} is a picture that is damaged or cut off", "save it again")
            attachment = Attachment(name, media_type, data)
    return attachment.counted()


def _document(data: bytes, name: str, shown: str) -> Attachment:
    """Its text is what every model reads, what is looked through before it leaves, and what can be counted. A scan has
    none: it goes as it is, to those that read documents themselves."""
    document = text_of_pdf(data, shown)
    if document.text.strip():
        return Attachment(name, "text/plain", document.text.encode(errors="replace"), document.pages)
    return Attachment(name, PDF, data, document.pages)


def _data(path: Path, *, may_wait: bool) -> bytes:
    shown = clean_line(str(path), 120)
    try:
        with open(path, "rb", opener=None if may_wait else without_waiting) as file:
            status = os.fstat(file.fileno())
            if not (stat.S_ISREG(status.st_mode) or may_wait):
                raise UsageError(f"{shown} is no ordinary file", "copy what comes out of it to one")
            if status.st_size > MAX_FILE_BYTES:
                raise _too_large(shown, status.st_size)
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}", "check the name and its permissions") from None
    except ValueError:  # a NUL character
        raise UsageError(f"{shown} is no name of a file", "check the name") from None
    if len(data) > MAX_FILE_BYTES:
        raise _too_large(shown, len(data))
    return data


def _too_large(shown: str, size_bytes: int) -> UsageError:
    most = size_words(MAX_FILE_BYTES)
    return UsageError(f"{shown} has {size_words(size_bytes)}", f"at most {most} can be attached: give a part of it")
