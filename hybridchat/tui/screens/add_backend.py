"""Adding a backend by hand: its kind, its address, its model, and where its key is."""

from __future__ import annotations

from typing import ClassVar, get_args

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from hybridchat.config import KINDS
from hybridchat.domain.text import clean_line
from hybridchat.errors import HybridchatError
from hybridchat.session.setup import Setup
from hybridchat.tui.widgets.rows import Row, RowList
from hybridchat.tui.widgets.tick import Tick
from hybridchat.tui.words import zone_words

_USUAL_URL = {
    "vllm": "http://127.0.0.1:8000",
    "ollama": "http://127.0.0.1:11434",
    "llamacpp": "http://127.0.0.1:8080",
    "openai": "https://api.openai.com",
}


class AddBackend(ModalScreen[bool]):
    """Answers True once the backend is in the config."""

    CSS_PATH = "dialogs.tcss"
    AUTO_FOCUS = "RowList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", show=False),
        Binding("ctrl+s", "add", show=False, priority=True),
    ]

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self._setup = setup
        kinds = [kind for kind in get_args(KINDS) if kind != "embedded"]
        self.list = RowList([Row(kind, kind) for kind in kinds])
        self.url = Input(placeholder="address, such as http://127.0.0.1:8000", compact=True)
        self.model = Input(placeholder="model; empty: the server's first", compact=True)
        self.key = Input(placeholder="key: env:NAME, keyring or command:…; empty: none", compact=True)
        self.vouched = Tick("I know that it computes on this device")
        self._status = Static("Tab moves on · Ctrl+S adds · Esc closes", markup=False, classes="note")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Add a backend", markup=False, classes="title")
            yield self.list
            yield self.url
            yield self.model
            yield self.key
            yield self.vouched
            yield self._status

    def on_mount(self) -> None:
        self.list.styles.height = len(self.list.rows)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        if not self.url.value:
            self.url.value = _USUAL_URL.get(event.row.key, "")
        self.url.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input is self.key:
            self.action_add()
        else:
            self.focus_next()

    @work(exclusive=True)
    async def action_add(self) -> None:
        kind = self.list.current
        if kind is None or not self.url.value.strip():
            self._status.update("The address is missing.")
            return
        self._status.update("Looking…")
        try:
            found = await self._setup.add_backend(
                kind=kind.key,
                base_url=self.url.value.strip(),
                model=self.model.value.strip() or None,
                key=self.key.value.strip() or None,
                vouched=self.vouched.is_ticked,
            )
        except HybridchatError as error:
            self._status.update(clean_line(str(error), 400))
            return
        self.notify(f"{clean_line(found.id)} added: {zone_words(found.zone, found.proof, found.kind)}")
        self.dismiss(True)
