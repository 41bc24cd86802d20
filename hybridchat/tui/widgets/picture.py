"""A picture: in pixels once the terminal has said that it has them; till then, or else, in half cells, each of which
shows two, one over the other. These need nothing but colours."""

from __future__ import annotations

import asyncio

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Offset, Size
from textual.strip import Strip
from textual.widget import Widget

from hybridchat.domain.files import Preview
from hybridchat.errors import UsageError
from hybridchat.tui.pasting import Told
from hybridchat.tui.pixels import QUESTION, STANDS_IN, Drawn, Read, blanked, draw, drawn_at, passed_over, way_of
from hybridchat.tui.terminal import cell_of_window

UPPER_HALF = "▀"
RESIZED_FOR_S = 0.1  # while a window is being pulled, nothing is read for each of its sizes


class Picture(Widget):
    """As large as there is room, never larger than its pixels, in the middle.

    `read` reads more of these; None: it stays in half cells, and the terminal is asked nothing. Nor is it where its
    answers would be keys.
    """

    def __init__(self, preview: Preview, read: Read | None = None) -> None:
        super().__init__()
        self._preview = preview
        self._read = read
        self._asks = False
        self._drawn: Drawn | None = None
        self._has_sixels = False  # they are on the screen, until anything is written there

    def on_mount(self) -> None:
        from hybridchat.tui.app import HybridChatApp

        app = self.app
        assert isinstance(app, HybridChatApp)
        self._asks = self._read is not None and app.can_ask_terminal
        app.terminal_told.subscribe(self, self._be_told)
        app.app_resume_signal.subscribe(self, lambda _: self._begin_anew())

    def on_unmount(self) -> None:
        self._use(None)

    def on_resize(self) -> None:
        """Also the first time. Cells may be of another size now."""
        self.workers.cancel_node(self)
        self._use(None)
        if self._asks:
            self._write(QUESTION)

    # --- in pixels

    def _be_told(self, told: Told) -> None:
        self.run_worker(self._draw(told), exclusive=True)

    async def _draw(self, told: Told) -> None:
        way, cell = way_of(told, self.app.console.color_system), told.cell or cell_of_window()
        if self._read is None or way is None or cell is None:
            return
        await asyncio.sleep(RESIZED_FOR_S)
        try:
            self._use(await draw(self._read, way, self.size, cell))
        except UsageError:
            return  # half cells show what could be read before

    def _use(self, drawn: Drawn | None) -> None:
        """In place of what the terminal has of it."""
        if self._drawn is not None:
            self._write(self._drawn.end)
        self._drawn = drawn
        if self.app._driver is not None:
            revise = self._with_sixels if drawn is not None and drawn.sixels else None
            self.app._driver.revise = revise  # type: ignore[attr-defined]
            self.app._driver.last_of_all = drawn.end if drawn is not None else ""  # type: ignore[attr-defined]
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Also after another program had the terminal, which has forgotten it then."""
        self._has_sixels = False
        if self._drawn is not None:
            self._write(self._drawn.begin)
        self.refresh()

    def _with_sixels(self, data: str) -> str:
        """What is written to the terminal, with them in place of the cells that stand in."""
        if self._drawn is None or STANDS_IN not in data:
            return data
        is_seen, had_sixels = self.screen.is_active, self._has_sixels
        self._has_sixels = is_seen
        if not is_seen:
            return blanked(data)
        if had_sixels:
            return passed_over(data)
        at = self.content_region.offset + self._corner(self._drawn.cells)
        return blanked(data) + drawn_at(at, self._drawn.sixels)

    def _write(self, sequence: str) -> None:
        if sequence and self.app._driver is not None and self.app.is_running:
            self.app._driver.write(sequence)

    # --- in cells

    def render_line(self, y: int) -> Strip:
        """Under another screen always in half cells: colours are changed there, and sixels would lie over all."""
        drawn = self._drawn if self.screen.is_active else None
        pixels = self._fitted()
        cells = drawn.cells if drawn is not None else Size(pixels.width, pixels.height // 2)
        corner = self._corner(cells)
        row = y - corner.y
        if not 0 <= row < cells.height:
            return Strip.blank(self.size.width, self.rich_style)
        line = [Segment(" " * corner.x, self.rich_style)]
        if drawn is not None:
            line.append(Segment(drawn.line(row), self.rich_style + Style(color=drawn.colour)))
        else:
            self._has_sixels = False
            line += self._half_cells(row, pixels)
        return Strip(line).adjust_cell_length(self.size.width, self.rich_style)

    def _corner(self, cells: Size) -> Offset:
        return Offset((self.size.width - cells.width) // 2, (self.size.height - cells.height) // 2)

    def _fitted(self) -> Size:
        """Width and height in pixels of half cells, an even number of rows."""
        width, height = self._preview.width, self._preview.height
        scale = min(1.0, self.size.width / width, 2 * self.size.height / height)
        return Size(max(1, int(width * scale)), max(2, int(height * scale) // 2 * 2))

    def _half_cells(self, row: int, size: Size) -> list[Segment]:
        pairs = ((self._colour(x, 2 * row, size), self._colour(x, 2 * row + 1, size)) for x in range(size.width))
        return [Segment(UPPER_HALF, Style(color=upper, bgcolor=lower)) for upper, lower in pairs]

    def _colour(self, x: int, y: int, size: Size) -> Color:
        preview = self._preview
        column, row = x * preview.width // size.width, y * preview.height // size.height
        at = 3 * (row * preview.width + column)
        return Color.from_rgb(*preview.rgb[at : at + 3])
