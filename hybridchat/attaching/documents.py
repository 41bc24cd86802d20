"""The text of PDF documents, read by pypdf in a process of its own."""

from __future__ import annotations

import sys

import msgspec
from msgspec import Struct

from hybridchat.attaching import child
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError

MAX_PAGES = 2_000
MAX_CHARACTERS = 4_000_000
_MEMORY_BYTES = 1 << 30


class Document(Struct, frozen=True):
    """Its pages, and their text with a line before each that names it; "" where there is none, as in a scan."""

    pages: int
    text: str


def text_of_pdf(data: bytes, shown: str) -> Document:
    """Raises UsageError for one that is damaged, locked, or too much."""
    told = child.run("hybridchat.attaching.documents", (), data, shown)
    try:
        return msgspec.json.decode(told, type=Document)
    except msgspec.MsgspecError:
        raise UsageError(f"{shown} cannot be read", "save it anew, or attach its text") from None


def _read(data: bytes) -> Document:
    """Raises ValueError with why not."""
    import io
    import logging

    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.disable()
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("it is locked with a password")
        pages = len(reader.pages)
        if pages > MAX_PAGES:
            raise ValueError(f"it has {pages:,} pages, and at most {MAX_PAGES:,} are read")
        texts: list[str] = []
        characters = 0
        for number, page in enumerate(reader.pages, 1):
            if text := page.extract_text().strip():
                texts.append(f"[page {number}]\n{text}")
            characters += len(text)
            if characters > MAX_CHARACTERS:
                raise ValueError(f"it has over {MAX_CHARACTERS:,} characters")
    except (PyPdfError, MemoryError, RecursionError) as error:
        raise ValueError(clean_line(str(error) or type(error).__name__, 160)) from None
    return Document(pages, "\n\n".join(texts))


def _main() -> None:
    """One line on standard error and exit code 1 where it cannot be read."""
    child.limit(_MEMORY_BYTES, int(child.MOST_S))
    try:
        document = _read(sys.stdin.buffer.read())
    except Exception as error:  # noqa: BLE001 - whatever a hostile document makes the reader raise
        sys.stderr.write(f"{error}\n" if isinstance(error, ValueError) else f"{type(error).__name__}\n")
        raise SystemExit(1) from None
    child.answer(msgspec.json.encode(document))


if __name__ == "__main__":
    _main()
