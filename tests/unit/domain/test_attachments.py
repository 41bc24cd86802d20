"""What of an attachment is text, and so looked through before it leaves."""

from __future__ import annotations

import codecs

import pytest

from hybridchat.domain.attachments import Attachment


@pytest.mark.parametrize(
    ("media_type", "data", "text"),
    [
        ("text/plain", "naïve".encode(), "naïve"),
        ("Text/Markdown; charset=utf-8", b"# a", "# a"),
        ("text/csv", codecs.BOM_UTF8 + b"1,2", "1,2"),
        ("text/plain", "mail".encode("utf-16"), "mail"),
        ("text/plain", codecs.BOM_UTF16_BE + "mail".encode("utf-16-be"), "mail"),
        ("text/plain", b"\xff", "\N{REPLACEMENT CHARACTER}"),
        ("application/json", b"{}", "{}"),
        ("image/svg+xml", b"<svg/>", "<svg/>"),
        ("text/plain", "mail".encode("utf-16-le"), None),  # whoever reads it otherwise may read more than we do
        ("image/png", b"\x89PNG", None),
        ("application/pdf", b"%PDF", None),
        ("", b"a", None),
    ],
)
def test_what_is_text_is_looked_through(media_type: str, data: bytes, text: str | None) -> None:
    assert Attachment("a", media_type, data).text == text
