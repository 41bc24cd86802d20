"""What is looked for in a conversation, and where it is in a text. Pure.

Letters count without case and accents, as the search over everything has it. Folding keeps each character's place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from hybridchat.domain.search import Phrase

Range = tuple[int, int]

_WORD = r"[^\W_]"  # what the index takes for a part of a word


class _Folding(dict[int, str]):
    """One character for each, looked up once."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = folded = unicodedata.normalize("NFKD", character)[:1].casefold()[:1] or character
        return folded


_FOLDING = _Folding()


def fold(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_FOLDING)


class Needle:
    """One or several texts; each blank in them stands for any white space."""

    def __init__(self, patterns: Sequence[str], words: Sequence[Sequence[str]]) -> None:
        self._pattern = re.compile("|".join(patterns))
        self._words = words  # of each text: what a message with it must contain, whatever markup is in between
        self.ranges = lru_cache(maxsize=512)(self._ranges)

    @classmethod
    def of_text(cls, text: str) -> Needle | None:
        """As it is typed, anywhere; None for nothing."""
        words = fold(text).split()
        return cls([r"\s+".join(map(re.escape, words))], [_plain_words(words)]) if words else None

    @classmethod
    def of_phrases(cls, phrases: Sequence[Phrase]) -> Needle | None:
        """What a search has found: whole words, the last one of an open phrase perhaps unfinished."""
        patterns, words = [], []
        for phrase in phrases:
            if parts := re.findall(rf"{_WORD}+", fold(phrase.text)):
                end = "" if phrase.is_open or not parts[-1].isascii() else rf"(?!{_WORD})"
                begin = rf"(?<!{_WORD})" if parts[0].isascii() else ""
                patterns.append(begin + r"[\W_]+".join(map(re.escape, parts)) + end)
                words.append(parts)
        return cls(patterns, words) if patterns else None

    def may_be_in(self, raw: str) -> bool:
        """Fast, of a message's Markdown: False only where its shown text has no hit."""
        folded = fold(raw)
        return any(all(word in folded for word in words) for words in self._words)

    def _ranges(self, plain: str) -> tuple[Range, ...]:
        """Of all hits, in order."""
        return tuple(match.span() for match in self._pattern.finditer(fold(plain)))


def _plain_words(words: Sequence[str]) -> list[str]:
    return [part for word in words for part in re.findall(rf"{_WORD}+", word)]
