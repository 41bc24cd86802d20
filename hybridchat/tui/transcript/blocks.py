"""Cuts a growing text into blocks that can be drawn on their own.

A cut depends only on the text before it and the line that begins at it, so however a reply arrives in pieces, the same
blocks come out, and a block that is finished never changes. Markdown's own rules decide inside a block.
"""

from __future__ import annotations

import copy
import re
from typing import NamedTuple

from hybridchat.tui.transcript.cells import clusters

LIMIT = 8_192
"""Characters of one block; longer ones are cut, so that the growing one stays cheap to draw again."""
TABLE_LIMIT = 4 * LIMIT
"""The same for tables, which fall apart where they are cut."""
MOST_LINES = 400
CODE_LINES = 48
"""A code block is cut after this many lines where a new top-level statement begins …"""
MOST_CODE_LINES = 200
"""… and here in any case."""

MARKDOWN, ITEM, CODE, VERBATIM = "markdown", "item", "code", "verbatim"


class Block(NamedTuple):
    """A part of a text. `gap`: lines left free before it; `joint`: what stood between it and the block before."""

    kind: str
    text: str
    gap: int = 0
    joint: str = ""
    language: str = ""
    is_first: bool = True  # of a code block that is cut into several
    number: int | None = None  # of an item in an ordered list, counted from the list's first


