"""Code blocks: highlighted by Pygments, wrapped by us."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING

from hybridchat.tui.transcript.cells import clusters, expand_tabs, inert, is_simple, shown, wrap
from hybridchat.tui.transcript.layout import Line, Page, Piece, Prose, Run, Style, run_cells

if TYPE_CHECKING:
    from pygments.lexer import Lexer

CODE: Style = ("code",)
CONTINUED: Run = ("↪", ("code", "muted"))
STEP = 16
"""While a block grows, only what follows the last multiple of so many lines is read again for every picture."""

LONGEST_LINE = 240
"""Characters; code with longer lines is not highlighted: Pygments may take seconds over one."""

PATIENCE_S = 0.2
"""CPU time for one block, ten times what is usual; what is left then stays without colours."""

# Pygments' token types, the more special one first → our component classes.
_TOKENS = (
    ("Comment", "comment"),
    ("Keyword", "keyword"),
    ("Operator.Word", "keyword"),
    ("Literal.String", "string"),
    ("Literal.Number", "number"),
    ("Literal", "number"),
    ("Name.Function", "function"),
    ("Name.Class", "function"),
    ("Name.Tag", "keyword"),
    ("Name.Attribute", "function"),
    ("Name.Decorator", "function"),
    ("Name.Builtin", "builtin"),
    ("Name.Constant", "number"),
    ("Name.Exception", "builtin"),
    ("Generic.Heading", "keyword"),
    ("Generic.Subheading", "keyword"),
    ("Generic.Inserted", "inserted"),
    ("Generic.Deleted", "deleted"),
    ("Generic.Prompt", "comment"),
)


def put_code(page: Page, code: str, language: str, *, is_first: bool = True, is_growing: bool = False) -> None:
    """Adds a block of code with its language as a label. Tabs are four cells wide."""
    label = inert(language) if is_first else ""
    text = "\n".join(expand_tabs(line) for line in inert(code).split("\n"))
    for line in highlight(text, language, is_growing=is_growing).lines():
        _put_line(page, line, label)
        label = ""


def _put_line(page: Page, line: Prose, label: str) -> None:
    begin, first, rest = page.begin_line()
    if label:
        page.lines.append(Line((*first, (f" {label}", ("code", "muted"))), begin, begin, fill=CODE))
        first = rest
    text = line.text
    offset = page.push(text)
    cells = run_cells(first) + 1
    for number, (start, end) in enumerate(wrap_code(shown(text), max(1, page.room - 2))):
        before = (*rest, CONTINUED) if number else (*first, (" ", CODE))
        piece = Piece(cells, offset + start, offset + end)
        page.lines.append(
            Line((*before, *line.slice(start, end)), piece.start if number else begin, piece.end, (piece,), CODE)
        )


def wrap_code(text: str, width: int) -> list[tuple[int, int]]:
    """As `wrap`, but cut at the width whatever stands there: blanks count in code."""
    if is_simple(text):
        return wrap(text.replace(" ", "_"), width)
    lines: list[tuple[int, int]] = []
    begin = used = 0
    for start, _, cells in clusters(text):
        if used + cells > width and start > begin:
            lines.append((begin, start))
            begin, used = start, 0
        used += cells
    return [*lines, (begin, len(text))]


def highlight(code: str, language: str, *, is_growing: bool = False) -> Prose:
    """The code with a style per token. A growing block's last lines are read on their own, which may be wrong about
    a string or comment that began before them, until the block is finished."""
    prose = Prose()
    if is_growing:
        lines = code.split("\n")
        settled = len(lines) // STEP * STEP
        if settled:
            _add_tokens(prose, "\n".join(lines[:settled]) + "\n", language)
        code = "\n".join(lines[settled:])
    _add_tokens(prose, code, language)
    return prose


def _add_tokens(prose: Prose, code: str, language: str) -> None:
    for text, style in _tokens(code, language):
        prose.add(text, style)


@lru_cache(maxsize=8)
def _tokens(code: str, language: str) -> list[Run]:
    lexer = _lexer(language)
    if lexer is None or max(map(len, code.split("\n"))) > LONGEST_LINE:
        return [(code, CODE)]
    # Tabs are followed by fillers, which no lexer knows; blanks of the same length lex the same.
    visible = shown(code)
    runs: list[Run] = []
    at = 0
    patience = time.thread_time() + PATIENCE_S
    for start, kind, text in lexer.get_tokens_unprocessed(visible):
        if start != at or not text:
            return [(code, CODE)]  # a lexer that skips or repeats text cannot be trusted with it
        at = start + len(text)
        runs.append((code[start:at], _style(str(kind)[6:])))
        if time.thread_time() > patience:
            break
    if at < len(code):
        runs.append((code[at:], CODE))
    return runs


@lru_cache(maxsize=256)
def _style(kind: str) -> Style:
    return next(((*CODE, name) for prefix, name in _TOKENS if kind.startswith(prefix)), CODE)


@lru_cache(maxsize=64)
def _lexer(language: str) -> Lexer | None:
    if not language:
        return None
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language)
    except ClassNotFound:
        return None
