"""What goes along with the draft: shown, opened, removed; and pastes too long for the composer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.widget import Widget

from hybridchat.domain.attachments import AttachedFile, Attachment, size_words
from hybridchat.domain.text import clean_line, count_of
from hybridchat.errors import HybridchatError, UsageError
from hybridchat.session.state import Along
from hybridchat.tui.mentions import as_mark, dropped_path
from hybridchat.tui.screens.sending import Sending
from hybridchat.tui.widgets.composer import Composer
from hybridchat.tui.words import attached_words

if TYPE_CHECKING:
    from hybridchat.session.chat import Chat
    from hybridchat.tui.widgets.attached import AttachedLine

VAST_PASTE = 1_000_000  # characters: from here on a paste is confirmed first


class Enclosing(Sending):
    """While a file is being read Enter waits for it: what was chosen goes along."""

    def __init__(self) -> None:
        super().__init__()
        self._reads: list[str] = []
        self._enter_when_read = False
        self._pastes = 0

    # --- the line over the composer

    def carry(self, along: Along) -> None:
        super().carry(along)
        if self.is_mounted:
            self._show_line(along.files)
            self.plan_soon()

    def _show_line(self, files: tuple[AttachedFile, ...]) -> None:
        from hybridchat.tui.widgets.attached import AttachedLine

        lines = self.query(AttachedLine)
        if not files:
            lines.remove()
        elif lines:
            lines.first().show(files)
        else:
            self.mount(AttachedLine(files), before=self.route_line)

    def on_attached_line_clicked(self, event: AttachedLine.Clicked) -> None:
        self.action_attachments()

    # --- reading

    @contextmanager
    def being_read(self, name: str) -> Iterator[None]:
        self._reads.append(name)
        try:
            yield
        finally:
            self._reads.remove(name)
            if self._enter_when_read and not self._reads:
                self._enter_when_read = False
                self.enter()

    def enter(self) -> None:
        if self._reads:
            self._enter_when_read = True
            self.route_line.say(f"Reading {', '.join(self._reads)}: it is sent with it as soon as that is done")
        else:
            super().enter()

    async def attach_path(self, chat: Chat, path: Path, name: str) -> None:
        """A file, or the texts of a folder once the user has seen how much that is. Raises HybridchatError."""
        assert self.session is not None
        try:
            if await asyncio.to_thread(path.is_dir):
                attachments = await self._texts_of(chat, path, name)
            else:
                attachments = (await self.session.gathering.read(chat, path),)
        except HybridchatError:
            self._enter_when_read = False  # what was meant to go along does not: the words wait
            raise
        self.add_along(chat, Along(attachments))

    async def _texts_of(self, chat: Chat, folder: Path, name: str) -> tuple[Attachment, ...]:
        from hybridchat.tui.screens.dialogs import Confirm

        assert self.session is not None
        gathered = await self.session.gathering.gather(folder, name)
        files = [attachment.file for attachment in gathered.attachments]
        tokens, size = sum(file.text_tokens or 0 for file in files), sum(file.size_bytes for file in files)
        left = f" {count_of(gathered.left_out, 'other file')} would be left out." if gathered.left_out else ""
        question = f"Attach {count_of(len(files), 'text')} of {clean_line(name, 60)}?"
        detail = f"{size_words(size)}, ≈ {tokens:,.0f} tokens.{left}"
        is_wanted = await self.app.push_screen_wait(Confirm(question, detail, yes="Attach", is_harmless=True))
        self.composer.focus()
        self._enter_when_read = self._enter_when_read and bool(is_wanted)
        return await self.session.gathering.take(chat, folder, gathered) if is_wanted else ()

    # --- attaching by name, and looking at what is attached

    @work
    async def action_attach(self) -> None:
        from hybridchat.tui.screens.dialogs import Prompt

        name = await self.app.push_screen_wait(Prompt("Attach which file or folder?", placeholder="~/notes.txt"))
        self.composer.focus()
        if name and name.strip():
            try:
                await self.call_attach(name)
            except HybridchatError as error:
                self.notify(str(error), severity="error", timeout=10)

    async def call_attach(self, name: str) -> None:
        from hybridchat.session.files import path_of

        if self.session is not None and self.chat is not None:
            with self.being_read(name.strip()):
                await self.attach_path(self.chat, path_of(name), name.strip())

    @work
    async def action_attachments(self) -> None:
        """Of the draft, to open or remove; then those of the conversation, to open."""
        from hybridchat.tui.widgets.rows import Row

        if self.session is None or self.chat is None:
            return
        sent = [file for message in reversed(self.chat.messages) for file in message.attachments]
        rows = [Row(file, attached_words(file), "with this message", "local") for file in self.along.files]
        rows += [
            Row(file, attached_words(file), "sent") for file in dict.fromkeys(sent) if file not in self.along.files
        ]
        if not rows:
            self.notify("Nothing is attached here. @ and a name attaches a file.")
            return
        chosen = rows[0].key if len(rows) == 1 else await self.pick("Attachments", rows)
        if isinstance(chosen, AttachedFile):
            with self.told():
                await self._look_at(self.chat, chosen)

    async def _look_at(self, chat: Chat, file: AttachedFile) -> None:
        from hybridchat.tui.widgets.rows import Row

        what: object = "open"
        if file in self.along.files:
            into = [Row("into", "Put its text into the message")] if file.is_text else []
            rows = [Row("open", "Open it"), Row("remove", "Remove it from the message"), *into]
            what = await self.pick(attached_words(file), rows, has_filter=False)
        if what is None or chat is not self.chat:
            return
        if what == "remove":
            self.carry(self.along.without(file))
            return
        attachment = await self._content(chat, file)
        if what == "into":
            self.carry(self.along.without(file))
            self.composer.paste(attachment.text or "")
        else:
            await self._open(attachment)

    async def _content(self, chat: Chat, file: AttachedFile) -> Attachment:
        assert self.session is not None
        here = (one for one in self.along.attachments if one.file == file)
        return next(here, None) or await self.session.attached.content(chat, file)

    async def _open(self, attachment: Attachment) -> None:
        from hybridchat.tui.screens.attachment import AttachmentView

        await self.app.push_screen_wait(AttachmentView(attached_words(attachment.file), await self._shown(attachment)))
        self.composer.focus()

    async def _shown(self, attachment: Attachment) -> Widget:
        from textual.widgets import Static

        if attachment.text is not None:
            from hybridchat.tui.widgets.pager import Pager, lines_of

            return Pager(await asyncio.to_thread(lines_of, attachment.text))
        if attachment.file.is_picture and self.session is not None:
            from hybridchat.tui.widgets.picture import Picture

            try:
                return Picture(await self.session.gathering.preview(attachment))
            except UsageError as error:
                return Static(f"No preview: {error}", markup=False, classes="note")
        return Static("This document has no text to be shown.", markup=False, classes="note")

    def add_along(self, chat: Chat, along: Along) -> None:
        """To the draft of that chat, wherever it is by now."""
        if chat is self.chat:
            known = set(self.along.files)
            new = tuple(one for one in along.attachments if one.file not in known)
            self.carry(self.along + Along(new))
        else:
            self.give_back(chat, "", along)

    # --- pastes

    @work
    async def on_composer_big_paste(self, event: Composer.BigPaste) -> None:
        from hybridchat.tui.screens.dialogs import Confirm

        text, lines = event.text, event.text.count("\n") + 1
        if len(text) >= VAST_PASTE:
            question = f"Paste {len(text) / 1e6:.1f} million characters in {lines:,} lines?"
            detail = "As an attachment, with control characters made visible. A model may not take this much."
            is_wanted = await self.app.push_screen_wait(Confirm(question, detail, yes="Paste", is_harmless=True))
            self.composer.focus()
            if not is_wanted:
                return
        if self.session is None or self.chat is None:
            self.composer.paste(text)
            return
        chat = self.chat
        self._pastes += 1
        with self.being_read(f"paste {self._pastes}"):
            attachment = await self.session.gathering.pasted(text, self._pastes)
            if chat is self.chat:
                self.composer.paste(f"{as_mark(attachment.name)} ")
            self.add_along(chat, Along((attachment,)))

    @work
    async def on_composer_path_pasted(self, event: Composer.PathPasted) -> None:
        """A file that was dropped into the terminal: attached if the user wants that, else it is the text it was."""
        from hybridchat.tui.screens.dialogs import Confirm

        path, chat = dropped_path(event.text), self.chat
        if path is None or chat is None or not await asyncio.to_thread(_exists, path):
            self.composer.paste(event.text)
            return
        question = f"Attach {clean_line(path.name, 60)}?"
        detail = f"{clean_line(str(path), 200)}\nElse its path is pasted."
        is_wanted = await self.app.push_screen_wait(Confirm(question, detail, yes="Attach", is_harmless=True))
        self.composer.focus()
        if not is_wanted:
            self.composer.paste(event.text)
            return
        with self.told(), self.being_read(path.name):
            await self.attach_path(chat, path, path.name)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