_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}(?=[^`]*$)|~{3,})[ \t]*(?P<language>[^\s`{,]*)")
_MARKER = re.compile(r" {0,3}(?:[-*+]|(?P<number>\d{1,9})(?P<end>[.)]))(?P<after>[ \t]+|$)")
_BULLET = re.compile(r" {0,3}(?:[-*+]|1[.)])[ \t]+\S")  # what may interrupt a paragraph
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
_RULE = re.compile(r" {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$")
_QUOTE = re.compile(r" {0,3}>")
_MATH = re.compile(r"\s*(\$\$|\\\[|\\begin\{[a-zA-Z]+\*?\})")
_CLOSING = str.maketrans("[(", "])")
_DELIMITERS = re.compile(r" {0,3}[|:-][ \t|:-]*")
_DEFINITION = re.compile(r" {0,3}\[[^\]]+\]:[ \t]*\S")


class Splitter:
    """Takes text as it comes; `take` gives the blocks that are finished, `growing` those that are not."""

    def __init__(self, *, is_markdown: bool = True, is_raw: bool = False) -> None:
        """`is_raw`: not even fences are read."""
        self._is_raw = is_raw
        self.definitions: tuple[str, ...] = ()
        """Link reference definitions in the lines that are finished; they hold for the whole text."""
        self.growing_definitions: tuple[str, ...] = ()
        """The same, with those of `growing`."""
        self._is_markdown = is_markdown and not is_raw
        self._done: list[Block] = []
        self._partial = ""  # the last line, still without its newline
        self._is_long_line = False
        self._lines: list[str] = []
        self._size = 0
        self._mode = ""  # "" | text | item | indented | code | math
        self._content_at = 0  # column where an open item's content begins
        self._fence = ("", 0)  # marker and indent of an open fence
        self._language = ""
        self._is_first = True
        self._number: int | None = None
        self._number_end = ""
        self._blanks = 0  # empty lines since the last block or line
        self._gap = 0
        self._joint = ""
        self._last_kind = ""

    def feed(self, text: str) -> None:
        """Adds text; the newline is the only line end."""
        *lines, rest = text.split("\n")
        for line in lines:
            self._cut_long_line(line)
            self._end_line()
        self._cut_long_line(rest)

    def take(self) -> list[Block]:
        done, self._done = self._done, []
        return done

    def growing(self) -> list[Block]:
        """The blocks of what is not finished, as they would be if the text ended here."""
        end = copy.copy(self)
        end._lines = self._lines.copy()
        end._done = []
        if end._partial or end._is_long_line:
            end._end_line()
        end._flush()
        self.growing_definitions = end.definitions
        return end._done

    # --- lines

    def _cut_long_line(self, text: str) -> None:
        text = self._partial + text
        begin = 0
        while len(text) - begin > LIMIT:
            end = _cut_at(text, begin)
            self._long_piece(text[begin:end])
            begin = end
        self._partial = text[begin:]

    def _long_piece(self, text: str) -> None:
        is_code = self._mode == "code"
        if not self._is_long_line:
            had_lines = bool(self._lines)
            self._flush(keep_mode=is_code)
            if not is_code:
                self._begin("text")
            elif had_lines:
                self._joint = "\n"
        if text:
            self._add_block(CODE if is_code else VERBATIM, text)
        self._is_long_line = True

    def _end_line(self) -> None:
        line, self._partial = self._partial, ""
        if self._is_long_line:
            self._long_piece(line)
            self._is_long_line = False
            if self._mode != "code":
                self._mode = ""
            self._gap, self._joint = 0, "\n"
        elif self._mode == "code":
            self._code_line(line)
        elif not line.strip(" \t"):
            self._blank_line(line)
        else:
            self._text_line(line)

    def _text_line(self, line: str) -> None:
        fence = None if self._is_raw else _FENCE.match(line)
        if fence and not self._is_inside_item(line):
            self._flush()
            self._begin("code")
            self._fence = (fence["fence"], _indent(line))
            self._language = fence["language"]
            return
        if self._mode and self._interrupts(line):
            self._flush()
        if not self._mode:
            mode = self._mode_of(line)
            self._begin(mode)
            if mode == "item":
                self._count(line)
        self._append(line)
        if self._mode == "math":
            if _closes_math(self._lines):
                self._flush()
        elif self._is_markdown and self._mode == "text" and _HEADING.match(line):
            self._flush()
        elif self._is_full():
            self._flush()
            self._joint = "\n"

    def _blank_line(self, line: str) -> None:
        self._blanks += 1
        if self._mode in ("item", "indented"):
            self._append(line)
            if self._is_full():
                self._flush()
        elif self._mode:
            self._flush()

    def _append(self, line: str) -> None:
        if line.strip(" \t"):
            self._blanks = 0
        self._lines.append(line)
        self._size += len(line) + 1
        if self._is_markdown and self._mode == "text" and _DEFINITION.match(line):
            self.definitions = (*self.definitions, line)

    def _is_full(self) -> bool:
        if self._size <= LIMIT and len(self._lines) < MOST_LINES:
            return False
        is_table = len(self._lines) > 1 and _DELIMITERS.fullmatch(self._lines[1]) is not None
        return not is_table or self._size > TABLE_LIMIT

    # --- where blocks begin

    def _mode_of(self, line: str) -> str:
        if not self._is_markdown:
            return "text"
        if _opens_math(line):
            return "math"
        if _indent(line) >= 4:
            return "indented"
        return "item" if _MARKER.match(line) and not _RULE.match(line) else "text"

    def _interrupts(self, line: str) -> bool:
        """Does this line, which is neither blank nor a fence, begin a block of its own?"""
        if not self._is_markdown or self._mode == "math":
            return False
        if self._mode == "item":
            if self._is_inside_item(line):
                return False
            return self._blanks > 0 or any(start.match(line) for start in (_MARKER, _HEADING, _RULE, _QUOTE))
        if self._mode == "indented":
            return _indent(line) < 4
        if _indent(line) >= 4:
            return False
        return bool(
            _HEADING.match(line) or (_BULLET.match(line) and not _RULE.match(line)) or self._mode_of(line) == "math"
        )

    def _is_inside_item(self, line: str) -> bool:
        return self._mode == "item" and _indent(line) >= self._content_at

    def _begin(self, mode: str) -> None:
        previous, self._mode = self._last_kind, mode
        self._is_first = True
        if self._blanks:
            self._gap, self._joint = (self._blanks if not self._is_markdown else 1), "\n" * (self._blanks + 1)
        elif not self._joint:
            follows_text = mode == "item" and previous not in (CODE, VERBATIM)
            self._gap = 0 if follows_text or previous in ("heading", "") else 1
            self._joint = "\n"
        self._blanks = 0

    def _count(self, line: str) -> None:
        """Sets the open item's number and where its content begins."""
        marker = _MARKER.match(line)
        assert marker is not None, "an item begins with its marker"
        spaces = len(marker["after"].expandtabs(4))
        self._content_at = marker.start("after") + (spaces if 1 <= spaces <= 4 else 1)
        if marker["number"] is None:
            self._number = None
        elif self._last_kind == "item" and self._number is not None and self._number_end == marker["end"]:
            self._number += 1
        else:
            self._number = int(marker["number"])
        self._number_end = marker["end"] or ""

    # --- code

    def _code_line(self, line: str) -> None:
        fence, indent = self._fence
        closing = line.strip(" \t")
        if closing and closing == fence[0] * len(closing) and len(closing) >= len(fence) and _indent(line) < 4:
            self._flush()
            return
        line = line[min(indent, len(line) - len(line.lstrip(" "))) :]
        if self._is_code_cut(line):
            self._flush(keep_mode=True)
            self._is_first, self._gap, self._joint = False, 0, "\n"
        self._lines.append(line)
        self._size += len(line) + 1

    def _is_code_cut(self, line: str) -> bool:
        if len(self._lines) >= MOST_CODE_LINES or (self._lines and self._size + len(line) > LIMIT):
            return True
        if len(self._lines) < CODE_LINES or self._lines[-1].strip() or not line[:1].strip():
            return False
        text = "\n".join(self._lines)
        return all(text.count(mark) % 2 == 0 for mark in ('"""', "'''", "`")) and text.count("/*") == text.count("*/")

    # --- finishing

    def _flush(self, *, keep_mode: bool = False) -> None:
        mode = self._mode
        if mode == "code" and (self._lines or (not keep_mode and self._is_first)):
            self._add_block(CODE, "\n".join(self._lines))
        elif mode and self._lines:
            while not self._lines[-1].strip(" \t"):
                self._lines.pop()
            is_verbatim = mode == "math" or not self._is_markdown
            kind = VERBATIM if is_verbatim else ITEM if mode == "item" else MARKDOWN
            self._add_block(kind, "\n".join(self._lines))
        self._lines, self._size = [], 0
        if not keep_mode:
            self._mode = ""

    def _add_block(self, kind: str, text: str) -> None:
        is_heading = kind == MARKDOWN and "\n" not in text and _HEADING.match(text) is not None
        self._last_kind = "heading" if is_heading else kind
        number = self._number if kind == ITEM else None
        language = self._language if kind == CODE else ""
        self._done.append(Block(kind, text, self._gap, self._joint, language, self._is_first, number))
        self._gap, self._joint = 0, ""
        self._is_first = False


def _indent(line: str) -> int:
    stripped = line.lstrip(" \t")
    return len(line[: len(line) - len(stripped)].expandtabs(4))


def _opens_math(line: str) -> bool:
    """A line that begins LaTeX which it does not end."""
    opening = _MATH.match(line)
    return opening is not None and math_end(opening[1]) not in line[opening.end() :]


def _closes_math(lines: list[str]) -> bool:
    opening = _MATH.match(lines[0])
    return opening is not None and len(lines) > 1 and lines[-1].rstrip().endswith(math_end(opening[1]))


def math_end(opening: str) -> str:
    """What ends LaTeX that begins with `$$`, `\\[`, `\\(` or `\\begin{…}`."""
    return opening.translate(_CLOSING).replace("\\begin", "\\end")


def _cut_at(text: str, begin: int) -> int:
    """Where to cut a line that is too long: after its last blank within the limit, else between two clusters."""
    limit = begin + LIMIT
    blank = text.rfind(" ", begin + LIMIT // 2, limit)
    if blank >= 0:
        return blank + 1
    near = limit - 256
    return max((near + start for start, _, _ in clusters(text[near : limit + 1]) if 0 < start <= 256), default=limit)
