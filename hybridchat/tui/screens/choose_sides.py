"""Choosing who answers side by side, and how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual import events, work
from textual.binding import Binding, BindingType
from textual.message import Message as TextualMessage
from textual.widgets import Input, Static

from hybridchat.domain.compare import FEWEST, MOST, Side
from hybridchat.domain.text import clean_line, title_of
from hybridchat.errors import HybridchatError
from hybridchat.tui.beside import BESIDE
from hybridchat.tui.compare_words import plan_words
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.screens.routes import ToList, backend_rows
from hybridchat.tui.widgets.rows import Row, RowList

if TYPE_CHECKING:
    from hybridchat.session.chat import Chat, Session
    from hybridchat.session.compare_plan import Terms

BLIND, TOGETHER = "blind", "together"
_OPTIONS = {
    BLIND: "blind: names and figures are hidden until you vote",
    TOGETHER: "sides on one server of yours answer at the same time",
}
HELP = f"Space ticks {FEWEST} to {MOST} of them."


class Ticks(RowList):
    """A click ticks; Enter is for the whole list."""

    class Clicked(TextualMessage):
        pass

    def on_click(self, event: events.Click) -> None:
        event.prevent_default()
        index = round(event.y + self.scroll_offset.y)
        if 0 <= index < len(self.rows) and self.rows[index].key is not None:
            self.cursor = index
            self.post_message(self.Clicked())


class Filter(Input):
    """Space ticks, also while the filter has the focus."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return key != "space" and super().check_consume_key(key, character)


class ChooseSides(Picker):
    """Answers with whether they were chosen; `sides` and `terms` say how. Sends nothing."""

    LIST, FILTER, AROUND = Ticks, Filter, 13
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "tick", "Tick it, or not", show=False, priority=True)]

    def __init__(self, session: Session, chat: Chat, text: str, sides: Sequence[Side], terms: Terms) -> None:
        asked = text or next((m.text for m in reversed(chat.messages[:-1])), "")
        hint = "Space ticks · Enter asks them · Esc closes"
        super().__init__(f"Compare: {title_of(asked)}", [], hint=hint, note=HELP)
        self._session, self._chat, self._text = session, chat, text
        self.sides, self.terms = list(sides)[:MOST], terms
        has_draft = bool(text.strip() or terms.along)  # else the last question is asked anew
        self._earlier = len(chat.messages) if has_draft else session.messages_before(chat, None)

    def on_mount(self) -> None:
        self._draw()
        self._tell_plan()

    def _draw(self) -> None:
        options = (Row(key, f"{self._mark(key)} {words}") for key, words in _OPTIONS.items())
        rows = [self._ticked(row) for row in backend_rows(self._session, self._chat, self._earlier)]
        self.set_all_rows([*options, *rows])

    def _ticked(self, row: Row) -> Row:
        if not isinstance(row.key, tuple):
            return row
        side = Side(*row.key)
        letter = "x" if self.terms.is_blind else "ABCD"  # blind ones are shuffled
        place = letter[self.sides.index(side) % len(letter)] if side in self.sides else " "
        return replace(row, text=f"[{place}] {row.text}")

    def _mark(self, option: str) -> str:
        return "[x]" if (self.terms.is_blind if option == BLIND else not self.terms.one_by_one) else "[ ]"

    def on_ticks_clicked(self) -> None:
        self.action_tick()

    def action_tick(self) -> None:
        row = self.list.current
        if row is None:
            return
        if row.barred:
            self.notify(row.barred, severity="warning")
            return
        match row.key:
            case "blind":
                self.terms = replace(self.terms, is_blind=not self.terms.is_blind)
            case "together":
                self.terms = replace(self.terms, one_by_one=not self.terms.one_by_one)
            case ToList(backend):
                self._list_models(backend)
            case (backend, model):
                self._tick(Side(backend, model))
        self._draw()
        self._tell_plan()

    def _tick(self, side: Side) -> None:
        if side in self.sides:
            self.sides.remove(side)
        elif len(self.sides) < MOST:
            self.sides.append(side)
        else:
            self.notify(f"{MOST} stand side by side at most: untick one first.", severity="warning")

    @work(name=BESIDE, exclusive=True, group="models")
    async def _list_models(self, backend: str) -> None:
        """The user asked for it: a look at a rented one is a request."""
        await self._session.check_health(backend)
        health = self._session.health(backend)
        if not health.models:
            self.notify(f"{clean_line(backend, 40)} lists no models: {health}", severity="warning")
        self._draw()

    @work(name=BESIDE, exclusive=True, group="plan")
    async def _tell_plan(self) -> None:
        """What it would mean; prices are looked up for that."""
        note = self.query_one(".note", Static)
        if len(self.sides) < FEWEST:
            note.update(HELP)
            return
        for may_look_up in (True, False):
            try:
                plan = self._session.comparing.plan(self._chat, self.sides, self._text, self.terms)
            except HybridchatError as error:
                note.update(clean_line(str(error), 300))
                return
            note.update(
                "\n".join(plan_words(plan, one_by_one=self.terms.one_by_one)) or "Nothing leaves your machines."
            )
            if may_look_up:
                for target in plan.unpriced:
                    await self._session.look_up_price(target)

    def action_choose(self) -> None:
        """Enter begins, wherever the cursor is."""
        if FEWEST <= len(self.sides) <= MOST:
            self.dismiss(True)
        else:
            self.notify(HELP, severity="warning")
