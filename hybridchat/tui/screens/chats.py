"""All conversations, newest first: filter, open, rename, mark, delete, undo."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from textual import work

from hybridchat.domain.chat import Conversation, is_off_record
from hybridchat.domain.text import clean_line, count_of
from hybridchat.session.finding import NewMarks
from hybridchat.session.unread import Activity
from hybridchat.tui.actions import BY_ID
from hybridchat.tui.keymap import Keymap
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.widgets.hints import told
from hybridchat.tui.widgets.rows import Row
from hybridchat.tui.words import PINNED, marks_of, new_replies, when

if TYPE_CHECKING:
    from hybridchat.session.chat import Session

FIRST = 200  # shown at once; the rest follows
ALL = 1_000_000
LOOK_EVERY_S = 1.0
ARCHIVE = -1  # in place of an id: the row that shows what is archived
_DOES = {
    "rename_chat": "renames",
    "star_chat": "stars",
    "tag_chat": "tags",
    "archive_chat": "archives",
    "delete_chat": "deletes",
    "undo_delete": "undoes",
}


class ChatList(Picker):
    """Answers with the id of the chosen conversation, or None."""

    AROUND = 9  # its hint has two lines

    def __init__(self, session: Session, current: int | None, keymap: Keymap) -> None:
        does = [f"{keymap.name(action)} {word}" for action, word in _DOES.items() if keymap.of(action)]
        super().__init__("Chats", [], current=current, hint=" · ".join(["Enter opens", *does, "Esc closes"]))
        for action in _DOES:
            for key in keymap.of(action):
                self._bindings.bind(key, action, BY_ID[action].title, show=False)
        self._undo_key = keymap.name("undo_delete")
        self._session = session
        self._current = current
        self._shows_archive = False
        self._activity = Activity()
        self._by_id: dict[int, Conversation] = {}
        self._with_drafts: frozenset[int] = frozenset()
        self.deleted: set[int | None] = set()

    def on_mount(self) -> None:
        self._load()
        self.set_interval(LOOK_EVERY_S, self._look)

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        """At what goes on in them, in other windows too."""
        with told(self):
            if await self._session.unread.look() != self._activity:
                self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        with told(self):
            self._activity = await self._session.unread.look()
            self._with_drafts = await self._session.drafts.conversations()
            first = await self._session.conversations(FIRST)
            self._show(first)
            if len(first) == FIRST:
                self._show(await self._session.conversations(ALL))

    def _show(self, conversations: list[Conversation]) -> None:
        now = datetime.now().astimezone()
        self._by_id = {conversation.id: conversation for conversation in conversations}
        shown = [c for c in conversations if self._shows_archive or c.archived_at is None]
        rows = [self._row(c, now) for c in shown] or [Row(None, "No conversations yet.")]
        if hidden := len(conversations) - len(shown):
            rows.append(Row(ARCHIVE, f"{count_of(hidden, 'archived chat')}…", style="muted"))
        self.set_all_rows(rows)

    def _row(self, conversation: Conversation, now: datetime) -> Row:
        number, unread = conversation.id, self._activity.unread.get(conversation.id, 0)
        facts = [
            "running" if number in self._activity.running else "",
            new_replies(unread) if unread and number != self._current else "",
            "draft" if number in self._with_drafts else "",
            "open now" if number == self._current else "",
            marks_of(conversation),
            "off the record" if is_off_record(number) else "",
            PINNED[conversation.privacy],
            when(conversation.updated_at, now),
        ]
        return Row(number, conversation.title or "(no title)", "  ".join(filter(None, facts)))

    def searched(self, row: Row) -> str:
        """Tags too."""
        return f"{row.text} {row.detail}".casefold()

    def choose(self, row: Row) -> None:
        if row.key == ARCHIVE:
            self._shows_archive = True
            self._load()
        else:
            super().choose(row)

    def _chosen(self) -> Conversation | None:
        """The one under the cursor."""
        row = self.list.current
        return None if row is None else self._by_id.get(row.key)

    @work
    async def action_star_chat(self) -> None:
        if one := self._chosen():
            await self._mark(one, NewMarks(starred=one.starred_at is None))

    @work
    async def action_archive_chat(self) -> None:
        if one := self._chosen():
            await self._mark(one, NewMarks(archived=one.archived_at is None))

    @work
    async def action_tag_chat(self) -> None:
        from hybridchat.tui.screens.marking import ask_tags

        if one := self._chosen():
            with told(self):
                if (new := await ask_tags(self.app, one)) is not None:
                    await self._mark(one, new)

    async def _mark(self, conversation: Conversation, new: NewMarks) -> None:
        with told(self):
            await self._session.finding.mark(conversation.id, new)
        self._load()

    @work
    async def action_rename_chat(self) -> None:
        from hybridchat.tui.screens.dialogs import Prompt

        if row := self._chosen():
            title = await self.app.push_screen_wait(Prompt("Rename this chat", clean_line(row.title)))
            if title and title.strip():
                with told(self):
                    await self._session.rename(row.id, title.strip())
                self._load()

    @work
    async def action_delete_chat(self) -> None:
        if row := self._chosen():
            with told(self):
                await self._session.delete(row.id)
                self.deleted.add(row.id)
                self.notify(f"Chat deleted. {self._undo_key} brings it back, until you quit.")
            self._load()

    @work
    async def action_undo_delete(self) -> None:
        with told(self):
            self.deleted.discard(await self._session.undo_delete())
        self._load()
