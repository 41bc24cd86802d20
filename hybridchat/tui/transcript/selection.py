"""What is selected, in terms of the text and not of the screen: it survives wrapping, scrolling and streaming."""

from __future__ import annotations

import re
from typing import NamedTuple

from rich.cells import cell_len

from hybridchat.tui.transcript.cells import clusters, shown, unfilled
from hybridchat.tui.transcript.document import Document, Place
from hybridchat.tui.transcript.layout import Line, Run

_WORD = re.compile(r"[\w'’-]+|[^\w\s]+|\s+")


class Spot(NamedTuple):
    """Between two characters: message, part, offset in the part's plain text."""

    view: int
    part: int
    offset: int


class Selection(NamedTuple):
    """From where it began to where it is now, in any order."""

    anchor: Spot
    head: Spot

    @property
    def start(self) -> Spot:
        return min(self)

    @property
    def end(self) -> Spot:
        return max(self)


def spot_at(document: Document, place: Place, cell: int) -> Spot:
    """The spot nearest to a cell of a line."""
    line = document.line(place)
    if not line.pieces or cell < line.pieces[0].cell:
        return Spot(place.view, place.part, line.start)
    piece = max((piece for piece in line.pieces if piece.cell <= cell), key=lambda piece: piece.cell)
    plain = document.plain(place.view, place.part)
    at = piece.cell
    for start, _end, cells in clusters(shown(plain[piece.start : piece.end])):
        if at + cells > cell:
            return Spot(place.view, place.part, piece.start + start)
        at += cells
    return Spot(place.view, place.part, piece.end)


def place_of(document: Document, spot: Spot) -> tuple[Place, int]:
    """The line that shows a spot, and its cell there."""
    document.plain(spot.view, spot.part)  # laid out
    part = document.views[spot.view].parts[spot.part]
    assert part.laid is not None
    lines = part.laid.lines
    at = max((i for i, line in enumerate(lines) if line.start <= spot.offset), default=0)
    cell = _cell(lines[at], part.laid.plain, spot.offset) if lines else 0
    return Place(spot.view, spot.part, part.gap + at), cell


def _cell(line: Line, plain: str, offset: int) -> int:
    for piece in line.pieces:
        if offset <= piece.end or piece is line.pieces[-1]:
            return piece.cell + cell_len(shown(plain[piece.start : min(offset, piece.end)]))
    return 0


def cells_of(document: Document, place: Place, selection: Selection) -> list[tuple[int, int]]:
    """The cells of a line that are selected."""
    start, end = selection.start, selection.end
    here = (place.view, place.part)
    if not (start[:2] <= here <= end[:2]):
        return []
    line = document.line(place)
    if not line.pieces:
        return []
    low = start.offset if here == start[:2] else 0
    high = end.offset if here == end[:2] else len(document.plain(*here))
    plain = document.plain(*here)
    ranges = []
    for piece in line.pieces:
        first, last = max(low, piece.start), min(high, piece.end)
        if first < last:
            left = piece.cell + cell_len(shown(plain[piece.start : first]))
            ranges.append((left, left + cell_len(shown(plain[first:last]))))
    first_piece = line.pieces[0]
    if ranges and low <= line.start < first_piece.start and ranges[0][0] == first_piece.cell:
        ranges[0] = (0, ranges[0][1])  # the marker before it is selected, too
    return ranges


def extract(document: Document, selection: Selection) -> str:
    """The selected text: no padding, wrapped lines joined, code without what stands around it."""
    start, end = selection.start, selection.end
    out: list[str] = []
    for view in range(start.view, end.view + 1):
        last_kind = ""
        for number, part in enumerate(document.ready(view).parts):
            if part.block is None or not (start[:2] <= (view, number) <= end[:2]):
                continue
            plain = document.plain(view, number)
            low = start.offset if (view, number) == start[:2] else 0
            high = end.offset if (view, number) == end[:2] else len(plain)
            if out:
                out.append(part.block.joint or "\n\n" if part.kind == last_kind else "\n\n")
            out.append(plain[low:high])
            last_kind = part.kind
    return unfilled("".join(out))


