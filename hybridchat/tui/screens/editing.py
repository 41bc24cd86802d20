"""The draft in the user's own editor, while replies go on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import work

from hybridchat.tui.screens.chat_view import ChatView

if TYPE_CHECKING:
    from hybridchat.session.editing import Edited, Editing


class EditingDrafts(ChatView):
    @work(exclusive=True, group="editor")
    async def action_editor(self) -> None:
        from hybridchat.session.editing import Editing, editor_command
        from hybridchat.tui.app import HybridChatApp

        assert isinstance(self.app, HybridChatApp)
        if self.session is None or self.chat is None:
            return
        chat, draft = self.chat, self.composer.text
        with self.told():
            command = await asyncio.to_thread(editor_command)
            secret = await asyncio.to_thread(self.session.key_variables)
            editing = await asyncio.to_thread(Editing, draft, keep_in_memory=chat.is_off_record)
            if chat.is_off_record and editing.is_on_disk:
                self.banner("Off the record, but the editor's file is on disk while it is open; then it is removed.")
            async with self.app.away():
                edited = await editing.run(command, secret)
            self.composer.focus()
            if edited.is_open:
                edited = await self._when_closed(command[0], editing)
            self._take_edited(edited, draft)

    async def _when_closed(self, editor: str, editing: Editing) -> Edited:
        """A window of its own tells nobody when it is closed: the user does."""
        from hybridchat.session.editing import Edited
        from hybridchat.tui.screens.dialogs import Confirm

        question = Confirm(
            f"Is {editor} open in a window?",
            "It came back at once, with nothing changed. Save there, then take the text from here.",
            yes="Take the text",
            no="Leave the draft as it is",
        )
        if await self.app.push_screen_wait(question):
            return await asyncio.to_thread(editing.read)
        await asyncio.to_thread(editing.discard)
        return Edited(None)

    def _take_edited(self, edited: Edited, draft: str) -> None:
        if edited.text is not None:
            now = self.composer.text  # words may have come back meanwhile
            self.composer.set_text(edited.text if now == draft else f"{edited.text}\n{now}")
        if edited.note:
            self.banner(edited.note)
        self.composer.focus()
