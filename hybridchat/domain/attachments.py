"""What goes along with a message: texts, pictures and documents, and what is known of one without its content."""

from __future__ import annotations

import codecs
from functools import cached_property

from msgspec import Struct

from hybridchat.domain.estimate import size_of
from hybridchat.domain.text import clean_line, count_of

PDF, TEXT = "application/pdf", "text/plain"
LATIN = "text/plain; charset=windows-1252"  # Latin-1 with some quotes and dashes, as browsers read it
_TEXTUAL = ("json", "xml", "yaml", "toml")  # after a / or a +: image/svg+xml is one of them
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_FORMATS = {
    LATIN: "read as Latin-1",
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WebP",
    PDF: "PDF",
}


class AttachedFile(Struct, frozen=True, omit_defaults=True):
    """An attachment without its content. `digest` is the content's SHA-256 in hex; `text_tokens` are counted by
    characters, None for what is no text."""

    digest: str
    name: str
    media_type: str
    size_bytes: int
    text_characters: int | None = None
    text_tokens: float | None = None
    width: int | None = None  # pixels
    height: int | None = None
    pages: int | None = None  # of the PDF document that this is, or that its text was read from

    @property
    def is_text(self) -> bool:
        return self.text_characters is not None

    @property
    def is_picture(self) -> bool:
        return not self.is_text and self.media_type.startswith("image/")

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height; (0, 0) where they are not known."""
        return (self.width or 0, self.height or 0)

    def __str__(self) -> str:
        """`photo.png · PNG, 800 × 600 · 120 KB`; inert."""
        form = _FORMATS.get(self.media_type, "" if self.is_text else clean_line(self.media_type, 40))
        seen = f"{self.width} × {self.height}" if self.width and self.height else ""
        pages = "" if self.pages is None else count_of(self.pages, "page")
        what = ", ".join(filter(None, (form, seen, f"text of {pages}" if self.is_text and pages else pages)))
        return " · ".join(filter(None, (clean_line(self.name, 60), what, size_words(self.size_bytes))))


def size_words(size_bytes: int) -> str:
    """`120 KB`, in thousands as file managers count."""
    for unit, whole in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if size_bytes >= whole:
            return f"{size_bytes / whole:.{0 if size_bytes >= 10 * whole else 1}f} {unit}"
    return count_of(size_bytes, "byte")


class Attachment(Struct, frozen=True, dict=True):
    """With its content: `media_type` such as image/png, application/pdf or text/plain. The text of a PDF document is
    a text, with the document's `pages`."""

    name: str
    media_type: str
    data: bytes
    pages: int | None = None

    @cached_property
    def text(self) -> str | None:
        """Of a document that is text, as models read it; None for pictures, PDF documents and other bytes."""
        family, _, kind = self.media_type.partition(";")[0].strip().lower().partition("/")
        if not (kind and (family == "text" or kind.rpartition("+")[2] in _TEXTUAL)):
            return None
        unmarked = "cp1252" if self.media_type == LATIN else "utf-8"
        encoding = next((name for mark, name in _BYTE_ORDER_MARKS if self.data.startswith(mark)), unmarked)
        text = self.data.decode(encoding, "replace")
        return None if "\0" in text else text

    def counted(self) -> Attachment:
        """Itself, once its `file` is known: in a thread, so that nobody who looks at it later waits."""
        _ = self.file
        return self

    @cached_property
    def file(self) -> AttachedFile:
        """Hashes and counts all of it, once."""
        from hashlib import sha256

        from hybridchat.domain.media import pixels_of  # not on the way to the first screen

        size = size_of(self.text) if self.text is not None else None
        width, height = pixels_of(self.data) or (None, None)
        return AttachedFile(
            sha256(self.data).hexdigest(),
            self.name,
            self.media_type,
            len(self.data),
            size.characters if size else None,
            size.tokens if size else None,
            width,
            height,
            self.pages,
        )
