"""One side of a comparison: who answers, what is measured, and the answer, drawn as everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message as TextualMessage
from textual.widgets import Static

from hybridchat.domain.chat import Attempt, Message, MessageState
from hybridchat.domain.compare import ComparedSide, veiled
from hybridchat.domain.estimate import size_of
from hybridchat.domain.text import clean_line
from hybridchat.session import events as news
from hybridchat.tui.compare_words import Clock, ending, side_facts, side_name
from hybridchat.tui.transcript.layout import Look
from hybridchat.tui.transcript.widget import Transcript

if TYPE_CHECKING:
    from hybridchat.session.comparing import Answer


class SideTranscript(Transcript, inherit_bindings=False):
    """The screen has the keys: it moves one column, or all of them."""

    can_focus = False


class Column(Vertical):
    class Chosen(TextualMessage):
        """It was clicked."""

        def __init__(self, position: int) -> None:
            super().__init__()
            self.position = position

    def __init__(self, side: ComparedSide, clock: Callable[[], float], look: Look) -> None:
        super().__init__()
        self.side = side
        self.reply: Message | None = None
        self._is_hidden = self.is_waiting = self._is_current = False
        self._now = clock
        self._live: Clock | None = None
        self._wait: news.RetryWaits | None = None
        self._loading = ""
        self._who, self._facts = Static("", markup=False, classes="name"), Static("", markup=False, classes="facts")
        self.transcript = SideTranscript(lambda message: ("", "" if self._is_hidden else ending(message)))
        self.transcript.veil = lambda message: veiled(message) if self._is_hidden else message
        self.transcript.use(look._replace(gap_lines=0), show_thinking=False)

    def compose(self) -> ComposeResult:
        yield self._who
        yield self._facts
        yield self.transcript

    def on_click(self) -> None:
        self.post_message(self.Chosen(self.side.position))

    @property
    def is_running(self) -> bool:
        return self.reply is not None and self.reply.state is MessageState.STREAMING

    def show(self, answer: Answer, *, is_hidden: bool, is_waiting: bool) -> None:
        """As it is now; of a blind one nothing but its words."""
        self.side, self.reply, self._is_hidden, self.is_waiting = answer.side, answer.reply, is_hidden, is_waiting
        if answer.elapsed_ms is not None and answer.reply is not None:
            tokens = size_of(answer.reply.text + answer.reply.thinking).tokens
            self._live = Clock(self._now() - answer.elapsed_ms / 1000, answer.ttft_ms, tokens)
        self.transcript.set_messages([answer.reply] if answer.reply is not None else [])
        self.refresh_words()

    def mark(self, *, is_current: bool) -> None:
        """The one that the keys are about; seen without colours."""
        self._is_current = is_current
        self.set_class(is_current, "-current")
        self.refresh_words()

    def refresh_words(self) -> None:
        """Its name and figures."""
        reply, hidden = self.reply, self._is_hidden
        mark = "› " if self._is_current else "  "
        self._who.update(mark + side_name(self.side, reply, is_hidden=hidden))
        is_local = self.side.zone.is_local if reply is None or reply.attempt is None else reply.attempt.zone.is_local
        self._who.set_class(not hidden and is_local, "-local")
        self._who.set_class(not hidden and not is_local, "-managed")
        words = side_facts(self.side, reply, self._live, self._now(), is_hidden=hidden, is_waiting=self.is_waiting)
        self._facts.update(self._waits() or words)

    def _waits(self) -> str:
        """For another try, or for the engine; nothing of that in a blind one: only some engines load."""
        if self._wait is not None and not self._is_hidden:
            left_s = max(0, math.ceil(self._wait.until_monotonic - self._now()))
            return clean_line(f"{self._wait.reason}: trying again in {left_s} s", 120)
        return "" if self._is_hidden else self._loading

    # --- what the session tells

    def tell(self, event: news.SessionEvent) -> None:
        match event:
            case news.Delta(text=text, is_thinking=is_thinking, ttft_ms=ttft_ms):
                self._on_delta(text, ttft_ms, is_thinking=is_thinking)
            case news.AttemptBegan(attempt=attempt):
                self._began(attempt)
            case news.RetryWaits():
                self._wait = event
            case news.EngineLoading(detail=detail, fraction=fraction):
                self._loading = f"{clean_line(detail)}{'' if fraction is None else f' {fraction:.0%}'}"
            case news.TurnEnded(reply=reply):
                self.reply, self.is_waiting, self._wait, self._loading = reply, False, None, ""
                self.transcript.finish(reply)
            case news.AttemptPriced(attempt=attempt) if self.reply is not None:
                self.reply = replace(self.reply, attempt=attempt)
        self.refresh_words()

    def _on_delta(self, text: str, ttft_ms: float | None, *, is_thinking: bool) -> None:
        self._loading = ""
        if self.reply is None:
            return
        live = self._live or Clock(self._now())
        first = live.ttft_ms if ttft_ms is None else ttft_ms
        began_at = live.began_at if ttft_ms is None else self._now() - ttft_ms / 1000
        self._live = Clock(began_at, first, live.tokens + size_of(text).tokens)
        self.transcript.append(self.reply.id, text, is_thinking)

    def _began(self, attempt: Attempt) -> None:
        self._wait, self.is_waiting, self._live = None, False, Clock(self._now())
        if self.reply is not None:
            self.reply = replace(self.reply, state=MessageState.STREAMING, note="", attempt=attempt)
            self.transcript.update_message(self.reply)
