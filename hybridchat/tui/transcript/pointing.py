"""Pointing at a message: what is done next is done to that one. Only lines on the screen are looked at for it."""

from __future__ import annotations

from hybridchat.domain.chat import Message
from hybridchat.domain.text import clean
from hybridchat.tui.transcript.document import Place
from hybridchat.tui.transcript.finding import Finding
from hybridchat.tui.transcript.layout import Run
from hybridchat.tui.transcript.message import MessageView

POINTER: Run = ("█ ", ("pointer",))
"""Left of the lines of the message that is pointed at."""


class Pointing(Finding):
    """A bar beside the message, and its first line underlined, show which one it is."""

    _pointed: int | None = None

    @property
    def pointed(self) -> Message | None:
        """The message that the pointer is at; one that is no longer here is not pointed at either."""
        if self._pointed is None or self._pointed not in self.document:
            return None
        return self.document.views[self.document.index(self._pointed)].message

    def point_at(self, message_id: int | None) -> None:
        """Moves the pointer to a message and that into sight; None takes the pointer away."""
        self._pointed = message_id
        if (message := self.pointed) is not None:
            self._bring_into_sight(self.document.index(message.id))
        else:
            self.settle()

    def point_step(self, by: int) -> None:
        """To the message after (1) or before (-1). One that was scrolled out of sight is left where it is: the pointer
        goes on from what is on the screen."""
        in_sight = self.in_sight()
        if not in_sight:
            return
        if (message := self.pointed) is None or message.id not in in_sight:
            self.point_at(in_sight[0 if by > 0 else -1])
            return
        index = self.document.index(message.id) + by
        self.point_at(self.document.views[min(max(0, index), len(self.document.views) - 1)].message.id)

    def action_copy(self) -> None:
        """What is selected, else the message that is pointed at."""
        if self.selection is None and (message := self.pointed) is not None and message.text:
            self.post_message(self.CopyRequested(clean(message.text), "The message"))
        else:
            super().action_copy()

    def in_sight(self) -> list[int]:
        """The ids of the messages that the window shows something of, from the top."""
        views = dict.fromkeys(place.view for place in self._places)
        return [self.document.views[view].message.id for view in views]

    def is_pointed(self, view: MessageView) -> bool:
        return view.message.id == self._pointed

    def sign(self, place: Place) -> Run | None:
        return POINTER if self.is_pointed(self.document.views[place.view]) else None

    def _bring_into_sight(self, index: int) -> None:
        """All of it where there is room, else its beginning at the top."""
        places, document = self._places, self.document
        begins = any(place.view == index and document.part(place).kind == "header" for place in places)
        ends = bool(places) and (places[-1].view > index or document.is_last(places[-1]))
        if begins and ends:
            self.settle()
        else:
            self.show(Place(index, 0, 0))
