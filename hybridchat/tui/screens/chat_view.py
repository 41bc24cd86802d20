"""The chat screen's layout and what it shows: one open chat, told by the session's events."""

from __future__ import annotations

import math
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Resize
from textual.message import Message as TextualMessage
from textual.screen import Screen, ScreenResultType
from textual.timer import Timer

from hybridchat.config import UiConfig
from hybridchat.domain.chat import Attempt, Kind, Message, Privacy, Reasoning
from hybridchat.domain.routing import Candidate, Outlook
from hybridchat.domain.text import clean_line
from hybridchat.errors import HybridchatError
from hybridchat.session import events as news
from hybridchat.session.state import NOTHING
from hybridchat.tui.enter import Enter, what_enter_does
from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.slashes import call_in, call_words
from hybridchat.tui.transcript.layout import Look
from hybridchat.tui.transcript.widget import Transcript
from hybridchat.tui.widgets.bars import Banner, KeyBar, TitleBar, Waiting
from hybridchat.tui.widgets.composer import Composer
from hybridchat.tui.widgets.panel import Live, Panel
from hybridchat.tui.widgets.route_line import RouteLine
from hybridchat.tui.widgets.welcome import Welcome
from hybridchat.tui.words import PRIVACY, describe, marks_of, new_replies, waiting_to_retry

if TYPE_CHECKING:
    from hybridchat.session.chat import Chat, Plan, Session
    from hybridchat.tui.widgets.rows import Row

WIDE = 110  # columns: from here on the comparison has room at the side
SIDE_WIDTH = 42
NARROW = 72  # columns: below, beside a panel nothing could be read
PLAN_DELAY_S = 0.05
MAX_BANNERS = 3
COUNT_EVERY_S = 1.0

Place = tuple[int | None, bool]  # a chat's id, and whether it is off the record: words never change sides


