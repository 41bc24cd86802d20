"""@ in the composer, pastes that are too long for it, and what goes along with the draft."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from textual import work
from textual.worker import Worker, WorkerError

from hybridchat.session.state import Along
from hybridchat.tui.beside import BESIDE
from hybridchat.tui.screens.sending import Sending
from hybridchat.tui.widgets.composer import Composer

if TYPE_CHECKING:
    from hybridchat.domain.attachments import AttachedFile
    from hybridchat.session.chat import Chat
    from hybridchat.tui.mentions import Mention
    from hybridchat.tui.screens.attached import Chosen, Names


class Reading:
    """Of something that is to go along; not done, it does not."""

    is_done = False


class Mentioning(Sending):
    """While a file is being read Enter waits for it: what was chosen goes along. Nothing is read of a folder but its
    names, until something is chosen."""

    def __init__(self) -> None:
        super().__init__()
        self._reads: list[str] = []
        self._enter_when_read = False
        self._pastes = 0
        self._names: Names | None = None
        self._offering: Worker[None] | None = None

    # --- what goes along

    def carry(self, along: Along) -> None:
        had_any = bool(self.along)
        super().carry(along)
        if self.is_mounted and (had_any or along):
            from hybridchat.tui.screens.attached import show_line

            show_line(self, along.files)
            self.plan_soon()

    def add_along(self, chat: Chat, along: Along) -> None:
        """To the draft of that chat, wherever it is by now."""
        if chat is self.chat:
            known: set[AttachedFile] = set(self.along.files)
            self.carry(self.along + Along(tuple(one for one in along.attachments if one.file not in known)))
        else:
            self.give_back(chat, "", along)

    def count_paste(self) -> int:
        names = {file.name for file in self.along.files}  # a draft that came back has its own
        self._pastes += 1
        while f"paste-{self._pastes}.txt" in names:
            self._pastes += 1
        return self._pastes

    @contextmanager
    def being_read(self, name: str) -> Iterator[Reading]:
        reading = Reading()
        self._reads.append(name)
        try:
            yield reading
        finally:
            self._reads.remove(name)
            self._enter_when_read = self._enter_when_read and reading.is_done  # else the words wait
            if self._enter_when_read and not self._reads:
                self._enter_when_read = False
                self.enter()

    def enter(self) -> None:
        """Enter chooses what is offered after an @, else it sends."""
        if self.complete_mention() and self.composer.completions.accept(is_final=True):
            return
        if self._mention() is not None and self._offering is not None and not self._offering.is_finished:
            self._enter_once_offered(self._offering, self.composer.text)
        elif self._reads:
            self._enter_when_read = True
            self.route_line.say(f"Reading {', '.join(self._reads)}: sent with it as soon as that is done")
        else:
            super().enter()

    # --- completing

    def complete(self) -> None:
        mention = self._mention()
        if mention is None:
            super().complete()
        elif self.session is not None:
            self._offering = self._offer(mention)

    @work
    async def _enter_once_offered(self, offering: Worker[None], text: str) -> None:
        """Enter may come before the names that it is to choose from: the words must not go without the file."""
        with suppress(WorkerError):
            await offering.wait()
        if self.composer.text == text:
            self.enter()

    def complete_mention(self) -> bool:
        """Whether what is offered is about what stands before the cursor, after an @."""
        row = self.composer.completions.current if self.composer.completions.display else None
        return row is not None and self._mention() is not None and getattr(row.key, "mention", None) == self._mention()

    def _mention(self) -> Mention | None:
        row, column = self.composer.cursor_location
        line = self.composer.document.get_line(row)[:column]
        if "@" not in line:  # for every key
            return None
        from hybridchat.tui.mentions import mention_in

        return mention_in(line)

    @work(exclusive=True, group="mention")
    async def _offer(self, mention: Mention) -> None:
        from hybridchat.tui.screens.attached import Names

        assert self.session is not None
        self._names = self._names or Names(self.session)
        rows = await self._names.rows(mention)
        if self._mention() == mention:
            self.composer.completions.offer(f"@{mention.typed}", rows, self._choose)

    def _choose(self, chosen: Chosen, is_final: bool) -> None:
        """Tab goes on in a folder; Enter attaches its texts."""
        from hybridchat.tui.screens.attached import put_mark

        if self._mention() == chosen.mention:
            goes_on = chosen.is_folder and not is_final
            put_mark(self, chosen, goes_on=goes_on)
            if not goes_on:
                self._attach_named(chosen.name)

    # --- attaching

    @work(name=BESIDE)
    async def _attach_named(self, name: str) -> None:
        from hybridchat.tui.screens.attached import attach_named

        await attach_named(self, name)

    async def call_attach(self, name: str) -> None:
        from hybridchat.session.files import path_of
        from hybridchat.tui.screens.attached import attach

        await attach(self, path_of(name), name.strip())

    @work
    async def action_attach(self) -> None:
        from hybridchat.tui.screens.dialogs import Prompt

        name = await self.ask(Prompt("Attach which file or folder?", placeholder="~/notes.txt"))
        if name and name.strip():
            self._attach_named(name)

    @work
    async def action_attachments(self) -> None:
        from hybridchat.tui.screens.attached import choose

        await choose(self)

    def on_attached_line_clicked(self) -> None:
        self.action_attachments()

    @work
    async def on_composer_big_paste(self, event: Composer.BigPaste) -> None:
        from hybridchat.tui.screens.attached import take_paste

        await take_paste(self, event.text)

    @work
    async def on_composer_path_pasted(self, event: Composer.PathPasted) -> None:
        from hybridchat.tui.screens.attached import take_path

        await take_path(self, event.text)
