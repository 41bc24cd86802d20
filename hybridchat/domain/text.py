"""Untrusted text: whatever a model, a server, a file or a title says, made inert for the terminal.

Cleaning is one `str.translate`: stateless per character, so it cannot be split across chunks.
Raw text stays in the ledger.
"""

from __future__ import annotations

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Sent to a terminal, each of these moves, hides or reorders something. What they become:
_PICTURED = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"} | {
    0x7F: "\N{SYMBOL FOR DELETE}"
}
_REPLACED = (
    *range(0x80, 0xA0),  # C1: 0x9B alone begins an escape sequence
    *range(0x202A, 0x202F),  # bidi embeddings and overrides
    *range(0x2066, 0x206A),  # bidi isolates
    *range(0xD800, 0xE000),  # lone surrogates cannot be encoded
    *range(0xFFF9, 0xFFFC),  # interlinear annotations hide text
)
_DROPPED = (
    0x00AD,  # soft hyphen: terminals disagree on its width
    0x034F,  # combining grapheme joiner
    0x061C,  # the implicit bidi marks are legal inside Arabic and Hebrew, and draw nothing
    0x180E,
    0x200B,  # zero-width space; ZWNJ (200C) and ZWJ (200D) build Persian words and emoji families, and stay
    0x200E,
    0x200F,
    *range(0x2060, 0x2065),  # word joiner, invisible operators
    *range(0x206A, 0x2070),  # deprecated format characters
    0xFEFF,
    *range(0x1D173, 0x1D17B),  # invisible musical beams and slurs
    *range(0xE0000, 0xE0080),  # tags: text that a model reads and a person does not see
    *range(0xE0100, 0xE01F0),  # VS17–256: the same; VS1–16 choose the look of emoji, and stay
)
_TABLE: dict[int, str | None] = {
    **_PICTURED,
    **dict.fromkeys(_REPLACED, _REPLACEMENT),
    **dict.fromkeys(_DROPPED),
    0x2028: "\n",  # line and paragraph separators mean a new line, but measure as nothing
    0x2029: "\n",
}


def clean(raw: str) -> str:
    """Inert text for screen, clipboard, title, notification, terminal: DEL and C0 except newline and tab → control
    pictures, C1, bidi controls and surrogates → U+FFFD, tags, VS17–256 and zero-width except ZWJ/ZWNJ dropped."""
    return raw.translate(_TABLE)


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


def _trim(text: str) -> str:
    """Without the blank or the joiner that a cut has left dangling."""
    return text.rstrip(" \N{ZERO WIDTH JOINER}")
