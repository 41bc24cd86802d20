"""Text measured in terminal cells: grapheme clusters, wrapping, and what must go before a width can be trusted."""

from __future__ import annotations

import re

from rich.cells import cell_len, split_graphemes

from hybridchat.domain.text import clean

TAB_FILL = "\x00"
"""Stands after a tab for each further cell that it spans, so that plain and shown text align; never leaves here."""

_JOINER = "\N{ZERO WIDTH JOINER}"
_PICTOGRAPH = "[\u2190-\u2bff\U0001f000-\U0001faff]"
# Rich measures whatever follows a joiner as nothing. That is what terminals draw for emoji only, so other joiners go,
# and so do those of chains that no font knows as one picture.
_STRAY_JOINER = re.compile(f"(?<![\u2190-\u2bff\U0001f000-\U0001faff\ufe0f]){_JOINER}|{_JOINER}(?!{_PICTOGRAPH})")
_CHAIN = re.compile(f"(?:{_PICTOGRAPH}[\ufe0f\U0001f3fb-\U0001f3ff]?{_JOINER}){{5,}}{_PICTOGRAPH}")

# One cell each and never part of a longer cluster; a test holds this against Rich's table.
_SIMPLE = re.compile("[ -~\xa0-\u02ff\u0370-\u0482\u2010-\u2027\u2030-\u205e\u2190-\u2319\u2500-\u25fc\u2800-\u28ff]*")
_FLAG_HALF = re.compile("[\U0001f1e6-\U0001f1ff]")
_NOT_AT_LINE_START = frozenset("、。，．：；！？）」』】〉》〕｝ー…")


def inert(text: str) -> str:
    """`clean`, and no joiner left whose width would be a guess."""
    text = clean(text)
    if _JOINER in text:
        text = _CHAIN.sub(lambda chain: chain[0].replace(_JOINER, ""), _STRAY_JOINER.sub("", text))
    return text


def is_simple(text: str) -> bool:
    """One cell per character, each a cluster of its own."""
    return text.isascii() or _SIMPLE.fullmatch(text) is not None


def clusters(text: str) -> list[tuple[int, int, int]]:
    """(start, end, cells) of each grapheme cluster; the two halves of a flag stay together."""
    spans = split_graphemes(text)[0]
    if _FLAG_HALF.search(text) is None:
        return spans
    joined: list[tuple[int, int, int]] = []
    open_flag = False
    for start, end, cells in spans:
        is_half = _FLAG_HALF.match(text, start) is not None
        if is_half and open_flag:
            joined[-1] = (joined[-1][0], end, joined[-1][2] + cells)
        else:
            joined.append((start, end, cells))
        open_flag = is_half and not open_flag
    return joined


def wrap(text: str, width: int) -> list[tuple[int, int]]:
    """(start, end) of the lines of one paragraph without newlines, each at most `width` cells if any cluster fits.

    Blanks at a break belong to no line. An empty text is one empty line.
    """
    if is_simple(text):
        return _wrap_simple(text, width)
    return _wrap_clusters(text, width)


def _wrap_simple(text: str, width: int) -> list[tuple[int, int]]:
    lines: list[tuple[int, int]] = []
    begin, length = 0, len(text.rstrip(" "))
    while length - begin > width:
        cut = text.rfind(" ", begin, begin + width + 1)
        words = text[begin:cut].rstrip(" ") if cut > begin else ""
        if words:
            lines.append((begin, begin + len(words)))
            begin = cut + 1
            while text[begin] == " ":
                begin += 1
        else:
            lines.append((begin, begin + width))
            begin += width
    lines.append((begin, length))
    return lines


def _wrap_clusters(text: str, width: int) -> list[tuple[int, int]]:
    lines: list[tuple[int, int]] = []
    begin = used = since_break = 0
    break_end = break_next = -1
    has_words = was_wide = was_blank = False
    for start, end, cells in clusters(text.rstrip(" ")):
        if text[start] == " ":
            used += 1
            if has_words:
                break_end, break_next, since_break = (break_end if was_blank else start), end, 0
            was_blank, was_wide = True, False
            continue
        if cells == 2 and was_wide and text[start] not in _NOT_AT_LINE_START:
            break_end = break_next = start
            since_break = 0
        while used + cells > width and start > begin:
            if break_next > begin:
                lines.append((begin, break_end))
                begin, used = break_next, since_break
            else:
                lines.append((begin, start))
                begin, used = start, 0
            break_next = -1
        used += cells
        since_break += cells
        has_words, was_wide, was_blank = True, cells == 2, False
    lines.append((begin, len(text.rstrip(" "))))
    return lines


def crop(text: str, width: int) -> str:
    """The clusters that fit into `width` cells."""
    if is_simple(text):
        return text[:width]
    used = 0
    for start, _end, cells in clusters(text):
        used += cells
        if used > width:
            return text[:start]
    return text


def expand_tabs(line: str, size: int = 4) -> str:
    """Each tab followed by as many fillers as it spans further cells."""
    if "\t" not in line:
        return line
    out: list[str] = []
    column = 0
    for part in re.split("(\t)", line):
        if part == "\t":
            span = size - column % size
            out.append("\t" + TAB_FILL * (span - 1))
            column += span
        else:
            out.append(part)
            column += cell_len(part)
    return "".join(out)


_SHOWN = {ord("\t"): " ", ord(TAB_FILL): " "}


def shown(text: str) -> str:
    """As it goes to the screen: tabs and their fillers are blanks."""
    return text.translate(_SHOWN) if "\t" in text or TAB_FILL in text else text


def unfilled(text: str) -> str:
    """As it goes to the clipboard: a tab is one tab again."""
    return text.replace(TAB_FILL, "")
