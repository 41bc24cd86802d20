"""Asking for the key of one backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from hybridchat.domain.text import clean_line
from hybridchat.errors import HybridchatError
from hybridchat.session.keeping import Kept, place_for_keys
from hybridchat.tui.beside import BESIDE
from hybridchat.tui.widgets.key_field import KeyField
from hybridchat.tui.words import brief

if TYPE_CHECKING:
    from hybridchat.session.chat import Session

_KEYS = "Enter keeps it · Esc leaves everything as it is"


class AskKey(ModalScreen[Kept | None]):
    """Answers where the key was kept, or None: nothing was changed."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close", show=False)]

    def __init__(self, session: Session, backend: str, why: str = "") -> None:
        """`why`: what the backend said, as one line."""
        super().__init__()
        self._session, self._backend, self._why = session, backend, why
        self.key = KeyField("key")
        self._where = Static("", markup=False, classes="note")
        self._status = Static(_KEYS, markup=False, classes="note")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide"):
            yield Static(f"A key for {clean_line(self._backend, 40)}", markup=False, classes="title")
            if self._why:
                yield Static(brief(self._why), markup=False, classes="note")
            yield self._where
            yield self.key
            yield self._status

    @work(name=BESIDE, group="where")
    async def on_mount(self) -> None:
        self.key.focus()
        host = clean_line(self._session.key_host(self._backend), 200)
        bound = f"It is bound to {host}: it goes nowhere else, and no other host's key goes there."
        self._where.update(bound)
        self._where.update(f"{bound}\nIt is {clean_line(await place_for_keys())}.")

    @work(exclusive=True, group="keep")
    async def on_input_submitted(self) -> None:
        try:
            kept = await self._session.set_key(self._backend, self.key.value)
        except HybridchatError as error:
            self._status.add_class("-error")
            self._status.update(brief(str(error)))
        else:
            self.dismiss(kept)
