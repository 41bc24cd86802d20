"""All branches of a chat, as one tree: the one that is shown is its straight line."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from textual import work
from textual.widgets import Static

from hybridchat.domain.chat import MessageState
from hybridchat.domain.outline import SPEAKERS, Node, TreeRow, branch_count, rows
from hybridchat.domain.pricing import format_usd
from hybridchat.domain.text import clean_line, count_of, title_of
from hybridchat.tui.actions import BY_ID
from hybridchat.tui.keymap import Keymap
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.widgets.hints import told
from hybridchat.tui.widgets.rows import Row
from hybridchat.tui.words import deleted_words, when

if TYPE_CHECKING:
    from hybridchat.session.chat import Session
    from hybridchat.session.state import Chat

_ENDINGS = {MessageState.STREAMING: "running", MessageState.FAILED: "failed"}
_LATER = {"edit_message": "edits", "answer_again": "answers again"}  # on the chat's own screen
_HERE = {"delete_chat": "deletes from here", "undo_delete": "undoes"}


class Place(Struct, frozen=True):
    """Where to go, and what is wanted there: an action of the chat's, or ""."""

    message_id: int
    action: str = ""


class Tree(Picker):
    """Answers with a Place, or None. `is_all_gone`: all of the chat was deleted here."""

    AROUND = 11

    def __init__(self, session: Session, chat: Chat, current: int | None, keymap: Keymap) -> None:
        does = [f"{keymap.name(name)} {word}" for name, word in (_LATER | _HERE).items() if keymap.of(name)]
        super().__init__("Tree of this chat", [], hint=" · ".join(["Enter goes there", *does, "Esc closes"]), note=" ")
        for name in (*_LATER, *_HERE):
            title = BY_ID["delete_branch" if name == "delete_chat" else name].title
            for key in keymap.of(name):
                self._bindings.bind(key, f"leave('{name}')" if name in _LATER else name, title, show=False)
        self._session, self._chat = session, chat
        self._current = current
        self._undo_key = keymap.name("undo_delete")
        self.is_all_gone = False

    def on_mount(self) -> None:
        self._load()

    def _fit(self) -> None:
        self.list.styles.height = max(1, min(max(len(self.all_rows), 8), self.room))

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        with told(self):
            nodes = await self._session.branches.outline(self._chat)
            shown = {message.id for message in self._chat.messages}
            self.all_rows = await asyncio.to_thread(tree_rows, nodes, shown, datetime.now().astimezone())
            ends = branch_count(nodes)
            branches = f"{ends:,} {'branch' if ends == 1 else 'branches'}"
            self.query_one(".note", Static).update(f"{count_of(len(nodes), 'message')}, {branches}; ● is shown")
            self._fit()
            self._narrow()
            if self._current is not None:
                self.list.set_rows(self.list.rows, self._current)
                self._current = None

    def choose(self, row: Row) -> None:
        self.dismiss(Place(row.key))

    def action_leave(self, action: str) -> None:
        if row := self.list.current:
            self.dismiss(Place(row.key, action))

    @work
    async def action_delete_chat(self) -> None:
        """The chat's key, for the message under the cursor and what follows it."""
        if row := self.list.current:
            with told(self):
                count = await self._session.delete_branch(self._chat, row.key)
                if count is None:
                    self.is_all_gone = True
                    self.dismiss(None)
                    return
                self.notify(deleted_words(count, self._undo_key))
            self._load()

    @work
    async def action_undo_delete(self) -> None:
        with told(self):
            if await self._session.undo_delete() is None:
                self.notify("There is no deletion to undo.")
        self._load()


def tree_rows(nodes: Sequence[Node], shown: Collection[int], now: datetime) -> list[Row]:
    return [_row(one, now) for one in rows(nodes, shown)]


def _row(one: TreeRow, now: datetime) -> Row:
    node = one.node
    place = f"‹{one.place}/{one.beside}› " if one.beside > 1 else ""
    speaker = SPEAKERS.get(node.role, "")
    text = f"{one.lines}{'●' if one.is_shown else '○'} {speaker:<5} {place}{title_of(node.text) or '(no words)'}"
    facts = [
        _ENDINGS.get(node.state, ""),
        clean_line(node.model or "", 24),
        "" if node.cost_usd is None else format_usd(node.cost_usd),
        when(node.created_at, now),
    ]
    side = "" if node.zone is None else "local" if node.zone.is_local else "managed"
    return Row(node.id, text, " · ".join(filter(None, facts)), side if one.is_shown else "muted")
