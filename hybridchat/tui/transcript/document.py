"""The whole conversation as one tall page, of which only what is looked at has been laid out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hybridchat.domain.chat import Message
from hybridchat.tui.transcript.heights import Heights
from hybridchat.tui.transcript.layout import Line, Look
from hybridchat.tui.transcript.message import Describe, MessageView, Part

MOST_LINES = 4_000
"""Lines that are kept laid out; beyond, the ones looked at longest ago are laid out again when needed."""

MOST_OPEN = 256
"""Messages that are kept cut into parts."""


class Place(NamedTuple):
    """A line: the message, the part in it, the line in that."""

    view: int
    part: int
    line: int


class Document:
    """`width` is that of the text, in cells."""

    def __init__(self, describe: Describe) -> None:
        self.views: list[MessageView] = []
        self.width = 0
        self.is_unfolded = False
        self.look = Look()
        self._describe = describe
        self._heights = Heights()
        self._index: dict[int, int] = {}
        self._laid: OrderedDict[Part, int] = OrderedDict()
        self._laid_lines = 0
        self._open: OrderedDict[MessageView, None] = OrderedDict()

    # --- messages

    def set(self, messages: Sequence[Message]) -> None:
        self.views = [self._view(message) for message in messages]
        self._laid.clear()
        self._laid_lines = 0
        self._open.clear()
        self._renumber()

    def _view(self, message: Message) -> MessageView:
        return MessageView(message, self._describe, self.look, is_unfolded=self.is_unfolded)

    def add(self, message: Message) -> None:
        view = self._view(message)
        self._index[message.id] = len(self.views)
        self.views.append(view)
        self._heights.append(view.estimate(self.width))

    def cut(self, message_id: int) -> list[int]:
        """Without that message and all after it; their ids."""
        at = self._index[message_id]
        gone, self.views = self.views[at:], self.views[:at]
        for view in gone:
            self._open.pop(view, None)
        self._renumber()
        return [view.message.id for view in gone]

    def unfold_all(self, is_unfolded: bool) -> None:
        self.is_unfolded = is_unfolded
        for view in self.views:
            view.unfold(is_unfolded)
        self._renumber()

    def unfold_long(self) -> None:
        for view in self.views:
            if view.is_folded:
                view.fold(False)
        self._renumber()

    def wear(self, look: Look) -> None:
        """Another look for all messages, also those to come."""
        self.look = look
        self._laid.clear()
        self._laid_lines = 0
        for view in self.views:
            view.wear(look)
        self._renumber()

    def _renumber(self) -> None:
        self._index = {view.message.id: at for at, view in enumerate(self.views)}
        self._heights = Heights(view.estimate(self.width) for view in self.views)

    def __contains__(self, message_id: int) -> bool:
        return message_id in self._index

    def index(self, message_id: int) -> int:
        return self._index[message_id]

    def view(self, message_id: int) -> MessageView:
        """Ready to be changed; tell `changed` afterwards."""
        return self.ready(self._index[message_id])

    def changed(self, view: MessageView) -> None:
        self._heights[self._index[view.message.id]] = view.heights.total

    def resize(self, width: int) -> None:
        if width != self.width:
            self.width = width
            self._heights = Heights(view.estimate(width) for view in self.views)

    # --- places

    @property
    def height(self) -> int:
        return self._heights.total

    def y_of(self, place: Place) -> int:
        view = self.ready(place.view)
        return self._heights.top(place.view) + view.heights.top(place.part) + place.line

    def at(self, y: int) -> Place:
        """The place at a line of the page, as far as heights are known; laid out."""
        index, rest = self._heights.find(y)
        view = self.ready(index)
        part, line = view.heights.find(rest)
        height = self._measure(index, part)
        return Place(index, part, min(line, max(0, height - 1)))

    def down(self, place: Place, lines: int) -> Place:
        """So many lines further, or the last line; all between is laid out."""
        index, part, line = place
        while True:
            height = self._measure(index, part)
            if line + lines < height:
                return Place(index, part, line + lines)
            after = self._after(index, part)
            if after is None:
                return Place(index, part, max(0, height - 1))
            lines -= height - line
            (index, part), line = after, 0

    def up(self, place: Place, lines: int) -> Place:
        """So many lines back, or the first line; all between is laid out."""
        index, part, line = place
        while line < lines:
            before = self._before(index, part)
            if before is None:
                return Place(index, part, 0)
            lines -= line
            index, part = before
            line = self._measure(index, part)
        return Place(index, part, line - lines)

    def last(self) -> Place:
        index = len(self.views) - 1
        part = len(self.ready(index).parts) - 1
        return Place(index, part, max(0, self._measure(index, part) - 1))

    def is_last(self, place: Place) -> bool:
        return self._after(place.view, place.part) is None and place.line >= self._measure(*place[:2]) - 1

    def rows(self, top: Place, count: int) -> Iterator[Place]:
        """The places of `count` lines from `top` on; fewer at the end."""
        index, part, line = top
        while True:
            height = self._measure(index, part)
            for at in range(line, height):
                if count <= 0:
                    return
                count -= 1
                yield Place(index, part, at)
            after = self._after(index, part)
            if after is None or count <= 0:
                return
            (index, part), line = after, 0

    def clamp(self, place: Place) -> Place:
        """The place, or one near it if its message has fewer parts by now."""
        view = min(place.view, len(self.views) - 1)
        part = min(place.part, len(self.ready(view).parts) - 1)
        return Place(view, part, min(place.line, max(0, self._measure(view, part) - 1)))

    def part(self, place: Place) -> Part:
        return self.views[place.view].parts[place.part]

    def line(self, place: Place) -> Line:
        """Laid out; the empty lines before a part are empty."""
        part = self.part(place)
        self._measure(place.view, place.part)
        assert part.laid is not None
        at = place.line - part.gap
        return part.laid.lines[at] if 0 <= at < len(part.laid.lines) else Line(())

    def plain(self, view: int, part: int) -> str:
        """A part's plain text, with fillers; "" for lines of our own."""
        self._measure(view, part)
        laid = self.views[view].parts[part].laid
        assert laid is not None
        return laid.plain

    # --- laying out

    def ready(self, index: int) -> MessageView:
        """The message with its parts, their heights measured or guessed."""
        view = self.views[index]
        if view.width != self.width or not view.is_open:
            view.ready(self.width)
            self._heights[index] = view.heights.total
        self._open[view] = None
        self._open.move_to_end(view)
        if len(self._open) > MOST_OPEN:
            self._close_oldest()
        return view

    def _close_oldest(self) -> None:
        oldest, _ = self._open.popitem(last=False)
        if oldest.is_streaming:
            self._open[oldest] = None  # what has streamed is nowhere else
        else:
            oldest.close()

    def _measure(self, index: int, part: int) -> int:
        view = self.ready(index)
        it = view.parts[part]
        if it.laid is not None and it.width == self.width and it in self._laid:
            self._laid.move_to_end(it)
            return view.heights[part]
        height = view.measure(part)
        self._heights[index] = view.heights.total
        self._remember(it, height)
        return height

    def _remember(self, part: Part, height: int) -> None:
        self._laid_lines += height - self._laid.pop(part, 0)
        self._laid[part] = height
        while self._laid_lines > MOST_LINES and len(self._laid) > 1:
            oldest, lines = self._laid.popitem(last=False)
            oldest.laid = None
            self._laid_lines -= lines

    def _after(self, index: int, part: int) -> tuple[int, int] | None:
        if part + 1 < len(self.ready(index).parts):
            return index, part + 1
        return (index + 1, 0) if index + 1 < len(self.views) else None

    def _before(self, index: int, part: int) -> tuple[int, int] | None:
        if part:
            return index, part - 1
        return (index - 1, len(self.ready(index - 1).parts) - 1) if index else None
