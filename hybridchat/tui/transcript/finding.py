"""Finding in a conversation: every hit is marked, one of them is the current one, and all are counted.

Counting looks at messages one by one, in slices between which keys are answered. Only messages that may have a hit are
cut into parts, so the cost depends on the hits and not on the length of the conversation.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from typing import NamedTuple

from textual.message import Message as TextualMessage
from textual.timer import Timer

from hybridchat.domain.chat import Message
from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.transcript.document import Place
from hybridchat.tui.transcript.layout import Look
from hybridchat.tui.transcript.message import Describe
from hybridchat.tui.transcript.needle import Needle
from hybridchat.tui.transcript.paper import Mark
from hybridchat.tui.transcript.selecting import Selecting
from hybridchat.tui.transcript.selection import Selection, Spot, cells_of, place_of

SLICE_S = 0.008
PAUSE_S = 0.012
ABOVE = 3  # of the window's height, what is shown above a hit: a third


class Hit(NamedTuple):
    """In a part's plain text; in the order of the conversation."""

    view: int
    part: int
    start: int
    end: int


class Finding(Selecting):
    class Counted(TextualMessage, namespace="transcript"):
        """`current` of `total`, from 1; 0 where no hit is current. More may come while `is_counting`."""

        def __init__(self, current: int, total: int, *, is_counting: bool) -> None:
            super().__init__()
            self.current, self.total, self.is_counting = current, total, is_counting

    def __init__(self, describe: Describe, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(describe, id=id, classes=classes)
        self._needle: Needle | None = None
        self._hits: dict[int, tuple[Hit, ...]] = {}  # by message; only those with any
        self._unseen: deque[int] = deque()  # messages that are still to be looked through
        self._here: Hit | None = None
        self._is_going = False  # to the first hit from `_from` on, once there is one
        self._from = Spot(0, 0, 0)
        self._slice: Timer | None = None

    def find(self, needle: Needle | None, *, at: int | None = None) -> None:
        """Marks it everywhere and goes to the first hit from where one is; with `at`, to that message. None ends it."""
        if at is not None and at in self.document:
            self._from = Spot(self.document.index(at), 0, 0)
            self.show(Place(*self._from))
        elif self._here is not None:
            self._from = Spot(*self._here[:3])
        elif self._places:
            self._from = Spot(*self._places[0])._replace(offset=0)
        self._needle, self._here = needle, None
        self._is_going = needle is not None
        self._look_again()

    def unfold(self, index: int) -> None:
        """All of a long message."""
        with self.keeping_top():
            view = self.document.ready(index)
            view.fold(False)
            self.document.changed(view)

    def find_step(self, by: int) -> None:
        """To the next hit, or the one before; around the ends."""
        hits = self._all_hits()
        if not hits:
            return
        at = bisect_right(hits, self._here) - 1 if self._here else -1 if by > 0 else 0
        self._go(hits[(at + by) % len(hits)])
        self._tell()

    def action_find_next(self) -> None:
        self._step_or_say(1)

    def action_find_before(self) -> None:
        self._step_or_say(-1)

    def _step_or_say(self, by: int) -> None:
        if self._needle is None:
            self.notify(f"Nothing is looked for here: {keymap_of(self).name('find')} does.")
        self.find_step(by)

    # --- what changes meanwhile

    def look_through_again(self, message: Message | None = None) -> None:
        """It has changed; None: any may have, and their places."""
        if self._needle is None:
            return
        if message is None:
            self._look_again()
        elif message.id not in self._unseen:
            self._unseen.append(message.id)
            self._schedule_slice()

    def look_through_others(self) -> None:
        """All messages are others now; where they are shown stays."""
        self._here, self._from, self._is_going = None, Spot(0, 0, 0), False
        self.look_through_again()

    def reflow(self, look: Look | None = None) -> None:
        super().reflow(look)
        self.look_through_again()

    # --- counting

    def _look_again(self) -> None:
        self._hits = {}
        first = self._from.view
        views = self.document.views
        order = [*range(first, len(views)), *range(min(first, len(views)))] if self._needle else []
        self._unseen = deque(views[index].message.id for index in order)
        self._look_on()

    def _schedule_slice(self) -> None:
        if self._slice is None and self.is_attached:
            self._slice = self.set_timer(PAUSE_S, self._look_on)

    def _look_on(self) -> None:
        if self._slice is not None:
            self._slice.stop()
            self._slice = None
        if not self.document.width:
            return  # it is not on the screen yet: `reflow` comes back here
        until = time.monotonic() + SLICE_S
        while self._unseen and time.monotonic() < until:
            self._look_through(self._unseen.popleft())
        if self._is_going and (hit := self._first_from()):
            self._go(hit)
        else:
            self.settle()
        self._tell()
        if self._unseen:
            self._schedule_slice()
        else:
            self._is_going = False  # what comes later does not move what is being read

    def _look_through(self, message_id: int) -> None:
        document, needle = self.document, self._needle
        self._hits.pop(message_id, None)
        if needle is None or message_id not in document:
            return
        index = document.index(message_id)
        view = document.views[index]
        shown = view.message.text + (view.message.thinking if view.is_unfolded else "")
        if not (view.is_streaming or needle.may_be_in(shown)):
            return
        if needle.may_be_in(view.hidden):
            self.unfold(index)
        parts = [number for number, part in enumerate(document.ready(index).parts) if part.block is not None]
        hits = [Hit(index, part, *span) for part in parts for span in needle.ranges(document.plain(index, part))]
        if hits:
            self._hits[message_id] = tuple(hits)

    def _first_from(self) -> Hit | None:
        """The first one from where the search began, around the end once all has been looked through."""
        for message_id, hits in self._hits.items():
            if message_id in self.document and self.document.index(message_id) >= self._from.view:
                for hit in hits:
                    if Spot(hit.view, hit.part, hit.start) >= self._from:
                        return hit
        return None if self._unseen else next(iter(self._all_hits()), None)

    def _all_hits(self) -> list[Hit]:
        return sorted(hit for hits in self._hits.values() for hit in hits)

    def _tell(self) -> None:
        total, current, here = 0, 0, self._here
        for hits in self._hits.values():
            total += len(hits)
            if here is not None:
                current += len(hits) if hits[-1] <= here else bisect_right(hits, here)
        self.post_message(self.Counted(current, total, is_counting=bool(self._unseen)))

    # --- showing

    def _go(self, hit: Hit) -> None:
        self._here, self._is_going = hit, False
        place, _ = place_of(self.document, Spot(hit.view, hit.part, hit.start))
        if place in self._places[1:-1]:
            self.settle()
        else:
            self.show(self.document.up(place, self.size.height // ABOVE))

    def marks(self, place: Place) -> list[Mark]:
        marks = super().marks(place)
        if marks or self._needle is None or self.document.part(place).block is None:
            return marks
        plain = self.document.plain(place.view, place.part)
        for start, end in self._needle.ranges(plain):
            spots = (Spot(place.view, place.part, start), Spot(place.view, place.part, end))
            is_here = self._here is not None and self._here[:3] == spots[0]
            name = "found-here" if is_here else "found"
            marks += [(left, right, name) for left, right in cells_of(self.document, place, Selection(*spots))]
        return marks
