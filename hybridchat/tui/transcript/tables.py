"""Tables that fit: columns shrink and wrap; where even that is too wide, rows become lists of "column: cell"."""

from __future__ import annotations

from rich.cells import cell_len

from hybridchat.tui.transcript.cells import shown, wrap
from hybridchat.tui.transcript.layout import Line, Page, Piece, Prose, Run, Style

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
    return max(cell_len(shown(line)) for line in prose.text.split("\n"))


def _put_row(page: Page, row: Row, widths: list[int], aligns: list[str]) -> None:
    begin, first, rest = page.begin_line()
    columns: list[list[tuple[list[Run], int, int]]] = []
    page.push("| ")
    for i, width in enumerate(widths):
        prose = row[i] if i < len(row) else Prose()
        offset = page.push(prose.text.replace("\n", " "))
        end = page.push(" |" if i == len(widths) - 1 else " | ")
        text = shown(prose.text)
        columns.append([(prose.slice(a, b), offset + a, offset + b) for a, b in _cell_lines(text, width)])
        end = offset + len(text)
    height = max(len(column) for column in columns)
    left = sum(cell_len(text) for text, _ in first)
    for y in range(height):
        runs = list(rest if y else first)
        pieces: list[Piece] = []
        at = left
        for i, column in enumerate(columns):
            cell_runs, start, stop = column[y] if y < len(column) else ([], end, end)
            used = sum(cell_len(shown(text)) for text, _ in cell_runs)
            before = {"right": widths[i] - used, "center": (widths[i] - used) // 2}.get(aligns[i], 0)
            after = max(0, widths[i] - used - before)
            if stop > start:
                pieces.append(Piece(at + before, start, stop))
            runs += [(" " * max(0, before), ()), *cell_runs, (" " * after, ())]
            at += widths[i]
            if i < len(columns) - 1:
                runs.append((BETWEEN, EDGE))
                at += len(BETWEEN)
        line_start = pieces[0].start if y and pieces else begin
        page.lines.append(
            Line(
                tuple(run for run in runs if run[0]),
                line_start,
                max((p.end for p in pieces), default=begin),
                tuple(pieces),
            )
        )


def _cell_lines(text: str, width: int) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    begin = 0
    for line in text.split("\n"):
        out += [(begin + a, begin + b) for a, b in wrap(line, width)]
        begin += len(line) + 1
    return out


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
