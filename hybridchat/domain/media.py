"""What bytes are, by their content: names and their endings say what somebody wanted them to be."""

from __future__ import annotations

from collections.abc import Iterator

from hybridchat.domain.attachments import LATIN, TEXT

PNG, JPEG, GIF, WEBP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF"
_NOT_IN_LATIN = bytes({*range(0x20)} - {*b"\t\n\f\r\x1b"}) + b"\x7f\x81\x8d\x8f\x90\x9d"
_ACCENTED, _BLANKS = bytes(range(0x80, 0x100)), b" \t\r\n"
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # the JPEG markers that are followed by a size
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # those that are followed by nothing

Pixels = tuple[int, int]


def media_type_of(data: bytes) -> str:
    """By the first bytes, as far as it may be sent: a picture, a PDF document, a text; "" for other bytes."""
    if data.startswith(PNG):
        return "image/png"
    if data.startswith(JPEG):
        return "image/jpeg"
    if data.startswith(GIF):
        return "image/gif"
    if data.startswith(WEBP) and data[8:12] == b"WEBP":
        return "image/webp"
    if b"%PDF-" in data[:1024]:
        return "application/pdf"
    return text_type_of(data)


def text_type_of(data: bytes) -> str:
    """UTF-8, or UTF-16 with its mark, without NUL characters; or else LATIN, as far as that is likely; "" for none."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    try:
        return "" if "\0" in data.decode(encoding) else TEXT
    except UnicodeDecodeError:
        return LATIN if _may_be_latin(data) else ""


def _may_be_latin(data: bytes) -> bool:
    """Nobody says that a text is one: no bytes that it has no characters for, and fewer with accents than without.
    In Greek, Cyrillic or Asian encodings it is the other way round."""
    accented = len(data) - len(data.translate(None, _ACCENTED))
    is_mostly_plain = accented * 2 < len(data.translate(None, _BLANKS))
    return is_mostly_plain and len(data.translate(None, _NOT_IN_LATIN)) == len(data)


def pixels_of(data: bytes) -> Pixels | None:
    """Width and height of a picture, from its header; None where there is none."""
    width, height = 0, 0
    if data.startswith(PNG) and data[12:16] == b"IHDR":
        width, height = _big(data[16:20]), _big(data[20:24])
    elif data.startswith(GIF):
        width, height = _little(data[6:8]), _little(data[8:10])
    elif data.startswith(WEBP) and data[8:12] == b"WEBP":
        width, height = _of_webp(data)
    elif data.startswith(JPEG):
        width, height = next(_of_jpeg(data), (0, 0))
    return (width, height) if width and height else None


def _of_webp(data: bytes) -> Pixels:
    """Lossy, lossless and extended files each have their own header."""
    match data[12:16]:
        case b"VP8 ":
            return _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF
        case b"VP8L":
            bits = _little(data[21:25])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            return _little(data[24:27]) + 1, _little(data[27:30]) + 1
    return 0, 0


def _of_jpeg(data: bytes) -> Iterator[Pixels]:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _FRAMES:
            yield _big(data[at + 7 : at + 9]), _big(data[at + 5 : at + 7])
        at += 1 if marker == 0xFF else 2 if marker in _ALONE else 2 + max(2, _big(data[at + 2 : at + 4]))


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
