"""Reading: which message is meant, how messages are shown, and what is taken out of one."""

from __future__ import annotations

import asyncio

from textual import work

from hybridchat.domain.text import clean, clean_line
from hybridchat.errors import UsageError
from hybridchat.tui.code_words import numbered, quoted
from hybridchat.tui.screens.chat_view import ChatView
from hybridchat.tui.transcript.widget import Transcript


class Reading(ChatView):
    """What is copied goes to the terminal's clipboard and the system's."""

    # --- the pointer

    def action_message_before(self) -> None:
        self.transcript.point_step(-1)

    def action_message_after(self) -> None:
        self.transcript.point_step(1)

    def action_code_before(self) -> None:
        self._code_step(-1)

    def action_code_after(self) -> None:
        self._code_step(1)

    def _code_step(self, by: int) -> None:
        if not self.transcript.code_step(by):
            self.notify(f"There is no code block {'below' if by > 0 else 'above'}.")

    # --- how messages are shown

    def action_toggle_thinking(self) -> None:
        self.transcript.toggle_thinking()

    def action_fold_message(self) -> None:
        if not self.transcript.toggle_fold():
            self.notify("No message here is long enough to be folded.")

    def action_raw(self) -> None:
        is_raw = self.transcript.toggle_raw()
        self.notify("Messages are shown as they are." if is_raw else "Messages are rendered again.")

    # --- what is taken out

    def action_copy_reply(self) -> None:
        if text := self.transcript.last_reply():
            self.copy(text, "The last reply")
        else:
            self.notify("There is no reply to copy yet.")

    def on_transcript_copy_requested(self, event: Transcript.CopyRequested) -> None:
        self.copy(event.text, event.what)

    def copy(self, text: str, what: str) -> None:
        """To the terminal's clipboard and the system's."""
        self.app.copy_to_clipboard(text)
        self.notify(f"{what} is in the clipboard.")

    @work(exclusive=True, group="details")
    async def action_details(self) -> None:
        """Of the reply that is pointed at, or that answers the question pointed at; else of the last one."""
        from hybridchat.tui.screens.details import DetailsScreen, json_of

        if self.session is None or self.chat is None:
            return
        pointed = self.transcript.pointed
        try:
            details = await self.session.replies.read(self.chat.messages, pointed.id if pointed else None)
        except UsageError as error:
            self.notify(str(error))
            return
        match await self.app.push_screen_wait(DetailsScreen(details)):
            case "copy":
                self.copy(clean(json_of(details)), "What is known of this reply")
            case "save":
                await self.save_as(json_of(details), f"~/reply-{details.message.id}.json")

    async def save_as(self, text: str, name: str) -> None:
        """To a file that the user names; another one is replaced only if they say so. For workers."""
        from hybridchat.session.files import Taken, path_of, save_text
        from hybridchat.tui.screens.dialogs import Confirm, Prompt

        file = await self.app.push_screen_wait(Prompt("Save to which file?", name))
        if not file or not file.strip():
            return
        path = path_of(file)
        with self.told():
            try:
                await asyncio.to_thread(save_text, path, text)
            except Taken:
                told = Confirm(f"Replace {clean_line(str(path), 200)}?", "What is in it is gone then.", yes="Replace")
                if not await self.app.push_screen_wait(told):
                    return
                await asyncio.to_thread(save_text, path, text, may_replace=True)
            self.notify(f"Saved to {clean_line(str(path), 200)}.")

    def action_quote(self) -> None:
        """What is selected, else the message that is pointed at, else the last one, into the draft."""
        pointed = self.transcript.pointed or (self.chat.messages[-1] if self.chat and self.chat.messages else None)
        self._quote(self.transcript.selected_text or clean(pointed.text if pointed else ""))

    async def call_quote(self, number: str) -> None:
        """The message of that number."""
        messages = self.chat.messages if self.chat else []
        self._quote(clean(numbered(messages, number).text))

    def _quote(self, text: str) -> None:
        if not text.strip():
            self.notify("There is nothing to quote.")
            return
        self.transcript.hide_caret()
        before = self.composer.text.rstrip()
        self.composer.set_draft(f"{before}\n\n{quoted(text)}\n\n" if before else f"{quoted(text)}\n\n")
        self.set_focus(self.composer)
