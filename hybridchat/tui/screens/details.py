"""All that is known of a reply, on one page."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from hybridchat.domain.waterfall import Span
from hybridchat.session.details import AttemptDetails, ReplyDetails
from hybridchat.tui.detail_words import NOTHING_KNOWN, Line, detail_lines, number_words, request_json
from hybridchat.tui.words import Part, first_lines

NAME_CELLS = 20
VALUE_CELLS = 10  # of a time
MOST_LINES = 400  # of a request; copied and saved is all of it


class DetailsScreen(ModalScreen[str | None]):
    """Answers "copy", "save" or None."""

    CSS_PATH = "reading.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,d,enter", "dismiss(None)", "Close", show=False),
        Binding("c", "dismiss('copy')", "Copy them", show=False),
        Binding("s", "dismiss('save')", "Save them to a file", show=False),
    ]

    def __init__(self, details: ReplyDetails) -> None:
        super().__init__()
        self._details = details
        self._page = Static("", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Details of this reply", markup=False, classes="title")
            with VerticalScroll():
                yield self._page
            yield Static("c copies it as JSON · s saves it · Esc closes", markup=False, classes="hint")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self.on_resize()

    def on_resize(self) -> None:
        width = min(120, int(self.app.size.width * 0.94)) - 7
        self._page.update(details_content(self._details, width))


def json_of(details: ReplyDetails) -> str:
    """For the clipboard or a file."""
    return msgspec.json.format(msgspec.json.encode(details.as_json()), indent=2).decode() + "\n"


def details_content(details: ReplyDetails, width: int) -> Content:
    """`width` cells; a bar stands where its time stood in the attempt."""
    if not details.attempts:
        return Content(NOTHING_KNOWN)
    parts: list[Part] = []
    for one, lines in detail_lines(details):
        room = max(0, width - NAME_CELLS - VALUE_CELLS - 4)
        for line in lines:
            parts += _parts(line, one.attempt.latency_ms, room)
    for one in reversed(details.attempts):
        if one.request is not None:
            parts += ["\n", (f"{number_words(details, one)}What was sent\n", "bold $primary")]
            parts += _request(one)
    return Content.assemble(*parts[1:])  # nothing is above the first one


def _parts(line: Line, whole_ms: float | None, room: int) -> list[Part]:
    if not line.name:
        return ["\n", (f"{line.value}\n", "bold $primary")]
    bar = _bar(line.span, whole_ms, room) if line.span else ""
    name = (f"  {line.name:<{NAME_CELLS}}", "$muted")
    return [name, f"{line.value:<{VALUE_CELLS}}  " if bar else line.value, (bar, "$secondary"), "\n"]


def _bar(span: Span, whole_ms: float | None, room: int) -> str:
    """At least one cell, so that what is short is not nothing; "" where it is not known where it stands."""
    if span.start_ms is None or span.length_ms is None or not whole_ms or room < 10:
        return ""
    start = min(room - 1, round(span.start_ms / whole_ms * room))
    end = min(room, max(start + 1, round((span.start_ms + span.length_ms) / whole_ms * room)))
    return " " * start + "█" * (end - start)


def _request(one: AttemptDetails) -> list[Part]:
    return [f"  {line}\n" for line in first_lines(request_json(one), MOST_LINES)]
