"""The transcript of a conversation, as the app uses it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.message import Message as TextualMessage
from textual.timer import Timer

from hybridchat.domain.chat import Message, Role
from hybridchat.domain.links import Link, look_at
from hybridchat.domain.text import clean
from hybridchat.tui.keymap import bindings
from hybridchat.tui.transcript.cells import shown
from hybridchat.tui.transcript.code_blocks import CodeBlocks
from hybridchat.tui.transcript.document import Place
from hybridchat.tui.transcript.layout import Look, leads_to
from hybridchat.tui.transcript.message import Describe
from hybridchat.tui.transcript.paper import NEW_BELOW
from hybridchat.tui.transcript.theme import COLORED, CSS

FRAME_S = 1 / 30
BREATH = 4
"""After a frame that was expensive, so many times as long passes before the next: keys stay quick whatever comes."""


class Transcript(CodeBlocks):
    """Shows messages, follows the one that streams. Costs what is visible, however long the conversation is.

    `describe` words the line above and the one below a message.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"transcript--{name}" for name in COLORED}
    DEFAULT_CSS = CSS
    BINDINGS = bindings("transcript")

    class LinkChosen(TextualMessage, namespace="transcript"):
        """A link was clicked; nothing is opened by that."""

        def __init__(self, link: Link) -> None:
            super().__init__()
            self.link = link

    def __init__(self, describe: Describe, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(describe, id=id, classes=classes)
        self._waiting: dict[int, list[tuple[str, bool]]] = {}
        self.veil: Callable[[Message], Message] = lambda message: message  # what is shown of one
        self._frame: Timer | None = None
        self._next_frame = 0.0

    def use(self, look: Look, *, show_thinking: bool) -> None:
        """How messages look from now on; whether the thinking of those to come is unfolded."""
        self.document.is_unfolded = show_thinking
        look = look._replace(is_raw=self.document.look.is_raw)
        if look != self.document.look:
            self.hide_caret()
            self.reflow(look)

    # --- messages

    def set_messages(self, messages: Sequence[Message]) -> None:
        """Another conversation, or none; shows its end."""
        self._waiting.clear()
        self.hide_caret()
        self.document.set([self.veil(message) for message in messages])
        self._follow()
        self.look_through_others()

    def clear(self) -> None:
        self.set_messages(())

    def add_message(self, message: Message) -> None:
        """At the end; the user's own message brings the end back into sight."""
        self.document.add(self.veil(message))
        if message.role is Role.USER:
            self._is_following = True
        self._settle_new()
        self.look_through_again(message)

    def append(self, message_id: int, text: str, is_thinking: bool = False) -> None:
        """A piece of a reply that streams. It shows with the next frame."""
        if message_id in self.document:
            self._waiting.setdefault(message_id, []).append((text, is_thinking))
            self._schedule()

    def finish(self, message: Message) -> None:
        """The reply as it ended; its text replaces what was streamed."""
        self.update_message(message)

    def update_message(self, message: Message) -> None:
        """Something about a message is known now, such as its cost. Unknown messages are ignored."""
        if message.id in self.document:
            self._flush(message.id)
            view = self.document.view(message.id)
            view.replace(self.veil(message))
            self.document.changed(view)
            self.settle()
            self.look_through_again(message)

    def set_status(self, message_id: int, text: str) -> None:
        """One line in place of a reply that has not begun, such as "loading model 40 %"."""
        if message_id in self.document:
            view = self.document.view(message_id)
            view.status = text
            view.refresh()
            self.document.changed(view)
            self.settle()

    def cut(self, message_id: int) -> None:
        """That message and all after it are on another branch now."""
        if message_id in self.document:
            for gone in self.document.cut(message_id):
                self._waiting.pop(gone, None)
            self.hide_caret()
            self.settle()
            self.look_through_again()

    def shows(self, messages: Sequence[Message]) -> bool:
        """Whether it is these, and no others."""
        return [view.message.id for view in self.document.views] == [message.id for message in messages]

    # --- frames

    def _schedule(self) -> None:
        if self._frame is None and self.is_attached:
            wait_s = max(0.001, self._next_frame - time.monotonic())  # Textual's timers divide by it
            self._frame = self.set_timer(wait_s, self._draw_frame)

    def _draw_frame(self) -> None:
        self._frame = None
        began = time.monotonic()
        for message_id in list(self._waiting):
            self._flush(message_id)
        self._settle_new()
        spent = time.monotonic() - began
        self._next_frame = began + max(FRAME_S, BREATH * spent)

    def _flush(self, message_id: int) -> None:
        """Gives the message what has come for it since the last frame."""
        pieces = self._waiting.pop(message_id, None)
        if pieces:
            view = self.document.view(message_id)
            view.append(pieces)
            self.document.changed(view)

    def _settle_new(self) -> None:
        """Something was added at the end."""
        self._has_new = not self._is_following
        self.settle()

    # --- places

    def scroll_to_message(self, message_id: int) -> None:
        if message_id in self.document:
            self.show(Place(self.document.index(message_id), 0, 0))

    def plain_lines(self, first: int = 0, last: int | None = None) -> list[str]:
        """What the lines `first` to `last` of the window show, without colours and trailing blanks."""
        rows = range(self.size.height)[first : None if last is None else last + 1]
        return [self.render_line(y).text.rstrip() for y in rows]

    # --- thinking

    def clicked(self, x: int, y: int) -> None:
        if self.selection is not None:
            return  # the mouse was let go at the end of a drag
        if url := self._url_at(x, y):
            same = [link for link in self.document.ready(self._places[y].view).links() if link.url == url]
            # With several texts for one address, the one that there is most to say about.
            self.post_message(self.LinkChosen(max(same, key=lambda link: len(look_at(link).warnings))))
        elif y < len(self._places) and self.document.part(self._places[y]).kind == "fold":
            self.toggle_thinking(self.document.views[self._places[y].view].message.id)
        elif y < len(self._places) and self.document.part(self._places[y]).kind == "more":
            self.unfold(self._places[y].view)
        elif y == self.size.height - 1 and self._has_new and x >= self.window_width - len(NEW_BELOW):
            self._follow()
        elif y < len(self._places):
            self.point_at(self.document.views[self._places[y].view].message.id)

    def _url_at(self, x: int, y: int) -> str:
        """Where the link at a cell of the window leads; "" without one."""
        cells = 0
        for text, style in self._rows[y].runs if y < len(self._rows) else ():
            cells += cell_len(shown(text))
            if x < cells:
                return leads_to(style)
        return ""

    def links(self) -> list[Link]:
        """Those of the message that is pointed at; else of the last reply on the screen that has any, else of the last
        one at all. Each once, in order."""
        seen = {place.view for place in self._places}
        order = sorted(range(len(self.document.views)), key=lambda index: (index in seen, index), reverse=True)
        if (pointed := self.pointed) is not None:
            order = [self.document.index(pointed.id)]
        for index in order:
            view = self.document.views[index]
            if view.may_link:
                if view.is_folded:
                    self.unfold(index)
                if found := self.document.ready(index).links():
                    return list(dict.fromkeys(found))
        return []

    def toggle_thinking(self, message_id: int | None = None) -> None:
        """Folds or unfolds one message's thinking, by default that of the one that is pointed at, else of the last
        message on the screen that has any."""
        views = self.document.views
        if message_id is None and (pointed := self.pointed) is not None and pointed.thinking:
            message_id = pointed.id
        if message_id is None:
            seen = [place.view for place in self._places if self.document.part(place).kind in ("fold", "thinking")]
            with_thinking = seen or [i for i, view in enumerate(views) if view.message.thinking]
            if not with_thinking:
                return
            message_id = views[with_thinking[-1]].message.id
        self.hide_caret()
        with self.keeping_top():
            view = self.document.view(message_id)
            view.unfold(not view.is_unfolded)
            self.document.changed(view)
        self.look_through_again(view.message)

    def action_fold(self) -> None:
        self.toggle_thinking()

    def action_fold_all(self) -> None:
        """Folds or unfolds all thinking, also of messages to come."""
        self.hide_caret()
        with self.keeping_top():
            self.document.unfold_all(not self.document.is_unfolded)
        self.look_through_again()

    # --- how messages are shown

    def toggle_fold(self) -> bool:
        """Folds the message that is pointed at to its first lines, or unfolds it; else the last long one on the screen.
        False: none is long enough."""
        pointed = self.pointed
        seen = [pointed.id] if pointed else self.in_sight()
        for message_id in reversed(seen):
            index = self.document.index(message_id)
            if self.document.views[index].can_fold:
                self.hide_caret()
                with self.keeping_top():
                    view = self.document.ready(index)
                    view.fold(not view.is_folded)
                    self.document.changed(view)
                self.look_through_again(view.message)
                return True
        return False

    def toggle_raw(self) -> bool:
        """Shows messages as they were written, or rendered again; which of them it is now."""
        look = self.document.look
        self.hide_caret()
        self.reflow(look._replace(is_raw=not look.is_raw))
        return not look.is_raw

    # --- what can be copied

    def last_reply(self) -> str:
        """The last reply's text as the model wrote it, cleaned; "" without one."""
        replies = (view.message for view in reversed(self.document.views) if view.message.role is Role.ASSISTANT)
        return clean(next((message.text for message in replies if message.text), ""))
