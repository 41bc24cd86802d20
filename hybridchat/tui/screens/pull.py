"""Choosing and pulling a model for the embedded engine: progress, cancel, and going on where it stopped."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from hybridchat.domain.text import clean_line
from hybridchat.errors import HybridchatError
from hybridchat.session.setup import OfferedModel, PullProgress, Setup
from hybridchat.tui.beside import BESIDE
from hybridchat.tui.widgets.rows import Row, RowList
from hybridchat.tui.words import brief, size

BAR_WIDTH = 24


class PullModel(ModalScreen[bool]):
    """Answers True once a model is here and the embedded backend is in the config."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Stop, or close", show=False)]

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self._setup = setup
        self._pull: asyncio.Task[None] | None = None
        self.list = RowList()
        self._status = Static("Asking what there is…", markup=False, classes="note")
        self._hint = Static("", markup=False, classes="note")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide"):
            yield Static("A model inside hybridchat", markup=False, classes="title")
            yield Static(
                "Open weights, on this device; nothing leaves it. Choose one to download.", markup=False, classes="note"
            )
            yield self.list
            yield self._status
            yield self._hint

    def on_mount(self) -> None:
        self._load()

    @work
    async def _load(self) -> None:
        self._hint.update("Enter downloads · Esc goes back")
        try:
            models = await self._setup.catalog()
        except HybridchatError as error:
            self._status.update(brief(str(error)))
            return
        self.list.set_rows([_row(m) for m in models])
        self.list.styles.height = max(1, len(models))
        self.list.focus()
        self._status.update(brief(next((m.problem for m in models if m.problem), "")))

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        if self._pull is None:
            self._run(event.row.key)

    @work(name=BESIDE)
    async def _run(self, model: str) -> None:
        self._hint.update("Esc stops; a later start goes on from there")
        self._pull = asyncio.create_task(self._setup.pull(model, self._show))
        try:
            await self._pull
        except asyncio.CancelledError:
            if not self._pull.cancelled():
                raise  # the program ends, not the download
            self._status.update("Stopped. What came is kept; Enter goes on.")
        except HybridchatError as error:
            self._status.update(brief(str(error)))
        else:
            self.dismiss(True)
            return
        finally:
            self._pull = None
        self._load_again()

    def _load_again(self) -> None:
        self._hint.update("Enter goes on · Esc goes back")

    def _show(self, progress: PullProgress) -> None:
        self._status.update(progress_content(progress))

    def action_leave(self) -> None:
        if self._pull is not None:
            self._pull.cancel()
        else:
            self.dismiss(False)

    def on_unmount(self) -> None:
        if self._pull is not None:
            self._pull.cancel()


def progress_content(progress: PullProgress) -> Content:
    """A bar with what is known: share, bytes, speed and the time it will still take."""
    facts = [size(progress.done_bytes)]
    bar = ""
    if progress.total_bytes:
        share = min(1.0, progress.done_bytes / progress.total_bytes)
        filled = round(share * BAR_WIDTH)
        bar = "█" * filled + "─" * (BAR_WIDTH - filled)
        facts = [f"{share:.0%}", f"{size(progress.done_bytes)} of {size(progress.total_bytes)}"]
    if progress.bytes_per_s:
        facts.append(f"{size(round(progress.bytes_per_s))}/s")
        if progress.total_bytes:
            left_s = (progress.total_bytes - progress.done_bytes) / progress.bytes_per_s
            facts.append(f"{left_s / 60:.0f} min left" if left_s >= 90 else f"{left_s:.0f} s left")
    detail = f"{clean_line(progress.detail, 60)}\n" if progress.detail else ""
    return Content.assemble(detail, (bar, "$primary"), "  " if bar else "", " · ".join(facts))


def _row(model: OfferedModel) -> Row:
    memory = f"{size(model.memory_bytes)} memory" if model.memory_bytes else "memory unknown"
    came = ""
    if model.pulled_bytes:
        is_here = model.size_bytes is not None and model.pulled_bytes >= model.size_bytes
        came = ", here" if is_here else f", {size(model.pulled_bytes)} here"
    text = f"{clean_line(model.title, 60)} · {clean_line(model.licence, 30)} · {memory}"
    return Row(model.name, text, f"{size(model.size_bytes)}{came}")
