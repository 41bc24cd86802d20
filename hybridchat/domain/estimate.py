"""How many tokens a text may be before anyone has counted: by its characters, then by what the model really took."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct

from hybridchat.domain.stats import percentile

if TYPE_CHECKING:
    from hybridchat.domain.attachments import AttachedFile

LATIN = 0.25  # tokens per character: about 4 characters a token (OpenAI's help pages)
PER_MESSAGE = 4  # roles and separators of a chat template
PER_PICTURE = 1600  # of a megapixel, as Anthropic counts it: for comparing with a context window of whoever

MIN_HISTORY = 5  # attempts of a model, before its own ratio says more than the average of all
UNLEARNED_LOW, UNLEARNED_HIGH = 0.7, 1.6  # around the plain count, where the model has no history


class Size(Struct, frozen=True):
    """Of a prompt: characters, tokens as counted by them alone, and the pictures beside them."""

    characters: int = 0
    tokens: float = 0.0
    pictures: tuple[tuple[int, int], ...] = ()  # width and height

    def __add__(self, other: Size) -> Size:
        pictures = self.pictures + other.pictures
        return Size(self.characters + other.characters, self.tokens + other.tokens, pictures)

    @property
    def tokens_anywhere(self) -> float:
        """With the pictures, for a model of which nothing is known."""
        return self.tokens + PER_PICTURE * len(self.pictures)


class Spread(Struct, frozen=True):
    """Of `n` values: a tenth lies below `low`, a tenth above `high`."""

    n: int = 0
    low: float = 0.0
    middle: float = 0.0
    high: float = 0.0


class History(Struct, frozen=True):
    """What a model's newest attempts really took: tokens of prompt and reply ÷ those counted by characters, and the
    replies' tokens."""

    prompt_ratio: Spread = Spread()
    reply_ratio: Spread = Spread()
    reply_tokens: Spread = Spread()


class TokenEstimate(Struct, frozen=True):
    """Tokens, and between what they may well lie; `n` past attempts of the model say so (0: none)."""

    tokens: int
    low: int
    high: int
    n: int = 0


@cache  # compiling them takes a millisecond, which a start has not
def _scripts() -> tuple[tuple[re.Pattern[str], float], ...]:
    """Tokens per character of the others: between what OpenAI published for one sentence with GPT-4's and with GPT-4o's
    vocabulary (Chinese 34 and 24 tokens, Japanese 37 and 26, Korean 45 and 27, Russian 39 and 23, Arabic 53 and 26,
    Hindi 90 and 31). What a model itself does corrects them."""
    return (
        (re.compile("[\u0370-\u058f]+"), 0.4),  # Greek, Cyrillic, Armenian
        (re.compile("[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef]+"), 0.8),
        (re.compile("[\u0590-\u10ff\u1200-\u1dff\ua000-\ua95f\ua980-\uabff]+"), 0.6),  # Arabic, Indic, Thai and others
        (re.compile("[\U00010000-\U0010ffff]+"), 1.5),  # emoji, rare characters
    )


def size_of(text: str) -> Size:
    """Of the text of one message, without the message around it."""
    if text.isascii():
        return Size(len(text), len(text) * LATIN)
    tokens, rest = 0.0, len(text)
    for characters, per_character in _scripts():
        found = sum(map(len, characters.findall(text)))
        tokens, rest = tokens + found * per_character, rest - found
    return Size(len(text), tokens + rest * LATIN)


def message_size(text: str, files: Sequence[AttachedFile] = ()) -> Size:
    """With the message around it. A page of a document without text is a picture of unknown size."""
    size = size_of(text) + Size(0, PER_MESSAGE)
    for file in files:
        if file.is_text:
            size += Size(file.text_characters or 0, file.text_tokens or 0.0)
        else:
            size += Size(pictures=(file.pixels,) * max(1, file.pages or 1))
    return size


def spread_of(values: Sequence[float]) -> Spread:
    """Nothing for too few values."""
    if len(values) < MIN_HISTORY:
        return Spread()
    ordered = sorted(values)
    low, middle, high = (percentile(ordered, q) or 0.0 for q in (0.1, 0.5, 0.9))
    return Spread(len(ordered), low, middle, high)


def estimate(counted: float, ratio: Spread) -> TokenEstimate:
    """Tokens counted by characters, corrected by what the model did with such counts before."""
    if not ratio.n:
        return TokenEstimate(_whole(counted), int(counted * UNLEARNED_LOW), _whole(counted * UNLEARNED_HIGH))
    return TokenEstimate(
        _whole(counted * ratio.middle), int(counted * ratio.low), _whole(counted * ratio.high), ratio.n
    )


def _whole(tokens: float) -> int:
    return -int(-tokens // 1)
