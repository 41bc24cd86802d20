"""From styled text to lines of a given width. A style is a tuple of names; the widget's theme gives them colours."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from rich.cells import cell_len

from hybridchat.tui.transcript.cells import clusters, crop, is_simple, shown, wrap

Style = tuple[str, ...]
Run = tuple[str, Style]

LINK_TO = "to:"
"""Begins the name in a style that has no look but says where a link leads."""


def leads_to(style: Style) -> str:
    """The URL of a link's run, "" for other runs. Of an image in a link it is the image's."""
    return next((name.removeprefix(LINK_TO) for name in reversed(style) if name.startswith(LINK_TO)), "")


class Look(NamedTuple):
    """What the user chooses of how messages are laid out."""

    prose_cells: int = 100
    """Of a line of prose at most: longer ones are hard to read. Code and tables use all the room there is."""
    gap_lines: int = 1
    """Between messages."""
    fold_lines: int = 0
    """Longer messages begin folded; 0: none."""
    is_raw: bool = False
    """As they were written, without reading their Markdown."""


class Piece(NamedTuple):
    """From cell `cell` on, a line shows plain[start:end]."""

    cell: int
    start: int
    end: int


class Line(NamedTuple):
    """One line of the screen. `start` to `end` is what it stands for in its block's plain text, markers included."""

    runs: tuple[Run, ...]
    start: int = 0
    end: int = 0
    pieces: tuple[Piece, ...] = ()
    fill: Style = ()


class Laid(NamedTuple):
    """A block at one width."""

    lines: list[Line]
    plain: str


class Prose:
    """Text with styles, before it has a width."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._ends: list[int] = []  # where each style ends
        self._styles: list[Style] = []
        self._length = 0

    def add(self, text: str, style: Style = ()) -> None:
        if not text:
            return
        self._parts.append(text)
        self._length += len(text)
        if self._styles and self._styles[-1] == style:
            self._ends[-1] = self._length
        else:
            self._ends.append(self._length)
            self._styles.append(style)

    @property
    def text(self) -> str:
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def __len__(self) -> int:
        return self._length

    def lines(self) -> list[Prose]:
        """Cut at newlines."""
        text = self.text
        if "\n" not in text:
            return [self]
        out: list[Prose] = []
        begin = 0
        for line in text.split("\n"):
            part = Prose()
            for piece, style in self.slice(begin, begin + len(line)):
                part.add(piece, style)
            out.append(part)
            begin += len(line) + 1
        return out

    def slice(self, start: int, end: int) -> list[Run]:
        """The runs of text[start:end]. Where styles change within a grapheme cluster, its first style wins."""
        text = self.text
        runs: list[Run] = []
        visible = shown(text[start:end])
        edges = None if is_simple(visible) else _cluster_ends(visible, start)
        at = start
        for span in range(bisect_right(self._ends, start), len(self._ends)):
            if at >= end:
                break
            stop = min(self._ends[span], end)
            if edges is not None:
                stop = edges.get(stop, stop)
            if stop > at:
                runs.append((text[at:stop], self._styles[span]))
                at = stop
        return runs


def _cluster_ends(text: str, offset: int) -> dict[int, int]:
    """For each position inside a cluster, where that cluster ends."""
    return {
        offset + inside: offset + end
        for start, end, _ in clusters(text)
        if end - start > 1
        for inside in range(start + 1, end)
    }


class Indent(NamedTuple):
    """What stands before the lines of a list item or a quote; `plain_*` is its Markdown."""

    first: tuple[Run, ...]
    rest: tuple[Run, ...]
    cells: int
    plain_first: str
    plain_rest: str


class Page:
    """Collects the lines of one block, `width` cells wide, its prose at most `prose_cells`."""

    NARROWEST = 8  # below that many cells indents are left out, so that words still fit

    def __init__(self, width: int, prose_cells: int) -> None:
        self.width = width
        self.prose_cells = prose_cells
        self.lines: list[Line] = []
        self._plain: list[str] = []
        self._length = 0
        self._indents: list[Indent] = []
        self._fresh: list[bool] = []

    def laid(self) -> Laid:
        return Laid(self.lines, "".join(self._plain))

    @property
    def room(self) -> int:
        """Cells that are left beside the indents."""
        room = self.width - sum(indent.cells for indent in self._indents)
        return room if room >= min(self.NARROWEST, self.width) else self.width

    def indent(self, indent: Indent) -> None:
        self._indents.append(indent)
        self._fresh.append(True)

    def dedent(self) -> None:
        if self._fresh[-1] and self._indents[-1].plain_first != self._indents[-1].plain_rest:
            self.paragraph(Prose())  # an item without content still has its marker
        self._indents.pop()
        self._fresh.pop()

    def paragraph(self, prose: Prose) -> None:
        """Wrapped lines; a newline in it stays a new line."""
        for line in prose.lines():
            begin, first, rest = self.begin_line()
            text = line.text
            offset = self.push(text)
            cells = run_cells(first)
            for number, (start, end) in enumerate(wrap(shown(text), min(self.room, self.prose_cells))):
                prefix = rest if number else first
                piece = Piece(cells, offset + start, offset + end)
                from_ = piece.start if number else begin
                self.lines.append(Line((*prefix, *line.slice(start, end)), from_, piece.end, (piece,)))

    def begin_line(self) -> tuple[int, tuple[Run, ...], tuple[Run, ...]]:
        """Starts a line of plain text: where it begins, and the runs before its first and its further screen lines."""
        if self.lines:
            self.push("\n")
        begin = self._length
        narrow = self.room == self.width
        first: list[Run] = []
        rest: list[Run] = []
        for level, indent in enumerate(self._indents):
            is_first = self._fresh[level]
            self.push(indent.plain_first if is_first else indent.plain_rest)
            if not narrow:
                first.extend(indent.first if is_first else indent.rest)
                rest.extend(indent.rest)
            self._fresh[level] = False
        return begin, tuple(first), tuple(rest)

    def blank(self) -> None:
        """An empty line inside the block."""
        if self.lines:
            begin, first, _ = self.begin_line()
            self.lines.append(Line(first, begin, self._length))

    def rule(self) -> None:
        """A horizontal line across the room."""
        begin, first, _ = self.begin_line()
        self.push("---")
        self.lines.append(Line((*first, ("─" * self.room, ("edge",))), begin, self._length))

    def push(self, plain: str) -> int:
        """Adds to the plain text; where it begins."""
        begin = self._length
        self._plain.append(plain)
        self._length += len(plain)
        return begin


def run_cells(runs: tuple[Run, ...] | list[Run]) -> int:
    return sum(len(text) if text.isascii() else cell_len(text) for text, _ in runs)


def fit(runs: tuple[Run, ...], width: int, fill: Style) -> list[Run]:
    """Exactly `width` cells: cropped between clusters, padded with `fill`."""
    out: list[Run] = []
    used = 0
    for text, style in runs:
        visible = shown(text)
        cells = len(visible) if visible.isascii() else cell_len(visible)
        if used + cells > width:
            visible = crop(visible, width - used)
            cells = cell_len(visible)
            if visible:
                out.append((visible, style))
            used += cells
            break
        out.append((visible, style))
        used += cells
    if used < width:
        out.append((" " * (width - used), fill))
    return out
