"""Searching everything that was said, as one types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from textual import work
from textual.suggester import Suggester
from textual.widgets import Static
from textual.worker import Worker, WorkerError

from hybridchat.domain.chat import Role, is_off_record
from hybridchat.domain.search import FILTERS, complete
from hybridchat.domain.text import clean, clean_line
from hybridchat.errors import HybridchatError
from hybridchat.session.finding import Found, SearchHit
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.widgets.hints import told
from hybridchat.tui.widgets.rows import Row
from hybridchat.tui.words import when

if TYPE_CHECKING:
    from hybridchat.session.chat import Session

MOST = 200
HELP = f'"a phrase"  -without  {"  ".join(FILTERS)}'
_BLANKS = re.compile(r"\s+")
_SPEAKERS: dict[Role | None, str] = {Role.USER: "you", Role.ASSISTANT: "reply", Role.SYSTEM: "system"}


class Search(Picker):
    """Answers with the chosen hit, or None; `found` is what it was found by."""

    AROUND = 11

    def __init__(self, session: Session, text: str) -> None:
        hint = "Enter opens it in its place · Right completes · Esc closes"
        super().__init__("Search everything", [], hint=hint, note=HELP)
        self.filter.value, self.filter.placeholder = text, "Words, or a filter"
        self.found = Found((), (), ())
        self._session = session
        self._searching: Worker[None] | None = None
        self._shown_for: str | None = None

    def on_mount(self) -> None:
        self._learn_values()
        self._narrow()

    def _fit(self) -> None:
        self.list.styles.height = max(1, self.room)

    def _narrow(self) -> None:
        """Something was typed."""
        if self._searching is None or self._searching.is_finished:
            self._searching = self._search()

    def enter(self) -> None:
        """Of what the whole of the words finds."""
        if self.filter.value == self._shown_for:
            super().enter()
        else:
            self._enter_when_found()

    @work
    async def _enter_when_found(self) -> None:
        self._narrow()
        assert self._searching is not None
        with suppress(WorkerError):  # given up: this is closed
            await self._searching.wait()
        if self.filter.value == self._shown_for:
            super().enter()

    @work
    async def _search(self) -> None:
        """At once, and again for what was typed meanwhile; one at a time, so that fast typing leaves some out."""
        text = None
        while text != self.filter.value:
            text = self.filter.value
            with told(self):
                self._show(text, await self._session.finding.search(text, MOST))

    def _show(self, text: str, found: Found) -> None:
        self.found = found
        self.query_one(".note", Static).update("; ".join(found.problems) or HELP)
        nothing = "Nothing found." if text.strip() else "Type to search everything that was said."
        self.all_rows = list(_rows(found.hits)) or [Row(None, nothing)]
        self.list.set_rows(self.all_rows)
        self._shown_for = text

    @work
    async def _learn_values(self) -> None:
        try:
            known = await self._session.finding.filter_values()
        except HybridchatError:  # then it is typed in full
            return
        self.filter.suggester = _Completion({name: tuple(map(clean_line, values)) for name, values in known.items()})


class _Completion(Suggester):
    def __init__(self, known: dict[str, tuple[str, ...]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._known = known

    async def get_suggestion(self, value: str) -> str | None:
        return complete(value, self._known)


def _rows(hits: tuple[SearchHit, ...]) -> Iterator[Row]:
    """Under the title of their conversation, where several follow one another."""
    now = datetime.now().astimezone()
    last = None
    for hit in hits:
        if hit.conversation_id != last:
            last = hit.conversation_id
            marks = ["off the record"] * is_off_record(last) + ["archived"] * hit.is_archived
            yield Row(None, hit.title or "(no title)", "  ".join(marks))
        text, spans = _marked(hit.snippet)
        lead = f"{_SPEAKERS.get(hit.role, 'title'):<7}"
        shifted = tuple((begin + len(lead), end + len(lead)) for begin, end in spans)
        yield Row(hit, lead + text, when(hit.at, now), hits=shifted)


def _marked(snippet: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """One clean line, and where in it the hits are."""
    text, spans = "", []
    for number, piece in enumerate(snippet.replace("\x03", "\x02").split("\x02")):
        line = _BLANKS.sub(" ", clean(piece))
        if number % 2:
            spans.append((len(text), len(text) + len(line)))
        text += line
    return text, tuple(spans)
