"""Untrusted text: whatever a model, a server, a file or a title says, made inert for the terminal.

Cleaning is one `str.translate`: stateless per character, so it cannot be split across chunks.
Raw text stays in the ledger.
"""

from __future__ import annotations

import re

# Sent to a terminal, each of these moves, hides or reorders something: first and last of each range.
_PICTURED = ((0x00, 0x08), (0x0B, 0x1F))  # C0 but tab and newline
_REPLACED = (
    (0x80, 0x9F),  # C1: 0x9B alone begins an escape sequence
    (0x202A, 0x202E),  # bidi embeddings and overrides
    (0x2066, 0x2069),  # bidi isolates
    (0xD800, 0xDFFF),  # lone surrogates cannot be encoded
    (0xFFF9, 0xFFFB),  # interlinear annotations hide text
)
_DROPPED = (
    (0x00AD, 0x00AD),  # soft hyphen: terminals disagree on its width
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x061C, 0x061C),  # the implicit bidi marks are legal inside Arabic and Hebrew, and draw nothing
    (0x180E, 0x180E),
    (0x200B, 0x200B),  # zero-width space; ZWNJ (200C) and ZWJ (200D) build Persian words and emoji families, and stay
    (0x200E, 0x200F),
    (0x2060, 0x2064),  # word joiner, invisible operators
    (0x206A, 0x206F),  # deprecated format characters
    (0xFEFF, 0xFEFF),
    (0x1D173, 0x1D17A),  # invisible musical beams and slurs
    (0xE0000, 0xE007F),  # tags: text that a model reads and a person does not see
    (0xE0100, 0xE01EF),  # VS17–256: the same; VS1–16 choose the look of emoji, and stay
)
_Ranges = tuple[tuple[int, int], ...]


def _codes(ranges: _Ranges) -> list[int]:
    return [code for first, last in ranges for code in range(first, last + 1)]


_TABLE: dict[int, str | None] = {
    **{code: chr(0x2400 + code) for code in _codes(_PICTURED)},
    0x7F: "\N{SYMBOL FOR DELETE}",
    **dict.fromkeys(_codes(_REPLACED), "\N{REPLACEMENT CHARACTER}"),
    **dict.fromkeys(_codes(_DROPPED)),
    0x2028: "\n",  # line and paragraph separators mean a new line, but measure as nothing
    0x2029: "\n",
}
_RANGES: _Ranges = (*_PICTURED, (0x7F, 0x7F), *_REPLACED, *_DROPPED, (0x2028, 0x2029))
_HOSTILE = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _RANGES) + "]")


def clean(raw: str) -> str:
    """Inert text for screen, clipboard, title, notification, terminal: DEL and C0 except newline and tab → control
    pictures, C1, bidi controls and surrogates → U+FFFD, tags, VS17–256 and zero-width except ZWJ/ZWNJ dropped."""
    # `translate` is fast on ASCII alone; outside it, looking whether there is anything to do costs a fifth of doing it.
    return raw.translate(_TABLE) if raw.isascii() or _HOSTILE.search(raw) else raw


def clean_line(raw: str, limit: int = 200) -> str:
    """`clean`, white space folded to single blanks, cut so that with its … it has at most `limit` characters."""
    line = " ".join(clean(raw).split())
    return line if len(line) <= limit else _trim(line[: limit - 1]) + "…"


def title_of(raw: str, limit: int = 60) -> str:
    """A conversation's title: the first line with words, cleaned and cut at a word; "" for an empty text."""
    lines = [line for line in clean(raw).splitlines() if line.strip()]
    with_words = (line for line in lines if any(map(str.isalnum, line)))
    line = clean_line(next(with_words, lines[0] if lines else ""), limit + 1)
    if len(line) <= limit:
        return line
    words, blank, _ = line[:limit].rpartition(" ")
    return _trim(words if blank and len(words) > limit // 2 else line[: limit - 1]) + "…"


def count_of(count: int, thing: str) -> str:
    """`1 turn`, `2,000 turns`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def oldest_turns(count: int) -> str:
    """`the oldest turn`, `the 3 oldest turns`."""
    return "the oldest turn" if count == 1 else f"the {count:,} oldest turns"


def _trim(text: str) -> str:
    """Without the blank or the joiner that a cut has left dangling."""
    return text.rstrip(" \N{ZERO WIDTH JOINER}")
