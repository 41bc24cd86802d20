"""What pictures cost in tokens, and which APIs take them, as far as their makers say so."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hybridchat.domain.attachments import AttachedFile, size_words
from hybridchat.domain.chat import Kind
from hybridchat.domain.media import Pixels

PIXELS_PER_TOKEN = 750  # Anthropic, "Vision": width × height ÷ 750, of the picture as it is scaled down
SCALED_TO = (1568, 1600)  # longest edge and tokens, at most; as the next, of the newer models
SCALED_TO_AT_MOST = (2576, 4784)

# For everybody else the rules differ from model to model. The dearest that is documented: OpenAI's gpt-4o-mini, with
# 2,833 and 5,667 for each of at most eight tiles; the cheapest: 85, a picture in low detail.
UNKNOWN_LOW, UNKNOWN, UNKNOWN_HIGH = 85, 1600, 2833 + 8 * 5667


class PictureTokens(NamedTuple):
    """Of one picture or more; `is_known` says whether they come from a rule of the API's."""

    tokens: int = 0
    low: int = 0
    high: int = 0
    is_known: bool = True

    def plus(self, other: PictureTokens) -> PictureTokens:
        sums = (self.tokens + other.tokens, self.low + other.low, self.high + other.high)
        return PictureTokens(*sums, self.is_known and other.is_known)


def tokens_of(kind: str, pictures: Iterable[Pixels]) -> PictureTokens:
    """For a backend of that kind. (0, 0): its size is not known, or it is a page of a document."""
    total = PictureTokens()
    for pixels in pictures:
        total = total.plus(_tokens_of_one(kind, pixels))
    return total


def _tokens_of_one(kind: str, pixels: Pixels) -> PictureTokens:
    if kind != Kind.ANTHROPIC or not all(pixels):
        return PictureTokens(UNKNOWN, UNKNOWN_LOW, UNKNOWN_HIGH, is_known=False)
    tokens, most = _scaled(pixels, *SCALED_TO), _scaled(pixels, *SCALED_TO_AT_MOST)
    return PictureTokens(tokens, tokens, most)


def _scaled(pixels: Pixels, edge: int, most_tokens: int) -> int:
    shrink = min(1.0, edge / max(pixels))
    return min(most_tokens, math.ceil(pixels[0] * pixels[1] * shrink**2 / PIXELS_PER_TOKEN))


class _Takes(NamedTuple):
    """What an API takes: of one picture, the most bytes and pixels on an edge."""

    formats: frozenset[str]
    has_documents: bool
    most_bytes: int | None = None
    most_pixels: int | None = None


_USUAL = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_OPENAI = _Takes(_USUAL, has_documents=True)
_LOCAL = _Takes(_USUAL, has_documents=False)
_KINDS: Mapping[str, _Takes] = {
    Kind.ANTHROPIC: _Takes(_USUAL, has_documents=True, most_bytes=5_000_000, most_pixels=8000),
    # a whole request has at most 20 MB, in base64
    Kind.GEMINI: _Takes(_USUAL - {"image/gif"}, has_documents=True, most_bytes=14_000_000),
    Kind.OPENAI: _OPENAI,
    Kind.OPENAI_COMPATIBLE: _OPENAI,  # whoever it is may take them
    Kind.OPENAI_RESPONSES: _OPENAI,
}


def why_not_taken(kind: str, model: str, sees: bool | None, file: AttachedFile) -> str:
    """Why the file cannot go to that model; "" where it can, or where nobody said."""
    takes = _KINDS.get(kind, _LOCAL)
    if file.is_text:
        return ""
    if not file.is_picture:
        return "" if takes.has_documents else f"{file.name} is a document without text, which {model} cannot read"
    if sees is False:
        return f"{model} cannot see pictures such as {file.name}"
    if file.media_type not in takes.formats:
        return f"{file.name} has a format that {kind} does not take"
    if takes.most_bytes is not None and file.size_bytes > takes.most_bytes:
        return f"{file.name} has {size_words(file.size_bytes)}, and {kind} takes {size_words(takes.most_bytes)}"
    if takes.most_pixels is not None and max(file.pixels) > takes.most_pixels:
        return f"{file.name} has {max(file.pixels):,} pixels on an edge, and {kind} takes {takes.most_pixels:,}"
    return ""