class ChatView(Screen[None]):
    """What there is to see. What the user can do is ChatScreen's."""

    AUTO_FOCUS = "#composer"

    class Opened(TextualMessage):
        """Another chat is shown now."""

    def __init__(self) -> None:
        super().__init__()
        self.session: Session | None = None
        self.chat: Chat | None = None
        self.title_bar = TitleBar(id="title")
        self.transcript = Transcript(self._describe)
        self.welcome = Welcome()
        self.panel = Panel()
        self.waiting = Waiting()
        self.route_line = RouteLine()
        self.composer = Composer()
        self.key_bar = KeyBar(id="keys")
        self._panel_mode = self._panel_shown_as = "auto"
        self._is_simulated = False
        self._is_still = False
        self._plan_timer: Timer | None = None
        self.along = NOTHING  # attached to the draft
        self.rewords: int | None = None  # the message of the user that the composer's words stand in place of
        self._live: dict[int, Live] = {}
        self._clock = time.monotonic
        self._waits: dict[int, news.RetryWaits] = {}  # by conversation
        self._unseen: set[int] = set()  # conversations in which a reply has ended since they were on the screen
        self._beside: dict[int, tuple[Message, ...]] = {}  # message → all at its place, if there are several

    def compose(self) -> ComposeResult:
        yield self.title_bar
        yield self.panel
        yield Vertical(id="banners")
        yield self.welcome
        yield self.transcript
        yield self.waiting
        yield self.route_line
        yield self.composer.completions
        yield self.composer
        yield self.key_bar

    def on_mount(self) -> None:
        self._countdown = self.set_interval(COUNT_EVERY_S, self._show_wait, pause=True)
        self._place_panel(self.app.size.width)
        self.title_bar.title = "hybridchat"
        self._show_welcome()

    def on_descendant_focus(self) -> None:
        self.key_bar.is_reading = self.transcript.has_focus

    def on_resize(self, event: Resize) -> None:
        self._place_panel(event.size.width)

    def use_ui(self, ui: UiConfig) -> None:
        """How the user wants it; also while it runs."""
        is_compact = ui.density == "compact"
        self.set_class(is_compact, "-compact")
        self.panel.set_class(ui.panel_side == "left", "-left")
        self.panel.is_still = self._is_still = ui.reduced_motion
        self._panel_mode = ui.panel
        self._panel_shown_as = "auto" if ui.panel == "off" else ui.panel
        self.composer.most_pasted_lines, self.composer.most_pasted_characters = ui.paste_lines, ui.paste_characters
        look = Look(prose_cells=ui.text_width, gap_lines=0 if is_compact else 1, fold_lines=ui.fold_lines)
        self.transcript.use(look, show_thinking=ui.show_thinking)
        if self.is_mounted:
            self._place_panel(self.app.size.width)

    def _place_panel(self, width: int) -> None:
        """At the side where there is room, else as a line; `auto` decides by the width."""
        mode = self._panel_mode
        is_side = width >= {"side": NARROW, "auto": WIDE}.get(mode, math.inf)
        self.panel.display = mode != "off"
        self.panel.set_class(is_side, "-side")
        self.set_class(width >= WIDE + (SIDE_WIDTH if is_side else 0), "-wide")
        self.panel.refresh(layout=True)

    # --- a chat on the screen

    def attach(self, session: Session, chat: Chat) -> None:
        """The session is ready: its chat comes on the screen."""
        self.session = session
        self._is_simulated = any(candidate.kind == Kind.SIMULATED for candidate in session.candidates())
        self.show_chat(chat)

    def show_chat(self, chat: Chat) -> None:
        """Puts another chat on the screen."""
        self.chat = chat
        if chat.id is not None and self.session is not None:
            self._unseen.discard(chat.id)
            self.session.unread.seen(chat.id)
        self._beside = {}
        self.show_messages()
        self._show_welcome()
        self.show_waiting()
        self._show_live()
        self.plan_now()
        self.composer.focus()
        self.post_message(self.Opened())

    def show_messages(self) -> None:
        """The chat's branch as it is now."""
        if self.chat is not None:
            self.transcript.set_messages(_with_running_text(self.chat))
            self._show_wait()

    def update_messages(self, ids: Container[int]) -> None:
        """More is known of these now. They stay where they are on the screen."""
        if self.chat is not None:
            for message in _with_running_text(self.chat):
                if message.id in ids:
                    self.transcript.update_message(message)

    def _describe(self, message: Message) -> tuple[str, str]:
        header, footer = self._told_of(message)
        if message.id == self.rewords:
            header += " · what you write below goes in its place"
        return header, footer

    def _told_of(self, message: Message) -> tuple[str, str]:
        return describe(message, self._beside.get(message.id, ()))

    def _show_welcome(self) -> None:
        is_empty = self.chat is None or not self.chat.messages
        self.welcome.display, self.transcript.display = is_empty, not is_empty
        if is_empty and self.session is not None:
            is_off_record = self.chat is not None and self.chat.is_off_record
            self.welcome.show(self.session.candidates(), is_off_record=is_off_record)

    def show_waiting(self) -> None:
        if self.chat is not None:
            self.waiting.show(tuple(d.text for d in self.chat.queue), is_streaming=self.chat.is_streaming)

    def _show_live(self) -> None:
        here = self._live.get(self.chat.id) if self.chat is not None and self.chat.id is not None else None
        self.panel.live = here or next(iter(self._live.values()), None)

    def plan_soon(self) -> None:
        """Plans after a short rest in the typing."""
        if self._plan_timer is not None:
            self._plan_timer.stop()
        self._plan_timer = self.set_timer(PLAN_DELAY_S, self.plan_now)

    def plan_now(self) -> None:
        """Brings the line over the composer and the title up to date."""
        if self.session is None or self.chat is None or not self.route_line.is_attached:  # the user has quit meanwhile
            return
        from hybridchat.domain.tuning import in_words  # there with the session, and not before

        plan, enter = self.plan_enter()
        chosen = self.composer.completions.chosen
        if call := call_in(chosen.text if chosen else self.composer.text):
            completes = chosen is not None and chosen.is_guess and not self.composer.completions.was_gone_to
            self.route_line.say(call_words(call, keymap_of(self).name("send"), completes=completes))
        else:
            self.route_line.show(plan, enter)
        conversation = self.chat.conversation
        self.title_bar.title = conversation.title if conversation else "New chat"
        settings = in_words(self.chat.parameters, self.chat.system)  # the effort is in the line over the composer
        marks = (
            (new_replies(len(self._unseen)) + " elsewhere" if self._unseen else "", "bold $primary"),
            ("SIMULATED" if self._is_simulated else "", "bold $warning"),
            (marks_of(conversation) if conversation else "", "$muted"),
            ("tuned" if settings else "", "$primary"),
            (", ".join(settings), "$muted"),
            (clean_line(plan.workload or "", 20), "$muted"),
            ("high reasoning" if plan.reasoning is Reasoning.HIGH else "", "$muted"),
            ("off the record" if self.chat.is_off_record else "", "bold $warning"),
            (PRIVACY[plan.privacy], "$muted" if plan.privacy is Privacy.OPEN else "$local"),
        )
        self.title_bar.marks = tuple((words, style) for words, style in marks if words)
        self.composer.set_class(plan.decision.outlook is not Outlook.SEND, "-blocked")

    def plan_enter(self, route: str | None = None, model: str | None = None) -> tuple[Plan, Enter]:
        """The plan of the message whose turn it is, and what Enter does now. A route given here is the draft's."""
        assert self.session is not None and self.chat is not None
        chat, text, along = self.chat, self.composer.words, self.along
        if self.rewords is not None:
            return self._plan_rewording(chat, text, route, model)
        has_draft, is_waiting = bool(text.strip() or along), bool(chat.queue) and route is None
        if is_waiting and not chat.is_streaming:
            first = chat.queue[0]
            text, along, route, model = first.text, first.along, first.route, first.model
        plan = self.session.plan(chat, text, route=route, model=model, along=along)
        return plan, what_enter_does(
            _outlook(plan), is_streaming=chat.is_streaming, is_waiting=is_waiting, has_draft=has_draft
        )

    def _plan_rewording(self, chat: Chat, text: str, route: str | None, model: str | None) -> tuple[Plan, Enter]:
        """Other words never wait."""
        assert self.session is not None
        plan = self.session.plan(chat, text, route=route, model=model, rewords=self.rewords, along=self.along)
        if chat.is_streaming or chat.queue:
            return plan, Enter.LATER
        return plan, what_enter_does(_outlook(plan), is_streaming=False, is_waiting=False, has_draft=True)

    # --- what the session tells

    def tell(self, event: news.SessionEvent) -> None:
        """Called by the session on the event loop, at once: so the transcript and chat.messages never disagree."""
        match event:
            case news.Delta():
                self._on_delta(event)
            case news.TurnBegan():
                self._on_turn_began(event)
            case news.RetryWaits(conversation_id):
                self._waits[conversation_id] = event
                self._show_wait()
            case news.AttemptBegan():
                self._on_attempt_began(event)
            case news.TurnEnded(conversation_id, reply):
                self._live.pop(conversation_id, None)
                self._waits.pop(conversation_id, None)
                self._show_live()
                if self._is_here(conversation_id):
                    self.transcript.finish(reply)
                    self.show_waiting()
                elif self.session is not None:
                    self._unseen.add(conversation_id)
                    self.session.unread.ended(conversation_id)
                self.plan_now()
            case news.EngineLoading(conversation_id, message_id, detail, fraction):
                if self._is_here(conversation_id):
                    done = "" if fraction is None else f" {fraction:.0%}"
                    self.transcript.set_status(message_id, f"{clean_line(detail)}{done}")
            case news.AttemptPriced(attempt):
                self._on_priced(attempt)
            case news.QueueChanged(conversation_id):
                if self.chat is not None and self.chat.id == conversation_id:
                    self.show_waiting()
                    self.plan_now()
            case news.HealthChanged():
                self._show_welcome()
                self.plan_soon()
            case news.LimitsChanged(backend, limits):
                self.panel.note_limits(backend, limits)
            case news.SnapshotChanged(snapshot):
                self.panel.snapshot = snapshot
                if self.session is not None:
                    budgets = self.session.budgets
                    self.panel.standings, self.panel.warn = budgets.known(), budgets.warn
                    self.plan_soon()
            case news.Notice(text, severity):
                self.banner(text, severity)

    def _is_here(self, conversation_id: int) -> bool:
        return self.chat is not None and self.chat.id == conversation_id

    def _on_turn_began(self, event: news.TurnBegan) -> None:
        self._live[event.conversation.id] = _live(event.target)
        self._show_live()
        if self._is_here(event.conversation.id):
            self._show_welcome()
            if event.instead_of is not None:
                self.transcript.cut(event.instead_of)
            if event.user.id not in self.transcript.document:  # else it is answered again
                self.transcript.add_message(event.user)
            self.transcript.add_message(event.reply)
            self.show_waiting()
            self.plan_now()

    def _on_attempt_began(self, event: news.AttemptBegan) -> None:
        self._waits.pop(event.conversation_id, None)
        self._live[event.conversation_id] = _live(event.target)
        self._show_live()
        if self.chat is not None and self._is_here(event.conversation_id):
            self.transcript.set_status(event.message_id, "")
            self.transcript.update_message(_with_running_text(self.chat)[-1])

    def _show_wait(self) -> None:
        """How long until the next try: counted down once a second, and only while it is in sight."""
        wait = self._waits.get(self.chat.id) if self.chat is not None and self.chat.id is not None else None
        if wait is None:
            self._countdown.pause()
        else:
            left_s = max(0, math.ceil(wait.until_monotonic - self._clock()))
            words = waiting_to_retry(wait.reason, left_s, wait.retry_no, keymap_of(self).name("stop"))
            self.transcript.set_status(wait.message_id, words)
            if not self._is_still:
                self._countdown.resume()

    def _on_delta(self, event: news.Delta) -> None:
        if event.ttft_ms is not None and event.conversation_id in self._live:
            self._live[event.conversation_id] = replace(self._live[event.conversation_id], ttft_ms=event.ttft_ms)
            self._show_live()
        if self._is_here(event.conversation_id):
            self.transcript.append(event.message_id, event.text, event.is_thinking)

    def _on_priced(self, attempt: Attempt) -> None:
        if self.chat is not None:
            message = next((m for m in self.chat.messages if m.id == attempt.message_id), None)
            if message is not None:
                self.transcript.update_message(replace(message, attempt=attempt))

    # --- telling and asking the user

    async def pick(
        self, title: str, rows: Sequence[Row], *, current: object = None, note: str = "", has_filter: bool = True
    ) -> object:
        """The key of the row that the user chose, or None. For workers."""
        from hybridchat.tui.screens.picker import Picker

        return await self.ask(Picker(title, rows, current=current, note=note, has_filter=has_filter))

    async def ask(self, dialog: Screen[ScreenResultType]) -> ScreenResultType | None:
        """What the user answers; then one goes on where one was, writing or reading. For workers."""
        return await self.app.push_screen_wait(dialog)

    def banner(self, text: str, severity: str = "warning") -> None:
        """A line over the transcript that stays until Esc or a click; the same text is shown once."""
        banners = self.query(Banner)
        new = Banner(text, severity)
        if any(b.text == new.text for b in banners):
            return
        if len(banners) >= MAX_BANNERS:
            banners.first().remove()
        self.query_one("#banners", Vertical).mount(new)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Failures with a remedy become a banner."""
        try:
            yield
        except HybridchatError as error:
            self.banner(str(error), "error")


def _outlook(plan: Plan) -> Outlook:
    can_choose = bool(plan.ways) or (plan.budget is not None and plan.budget.forbids)
    return Outlook.ASK if can_choose else plan.decision.outlook


def _live(target: Candidate) -> Live:
    return Live(target.backend, target.is_local, time.monotonic())


def _with_running_text(chat: Chat) -> list[Message]:
    """The chat's messages, the running reply with what has come so far."""
    if chat.turn is None:
        return list(chat.messages)
    return [*chat.messages[:-1], chat.turn.message]
