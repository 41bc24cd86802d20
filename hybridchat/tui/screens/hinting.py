"""First-time hints: one line over the composer, one at a time, gone for good once done, put away, or passed by."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.content import Content
from textual.widgets import Static

from hybridchat.config import UiConfig
from hybridchat.domain.chat import MessageState, Privacy, Role
from hybridchat.session import events as news
from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.screens.sending import Sending

if TYPE_CHECKING:
    from hybridchat.session.hints import SeenHints
    from hybridchat.tui.first_hints import FirstHint, Moment


class Tip(Static):
    DEFAULT_CSS = "Tip { height: 1; padding: 0 2; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }"


class Hinting(Sending):
    """Nothing is looked up before the first reply has ended."""

    hints_file: Path | None = None  # of what has been seen; None: there are no hints, as in the demo
    _seen: SeenHints | None = None
    _wants_hints = True
    _hint: FirstHint | None = None

    def use_ui(self, ui: UiConfig) -> None:
        super().use_ui(ui)
        self._wants_hints = ui.hints
        if not ui.hints:
            self._remove_tip()

    def tell(self, event: news.SessionEvent) -> None:
        super().tell(event)
        match event:
            case news.TurnBegan() if self._is_here(event.conversation.id):
                self.put_hint_away()
            case news.TurnEnded(conversation_id, reply) if self._is_here(conversation_id):
                if reply.state in (MessageState.COMPLETE, MessageState.FAILED):
                    self._look_for_hint(event)

    def _look_for_hint(self, event: news.TurnEnded) -> None:
        chat = self.chat
        if not self._wants_hints or self._hint or chat is None or chat.is_off_record or chat.queue:
            return
        if self.hints_file is None:
            return
        from hybridchat.session.hints import SeenHints
        from hybridchat.tui.first_hints import choose

        self._seen = self._seen or SeenHints(self.hints_file)
        self._seen.read()
        hint = choose(self._moment(event), self._seen.is_new)
        key = keymap_of(self).name(hint.action) if hint else ""
        if hint is not None:
            self._hint = hint
            words = Content.assemble(("tip: ", "bold"), hint.words.format(key), (" · Esc puts this away", "$muted"))
            self.mount(Tip(words), before=self.route_line)

    def _moment(self, event: news.TurnEnded) -> Moment:
        from hybridchat.tui.first_hints import Moment

        assert self.session is not None and self.chat is not None
        answers = sum(message.role is Role.ASSISTANT for message in self.chat.messages)
        sides = {candidate.is_local for candidate in self.session.candidates()}
        may_leave = self.session.plan(self.chat, "").privacy is Privacy.OPEN
        return Moment(event.reply, answers, event.conversation_id, may_leave and len(sides) > 1)

    # --- done with

    def note_done(self, action: str) -> None:
        """The user did it, by key, palette or slash."""
        if self._hint is not None and self._hint.action == action:
            self.put_hint_away()

    @work(group="stop")
    async def action_stop(self) -> None:
        """Esc puts a hint away before it does what else it does; a running reply goes first."""
        if self._hint is not None and not (self.chat is not None and self.chat.is_streaming):
            self.put_hint_away()
        else:
            super().action_stop()

    def put_hint_away(self) -> None:
        """For good."""
        seen, hint = self._seen, self._hint
        if seen is not None and hint is not None:
            seen.note(hint.action)
            self.run_worker(partial(seen.keep, hint.action), thread=True, group="hints")
        self._remove_tip()

    def _remove_tip(self) -> None:
        self._hint = None
        if self.is_mounted:
            self.query(Tip).remove()
