"""A running turn of the scripted session."""

from __future__ import annotations

from msgspec.structs import replace

from hybridchat.domain.chat import Message
from hybridchat.session.reply import Reply


class RunningTurn:
    """What the screen reads of a running turn: the reply so far."""

    def __init__(self, message: Message) -> None:
        self.reply = Reply()
        self._message = message

    @property
    def message(self) -> Message:
        return replace(self._message, text=self.reply.text, thinking=self.reply.thinking)

    @message.setter
    def message(self, message: Message) -> None:
        self._message = message
