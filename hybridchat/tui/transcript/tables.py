"""Tables that fit: columns shrink and wrap; where even that is too wide, rows become lists of "column: cell"."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len

from hybridchat.tui.transcript.cells import shown, wrap
from hybridchat.tui.transcript.layout import Line, Page, Piece, Prose, Run, Style, run_cells

EDGE: Style = ("edge",)
BETWEEN = " │ "
NARROWEST = 4  # cells of a column that is still worth a column
Row = list[Prose]


def put_table(page: Page, header: Row, rows: list[Row], aligns: list[str]) -> None:
    """`aligns` per column: left, center, right. Rows may be shorter than the header, never longer."""
    count = len(header)
    room = page.room - len(BETWEEN) * (count - 1)
    if room < NARROWEST * count:
        _put_records(page, header, rows)
        return
    widths = column_widths([max(_cells(row[i]) for row in (header, *rows) if i < len(row)) for i in range(count)], room)
    _put_row(page, header, widths, aligns)
    _put_rule(page, widths)
    for row in rows:
        _put_row(page, row, widths, aligns)


def column_widths(natural: list[int], room: int) -> list[int]:
    """As wide as the content where that fits; else the widest columns give way first, evenly."""
    widths = [max(1, cells) for cells in natural]
    excess = sum(widths) - room
    while excess > 0:
        widest = max(widths)
        at_widest = [i for i, cells in enumerate(widths) if cells == widest]
        below = max((cells for cells in widths if cells < widest), default=1)
        step = min(widest - below, -(-excess // len(at_widest)))
        for i in at_widest:
            cut = min(step, excess)
            widths[i] -= cut
            excess -= cut
    return widths


def _cells(prose: Prose) -> int:
    return cell_len(shown(prose.text))


class _Cell(NamedTuple):
    """One screen line of a table's cell: plain[start:end]."""

    runs: list[Run]
    start: int
    end: int
    cells: int


def _put_row(page: Page, row: Row, widths: list[int], aligns: list[str]) -> None:
    begin, first, rest = page.begin_line()
    page.push("|")
    columns = [_put_cell(page, row[i] if i < len(row) else Prose(), width) for i, width in enumerate(widths)]
    for y in range(max(map(len, columns))):
        runs = list(rest if y else first)
        pieces: list[Piece] = []
        at = run_cells(runs)
        for i, column in enumerate(columns):
            if i:
                runs.append((BETWEEN, EDGE))
                at += len(BETWEEN)
            cell = column[y] if y < len(column) else _Cell([], 0, 0, 0)
            before, after = _padding(widths[i] - cell.cells, aligns[i])
            runs += [(" " * before, ()), *cell.runs, (" " * after, ())]
            if cell.end > cell.start:
                pieces.append(Piece(at + before, cell.start, cell.end))
            at += before + cell.cells + after
        start = pieces[0].start if y and pieces else begin
        end = max((piece.end for piece in pieces), default=start)
        page.lines.append(Line(tuple(run for run in runs if run[0]), start, end, tuple(pieces)))


def _put_cell(page: Page, prose: Prose, width: int) -> list[_Cell]:
    """Adds a cell to the row's plain text; its screen lines."""
    page.push(" ")
    offset = page.push(prose.text)
    page.push(" |")
    lines = []
    for start, end in wrap(shown(prose.text), width):
        runs = prose.slice(start, end)
        lines.append(_Cell(runs, offset + start, offset + end, run_cells(runs)))
    return lines


def _padding(room: int, align: str) -> tuple[int, int]:
    """Blanks before and after; a cluster that is wider than its column leaves none."""
    room = max(0, room)
    before = {"right": room, "center": room // 2}.get(align, 0)
    return before, room - before


def _put_rule(page: Page, widths: list[int]) -> None:
    begin, first, _ = page.begin_line()
    end = page.push("|" + "|".join("---" for _ in widths) + "|")
    page.lines.append(Line((*first, ("─┼─".join("─" * width for width in widths), EDGE)), begin, end))


def _put_records(page: Page, header: Row, rows: list[Row]) -> None:
    for number, row in enumerate(rows or [header]):
        if number:
            page.blank()
        for name, cell in zip(header, row, strict=False):
            both = Prose()
            for text, style in name.slice(0, len(name)):
                both.add(text, (*style, "strong"))
            both.add(": ")
            for text, style in cell.slice(0, len(cell)):
                both.add(text, style)
            page.paragraph(both)
