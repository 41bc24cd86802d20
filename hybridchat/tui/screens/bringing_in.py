"""An import while it runs, and what came of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from hybridchat.domain.text import clean_line, count_of
from hybridchat.errors import HybridchatError
from hybridchat.tui.beside import BESIDE
from hybridchat.tui.words import brief

if TYPE_CHECKING:
    from hybridchat.session.importing import Importer, Report

MAX_LINES = 5  # of what was not read; the command line tells all


class BringIn(ModalScreen[None]):
    """Esc stops it, and closes this once it has ended. What came before stays."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Stop, or close", show=False)]

    def __init__(self, importer: Importer, file: Path) -> None:
        super().__init__()
        self._importer, self._file = importer, file
        self._is_running = True
        self._status = Static("Reading…", markup=False, classes="told")
        self._hint = Static("Esc stops; what came stays", markup=False, classes="note")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide"):
            yield Static(f"Import {clean_line(self._file.name, 50)}", markup=False, classes="title")
            yield self._status
            yield self._hint

    def on_mount(self) -> None:
        self._run()

    @work(name=BESIDE)
    async def _run(self) -> None:
        loop = asyncio.get_running_loop()

        def show(report: Report, share: float) -> None:
            loop.call_soon_threadsafe(self._show, report.added.messages, share)

        try:
            report = await asyncio.to_thread(self._importer.run, [self._file], on_progress=show)
        except HybridchatError as error:
            self._status.update(brief(str(error)))
        else:
            self._status.update("\n".join(report_lines(report)))
        finally:
            self._is_running = False
        self._hint.update("Esc closes")

    def _show(self, messages: int, share: float) -> None:
        if self._is_running:
            self._status.update(f"{share:.0%} · {count_of(messages, 'message')}")

    def action_leave(self) -> None:
        self._importer.stop()
        if not self._is_running:
            self.dismiss()

    def on_unmount(self) -> None:
        self._importer.stop()


def report_lines(report: Report) -> list[str]:
    lines = [*report.lines("added"), *([] if report.is_whole else ["stopped: another import adds the rest"])]
    lines += [brief(f"not read: {one.where}: {one.why}", 120) for one in report.told[:MAX_LINES]]
    if report.unread > MAX_LINES:
        lines.append(f"and {report.unread - MAX_LINES:,} more; `hybridchat import --json` tells all")
    return lines
