"""All conversations, newest first: filter, open, rename, delete, undo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from textual import work

from hybridchat.domain.chat import Conversation, Privacy, is_off_record
from hybridchat.errors import HybridchatError
from hybridchat.tui.keymap import Keymap
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.widgets.rows import Row
from hybridchat.tui.words import brief, when

if TYPE_CHECKING:
    from hybridchat.session.chat import Session

FIRST = 200  # shown at once; the rest follows
ALL = 1_000_000
_DOES = {"rename_chat": "renames", "delete_chat": "deletes", "undo_delete": "undoes"}


class ChatList(Picker):
    """Answers with the id of the chosen conversation, or None."""

    def __init__(self, session: Session, current: int | None, keymap: Keymap) -> None:
        does = [f"{keymap.name(action)} {word}" for action, word in _DOES.items() if keymap.of(action)]
        super().__init__("Chats", [], current=current, hint=" · ".join(["Enter opens", *does, "Esc closes"]))
        for action in _DOES:
            for key in keymap.of(action):
                self._bindings.bind(key, action, show=False)
        self._undo_key = keymap.name("undo_delete")
        self._session = session
        self._current = current
        self.deleted: set[int | None] = set()

    def on_mount(self) -> None:
        super().on_mount()
        self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        with self._told():
            first = await self._session.conversations(FIRST)
            self._show(first)
            if len(first) == FIRST:
                self._show(await self._session.conversations(ALL))

    def _show(self, conversations: list[Conversation]) -> None:
        now = datetime.now().astimezone()
        empty = [Row(None, "No conversations yet.")]
        self.set_all_rows([_row(c, now, is_current=c.id == self._current) for c in conversations] or empty)

    @work
    async def action_rename_chat(self) -> None:
        from hybridchat.tui.screens.dialogs import Prompt

        if row := self.list.current:
            title = await self.app.push_screen_wait(Prompt("Rename this chat", row.text))
            if title and title.strip():
                with self._told():
                    await self._session.rename(row.key, title.strip())
                self._load()

    @work
    async def action_delete_chat(self) -> None:
        if row := self.list.current:
            with self._told():
                await self._session.delete(row.key)
                self.deleted.add(row.key)
                self.notify(f"Chat deleted. {self._undo_key} brings it back, until you quit.")
            self._load()

    @work
    async def action_undo_delete(self) -> None:
        with self._told():
            self.deleted.discard(await self._session.undo_delete())
        self._load()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except HybridchatError as error:
            self.notify(brief(str(error)), severity="error")


def _row(conversation: Conversation, now: datetime, *, is_current: bool) -> Row:
    marks = {Privacy.LOCAL_ONLY: "local only  ", Privacy.PRIVATE: "private  ", Privacy.OPEN: ""}[conversation.privacy]
    here = "open now  " if is_current else ""
    marks = f"off the record  {marks}" if is_off_record(conversation.id) else marks
    return Row(
        conversation.id, conversation.title or "(no title)", f"{here}{marks}{when(conversation.updated_at, now)}"
    )
