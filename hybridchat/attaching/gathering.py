"""A folder's texts, as far as there is room for them in one message."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from hybridchat.attaching.walking import list_below
from hybridchat.domain.attachments import Attachment
from hybridchat.domain.media import text_type_of
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError

MOST_FILES = 100
MOST_BYTES = 1_000_000  # together; one that does not fit is left out


class Gathered(Struct, frozen=True):
    """`left_out`: how many files were none, could not be read, or had no room."""

    attachments: tuple[Attachment, ...]
    left_out: int


def gather(folder: Path, name: str) -> Gathered:
    """Nearest first. Raises UsageError where there is no text."""
    found: list[Attachment] = []
    left_bytes, left_out = MOST_BYTES, 0
    for below in (one for one in list_below(folder).names if not one.endswith("/")):
        attachment = _text(folder / below, f"{name.rstrip('/')}/{below}", left_bytes if len(found) < MOST_FILES else 0)
        if attachment is None:
            left_out += 1
        else:
            left_bytes -= len(attachment.data)
            found.append(attachment)
    if not found:
        raise UsageError(f"there is no text in {clean_line(str(folder), 120)}", "name a file")
    return Gathered(tuple(found), left_out)


def _text(path: Path, name: str, most_bytes: int) -> Attachment | None:
    """None for what is none, or larger."""
    try:
        if not path.is_file() or not 0 < path.stat().st_size <= most_bytes:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    media_type = text_type_of(data)
    if len(data) > most_bytes or not media_type:
        return None
    return Attachment(name, media_type, data).counted()
