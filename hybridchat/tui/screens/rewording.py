"""One's own messages in other words: written in the composer, whose draft waits meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from textual.widgets import Static

from hybridchat.domain.chat import Message, Role
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError
from hybridchat.session.state import NOTHING, Along
from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.screens.attaching import Attaching
from hybridchat.tui.screens.chat_view import Place
from hybridchat.tui.screens.drafts import place_of
from hybridchat.tui.slashes import as_typed

if TYPE_CHECKING:
    from hybridchat.domain.attachments import Attachment
    from hybridchat.session.state import Chat


class RewordingBar(Static):
    """What the composer's words stand in place of."""


class Rewording(Struct, frozen=True):
    """A message of the user that the composer's words stand in place of; what was typed there before, and attached."""

    message_id: int
    draft: str
    along: Along


class Rewordings(Attaching):
    """Kept for each chat: who leaves one in the middle of it finds it again."""

    def __init__(self) -> None:
        super().__init__()
        self._rewordings: dict[Place, Rewording] = {}

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
        self.leave_rewording()
        self._rewordings[place_of(self.chat)] = Rewording(message.id, self.composer.text, self.along)
        self.composer.set_draft(message.text)
        self.carry(Along(enclosed=message.attachments))
        self.transcript.point_at(message.id)
        self._tell_rewording()
        self.composer.focus()

    def leave_rewording(self) -> bool:
        """What was typed before is back; False where no message was being reworded."""
        rewording = self._rewordings.pop(place_of(self.chat), None) if self.chat is not None else None
        if rewording is None:
            return False
        self.composer.set_text(rewording.draft)
        self.carry(rewording.along)
        self.transcript.point_at(None)
        self._tell_rewording()
        return True

    def show_chat(self, chat: Chat) -> None:
        self.rewords = self._of(chat)
        super().show_chat(chat)
        self.show_rewording()

    def _of(self, chat: Chat | None) -> int | None:
        rewording = self._rewordings.get(place_of(chat)) if chat is not None else None
        return rewording.message_id if rewording is not None else None

    def _tell_rewording(self) -> None:
        before, self.rewords = self.rewords, self._of(self.chat)
        for message in self.chat.messages if self.chat is not None else ():
            if message.id in (before, self.rewords):
                self.transcript.update_message(message)
        self.show_rewording()
        self.plan_now()
        self.call_after_refresh(self._keep_in_sight)  # there is less room for it now

    def _keep_in_sight(self) -> None:
        if self.rewords is not None and (pointed := self.transcript.pointed) and pointed.id == self.rewords:
            self.transcript.point_at(self.rewords)

    def show_rewording(self) -> None:
        """The line over the composer, while there is something to say."""
        bars = list(self.query(RewordingBar))
        if self.rewords is None or self.chat is None:
            for bar in bars:
                bar.remove()
        elif bars:
            bars[0].update(self._rewording_words(self.chat, self.rewords))
        else:
            words = self._rewording_words(self.chat, self.rewords)
            self.mount(RewordingBar(words, id="rewording", markup=False), before=self.route_line)

    def _rewording_words(self, chat: Chat, message_id: int) -> str:
        mine = [message.id for message in chat.messages if message.role is Role.USER]
        question = chat.find(message_id)
        which = f"message {mine.index(message_id) + 1} of {len(mine)}" if message_id in mine else "on another branch"
        begins = f": “{clean_line(question.text, 60)}”" if question is not None else ""
        esc = keymap_of(self).name("stop")
        return f"Other words for your {which} · {esc} leaves it{begins}"

    # --- the words on their way

    def take_draft(self) -> tuple[str, Along]:
        """What was typed and attached before other words is in the composer again."""
        taken = self.composer.words, self.along
        return taken if self.leave_rewording() else super().take_draft()

    def give_back(self, chat: Chat, words: str, along: Along = NOTHING, rewords: int | None = None) -> None:
        """As the other words that they are, unless others are written there by now."""
        if rewords is None or self._of(chat) is not None or not (words.strip() or along):
            super().give_back(chat, words, along)
            return
        before = self.attached_to(chat)
        self._rewordings[place_of(chat)] = Rewording(rewords, self._draft(chat), before)
        self._put(chat, as_typed(words))
        self.attach_to(chat, along)
        if chat is self.chat:
            self.transcript.point_at(rewords)
            self._tell_rewording()

    def _all_typed(self, chat: Chat) -> str:
        """The draft that waits, too."""
        rewording, text = self._rewordings.get(place_of(chat)), super()._all_typed(chat)
        return f"{rewording.draft}\n{text}" if rewording is not None and rewording.draft else text

    def _all_attached(self, chat: Chat) -> tuple[Attachment, ...]:
        rewording, attached = self._rewordings.get(place_of(chat)), super()._all_attached(chat)
        return attached if rewording is None else rewording.along.attachments + attached