def word_at(document: Document, spot: Spot) -> Selection:
    plain = document.plain(spot.view, spot.part)
    for match in _WORD.finditer(plain):
        if match.start() <= spot.offset < match.end():
            return Selection(spot._replace(offset=match.start()), spot._replace(offset=match.end()))
    return Selection(spot, spot)


def block_at(document: Document, spot: Spot) -> Selection:
    return Selection(spot._replace(offset=0), spot._replace(offset=len(document.plain(spot.view, spot.part))))


def mark(runs: list[Run], ranges: tuple[tuple[int, int, str], ...]) -> list[Run]:
    """The runs with a style added between cells; ranges are sorted and do not overlap."""
    for left, right, name in ranges:
        out: list[Run] = []
        at = 0
        for text, style in runs:
            width = cell_len(text)
            if at + width <= left or at >= right:
                out.append((text, style))
            else:
                before, rest = _split(text, left - at)
                inside, after = _split(rest, right - max(at, left))
                out += [(before, style), (inside, (*style, name)), (after, style)]
            at += width
        runs = [run for run in out if run[0]]
    return runs


def _split(text: str, cells: int) -> tuple[str, str]:
    if text.isascii():
        cut = max(0, cells)
        return text[:cut], text[cut:]
    used = 0
    for start, _end, width in clusters(text):
        if used >= cells:
            return text[:start], text[start:]
        used += width
    return text, ""


def move(document: Document, spot: Spot, step: str, page: int) -> Spot:
    """The spot one step on: left, right, word_left, word_right, up, down, page_up, page_down, line_start, line_end,
    start, finish. At an end it stays."""
    match step:
        case "left" | "right" | "word_left" | "word_right":
            return _along(document, spot, step)
        case "start":
            return _first_text(document, 0, 1) or spot
        case "finish":
            last = _first_text(document, len(document.views) - 1, -1)
            return last._replace(offset=len(document.plain(last.view, last.part))) if last else spot
        case "line_start" | "line_end":
            place, _ = place_of(document, spot)
            return spot_at(document, place, 0 if step == "line_start" else 1 << 20)
        case _:
            return _across(document, spot, {"up": -1, "down": 1, "page_up": -page, "page_down": page}[step])


def _along(document: Document, spot: Spot, step: str) -> Spot:
    plain = document.plain(spot.view, spot.part)
    is_right = step.endswith("right")
    pattern = _WORD if step.startswith("word") else None
    edges = (
        [match.start() for match in pattern.finditer(plain) if not match[0].isspace()]
        if pattern
        else [start for start, _, _ in clusters(plain)]
    )
    edges.append(len(plain))
    if is_right:
        further = [edge for edge in edges if edge > spot.offset]
        return spot._replace(offset=further[0]) if further else _neighbour(document, spot, 1) or spot
    nearer = [edge for edge in edges if edge < spot.offset]
    if nearer:
        return spot._replace(offset=nearer[-1])
    before = _neighbour(document, spot, -1)
    return before._replace(offset=len(document.plain(before.view, before.part))) if before else spot


def _across(document: Document, spot: Spot, lines: int) -> Spot:
    """Lines up or down, over those without text, to the same cell."""
    place, cell = place_of(document, spot)
    step = document.down if lines > 0 else document.up
    target = step(place, abs(lines))
    while not document.line(target).pieces:
        further = step(target, 1)
        if further == target:
            return spot
        target = further
    return spot_at(document, target, cell)


def _neighbour(document: Document, spot: Spot, direction: int) -> Spot | None:
    parts = document.ready(spot.view).parts
    part = spot.part + direction
    while 0 <= part < len(parts):
        if parts[part].block is not None:
            return Spot(spot.view, part, 0)
        part += direction
    return _first_text(document, spot.view + direction, direction)


def _first_text(document: Document, view: int, direction: int) -> Spot | None:
    """The first part with text from a message on, its last one when going back."""
    while 0 <= view < len(document.views):
        parts = document.ready(view).parts
        for part in range(len(parts))[::direction]:
            if parts[part].block is not None:
                return Spot(view, part, 0)
        view += direction
    return None
