"""What the session tells, as lines: replies on standard output as they come, all else in words on standard error."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

from msgspec.structs import replace

from hybridchat.cli import output
from hybridchat.domain.chat import Attempt, Message, Role
from hybridchat.domain.text import clean
from hybridchat.session import events as news
from hybridchat.session.ways import Way
from hybridchat.tui.words import candidate_words, describe, waiting_to_retry


class Teller:
    """Listens to a session. `is_here` says whether a conversation is the one that is open."""

    def __init__(self, is_here: Callable[[int], bool], on_gone: Callable[[], None], *, show_thinking: bool) -> None:
        """`on_gone` is called once, when standard output takes no more; `gone` has why from then on."""
        self._is_here, self._on_gone = is_here, on_gone
        self.show_thinking = show_thinking
        self.gone: OSError | None = None
        self.is_silent = False  # several answer at once: they are shown when they have ended
        self.is_prompting = False  # somebody types: what is to be said waits
        self.hidden: frozenset[int] = frozenset()  # answers of which nothing may tell whose they are
        self.ways: tuple[Way, ...] = ()  # after a reply that failed
        self.attempts: dict[int, Attempt] = {}  # by message, with their costs as those come in
        self._ended: Message | None = None  # the reply whose last line is not said yet
        self._held: list[str] = []
        self._said = ""  # the last of the words that come again and again
        self._is_thinking = False
        self._ends_line = True

    def on_event(self, event: news.SessionEvent) -> None:
        match event:
            case news.Notice(text, severity):
                self.say(f"{severity}: {text}" if severity == "error" else text)
            case news.AttemptPriced(attempt) if attempt.message_id is not None:
                self.attempts[attempt.message_id] = attempt
            case news.Delta() | news.TurnEnded() | news.RetryWaits() | news.EngineLoading() if self.is_silent:
                pass
            case news.TurnBegan() if self._is_here(event.conversation.id):
                self.end_reply()
                self.ways, self._said, self._is_thinking = (), "", False
                if event.budget:
                    self.say(event.budget)
            case news.TurnEnded(conversation_id, reply) if self._is_here(conversation_id):
                self._ended = reply
            case news.Delta() if self._is_here(event.conversation_id):
                self._on_delta(event)
            case news.EngineLoading(conversation_id, _, detail, _) if self._is_here(conversation_id):
                self._say_once(detail)
            case news.RetryWaits(conversation_id) if self._is_here(conversation_id):
                left_s = max(1, math.ceil(event.until_monotonic - time.monotonic()))
                self.say(waiting_to_retry(event.reason, left_s, event.retry_no, "Ctrl+C"))
            case news.AttemptBegan(conversation_id, is_fallback=True) if self._is_here(conversation_id):
                self.say(f"{' · '.join(candidate_words(event.target))} is asked instead")
            case news.Offered(conversation_id, _, ways) if self._is_here(conversation_id):
                self.ways = ways

    def _on_delta(self, event: news.Delta) -> None:
        if event.is_thinking:
            if not self._is_thinking:
                self._is_thinking = True
                self.say("Thinking:" if self.show_thinking else "Thinking.")
            if self.show_thinking:
                output.talk(clean(event.text))
        elif event.text:
            if self._is_thinking:
                self._is_thinking = False
                if self.show_thinking:
                    output.talk("\n")
                    self.say("Answer:")
            self._write(event.text)

    def _write(self, text: str) -> None:
        if self.gone is None:
            try:
                output.write(text)
            except OSError as error:
                self.gone = error
                self._on_gone()
            self._ends_line = text.endswith("\n")

    def end_reply(self) -> None:
        """One line of what was measured of the reply that has ended, unless that is said: when its cost has come in, or
        the next one begins."""
        if self._ended is None:
            return
        reply, self._ended = self._ended, None
        if self._is_thinking and self.show_thinking:
            output.talk("\n")
        self._is_thinking = False
        self._end_line()
        self.say(self.status(reply))

    def status(self, reply: Message) -> str:
        """Who answered, how fast and for how much; what went wrong."""
        if reply.id in self.hidden:
            return f"an answer of a blind comparison, {reply.state}; /vote says which is better"
        message = replace(reply, attempt=self.attempts.get(reply.id, reply.attempt))
        return " · ".join(filter(None, describe(message)))

    def show(self, message: Message) -> None:
        """One that was said before."""
        output.line(f"You: {message.text}" if message.role is Role.USER else message.text)
        if message.role is Role.ASSISTANT:
            self.say(self.status(message))

    def say(self, words: str) -> None:
        """One line, at once or when the line that is being typed is done."""
        if self.is_prompting:
            self._held.append(words)
        else:
            self._end_line()
            output.note(words)

    def say_held(self) -> None:
        held, self._held = self._held, []
        for words in dict.fromkeys(held):
            self.say(words)

    def _say_once(self, words: str) -> None:
        if words != self._said:
            self._said = words
            self.say(words)

    def _end_line(self) -> None:
        if not self._ends_line:
            self._write("\n")
            sys.stdout.flush()
