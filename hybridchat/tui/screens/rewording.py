"""One's own messages in other words: written in the composer, whose draft waits meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual.widgets import Static

from hybridchat.domain.chat import Message, Role
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError
from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.screens.chat_view import ChatView, Rewording, place_of

if TYPE_CHECKING:
    from hybridchat.session.state import Chat


class RewordingBar(Static):
    """What the composer's words stand in place of."""


class Rewordings(ChatView):
    """Kept for each chat: who leaves one in the middle of it finds it again."""

    def action_edit_message(self) -> None:
        """The message that is pointed at, or that the reply answers which is; else the last of the user's."""
        if self.chat is None:
            return
        pointed = self.transcript.pointed
        until = self.chat.up_to(pointed.id) if pointed is not None else self.chat.messages
        message = next((message for message in reversed(until) if message.role is Role.USER), None)
        if message is None:
            self.notify("You have written nothing here yet.")
        else:
            self._edit(message)

    async def call_edit_message(self, number: str) -> None:
        message = self.chat.find(int(number)) if self.chat is not None and number.isdecimal() else None
        if message is None or message.role is not Role.USER:
            raise UsageError(f"{clean_line(number, 40)} is none of your messages here", "/edit alone takes the last")
        self._edit(message)

    def _edit(self, message: Message) -> None:
        assert self.chat is not None
        draft = self.leave_rewording() or self.composer.text
        self._begin_rewording(Rewording(message.id, draft), message.text)

    def _begin_rewording(self, rewording: Rewording, text: str) -> None:
        assert self.chat is not None
        self.rewordings[place_of(self.chat)] = rewording
        self.composer.set_draft(text)
        self.transcript.point_at(rewording.message_id)
        self.show_rewording()
        self.plan_now()
        self.composer.focus()

    def leave_rewording(self) -> str | None:
        """The draft is back, and returned; None where no message was being reworded."""
        rewording = self.rewordings.pop(place_of(self.chat), None) if self.chat is not None else None
        if rewording is None:
            return None
        self.composer.set_draft(rewording.draft)
        self.transcript.point_at(None)
        self.show_rewording()
        self.plan_now()
        return rewording.draft

    def show_chat(self, chat: Chat) -> None:
        super().show_chat(chat)
        self.show_rewording()

    def show_rewording(self) -> None:
        """The line over the composer, where there is something to say."""
        message_id = self.rewords
        question = self.chat.find(message_id) if self.chat is not None else None
        bars = list(self.query(RewordingBar))
        if message_id is None or self.chat is None:
            for bar in bars:
                bar.remove()
            return
        mine = [message.id for message in self.chat.messages if message.role is Role.USER]
        which = f"message {mine.index(message_id) + 1} of {len(mine)}" if message_id in mine else "on another branch"
        begins = f": “{clean_line(question.text, 40)}”" if question is not None else ""
        esc = keymap_of(self).name("stop")
        words = f"In other words, your {which}{begins} · it stays beside the new one · {esc} leaves it as it is"
        if bars:
            bars[0].update(words)
        else:
            self.mount(RewordingBar(words, id="rewording", markup=False), before=self.route_line)

    # --- the words on their way

    def take_words(self) -> int | None:
        """The composer is free: its words are about to be sent. The message that they stand in place of, if they do."""
        message_id = self.rewords
        if self.leave_rewording() is None:
            self.composer.set_draft("")
        return message_id

    def give_back(self, chat: Chat, text: str, rewords: int | None = None) -> None:
        """Words that were not sent return to their chat's composer: before whatever was typed there since, or as the
        other words that they are."""
        is_here, place = chat is self.chat, place_of(chat)
        newer = self.composer.text if is_here else self._drafts.get(place, "")
        before = self.rewordings.get(place)
        if rewords is not None and before is None:
            rewording = Rewording(rewords, newer)
            if is_here:
                self._begin_rewording(rewording, text)
            else:
                self.rewordings[place], self._drafts[place] = rewording, text
            return
        if before is not None and rewords is None:  # the draft is what waits behind the other words
            self.rewordings[place] = replace(before, draft=_joined(text, before.draft))
            return
        draft = _joined(text, newer)
        if is_here:
            self.composer.set_draft(draft)
        else:
            self._drafts[place] = draft


def _joined(text: str, newer: str) -> str:
    return f"{text}\n{newer}" if newer.strip() and text.strip() else text or newer
