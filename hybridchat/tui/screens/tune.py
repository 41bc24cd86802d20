"""A conversation's own settings in one form, looked at as they are typed. Nothing changes before they are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from hybridchat.config import PresetConfig
from hybridchat.domain.chat import Effort, Parameters
from hybridchat.domain.routing import Candidate
from hybridchat.domain.text import clean, clean_line
from hybridchat.domain.tuning import SETTINGS, Setting, Untaken, given, read_setting, typed_setting
from hybridchat.errors import UsageError
from hybridchat.session.presets import parameters_of
from hybridchat.tui.screens.dialogs import Confirm
from hybridchat.tui.widgets.choice import Choice
from hybridchat.tui.widgets.hints import Hints
from hybridchat.tui.widgets.text_field import TextField
from hybridchat.tui.words import candidate_words

HINTS = "Ctrl+S keeps · F8 defaults · F4 presets · F2 saves a preset · Esc closes"
AROUND = 9  # lines of the dialog beside the fields, and of the screen beside it
THE_MODELS_OWN = "as the model does"

ABOUT_SYSTEM = "What every message begins with. Tab goes on."

Route = tuple[str, str | None]  # and the model of it


class Tuned(NamedTuple):
    """What the form says; with what a preset says besides, and whether it is to be saved as one."""

    parameters: Parameters
    system: str
    route: Route
    preset: PresetConfig | None = None
    saves: bool = False


class Asked(NamedTuple):
    """Who would answer, None where nobody would, and what of the settings would not go there."""

    target: Candidate | None
    untaken: tuple[Untaken, ...]


class Helpers(NamedTuple):
    """What the form asks of the chat's screen."""

    judge: Callable[[Tuned], Asked]
    pick_route: Callable[[Route], Awaitable[Route | None]]
    pick_preset: Callable[[], Awaitable[PresetConfig | None]]


class Picked(Static, can_focus=True):
    """A value that is chosen elsewhere: by Enter or a click."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "screen.pick_route", "Choose where it goes", show=False)
    ]

    async def on_click(self) -> None:
        await self.run_action("screen.pick_route")


class Tune(ModalScreen["Tuned | None"]):
    """Each field says whether whoever would answer takes it."""

    CSS_PATH = "tune.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", show=False),
        Binding("up", "app.focus_previous", "To another field", show=False),
        Binding("down", "app.focus_next", "To another field", show=False),
        Binding("ctrl+s", "keep", "Keep it", show=False, priority=True),
        Binding("f2", "keep(True)", "Keep it, and as a preset", show=False, priority=True),
        Binding("f4", "pick_preset", "A preset", show=False, priority=True),
        Binding("f8", "defaults", "The defaults", show=False, priority=True),
    ]

    def __init__(self, now: Tuned, helpers: Helpers) -> None:
        super().__init__()
        self._before, self._helpers = now, helpers
        self._route, self._preset = now.route, now.preset
        self.system = TextField(
            now.system, soft_wrap=True, compact=True, highlight_cursor_line=False, placeholder="none", id="system"
        )
        self.route = Picked(markup=False)
        self.fields: dict[str, Input | Choice] = {name: _field(name, now.parameters) for name in SETTINGS}
        self._labels = {name: Static(classes="label", markup=False) for name in ("system", "route", *SETTINGS)}
        self._notes = {name: Static(classes="note", markup=False) for name in ("route", *SETTINGS)}
        self._scroll = VerticalScroll(can_focus=False)
        self._foot = Static("", markup=False, classes="foot")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Tune this chat", markup=False, classes="title")
            with self._scroll:
                with Horizontal():
                    yield self._labels["system"]
                    yield self.system
                yield from self._row("route", self.route)
                for name, field in self.fields.items():
                    yield from self._row(name, field)
            yield self._foot
            yield Hints(HINTS)

    def _row(self, name: str, field: Widget) -> ComposeResult:
        with Horizontal():
            yield self._labels[name]
            yield field
            yield self._notes[name]

    def on_resize(self) -> None:
        self._scroll.styles.max_height = max(3, self.app.size.height - AROUND)

    def on_mount(self) -> None:
        self.system.move_cursor(self.system.document.end)
        self.system.focus()
        self._look()

    # --- what it says

    def on_input_submitted(self) -> None:
        self.focus_next()

    def _read(self) -> tuple[Tuned, dict[str, UsageError]]:
        """What is typed, as far as it can be, and what of it cannot."""
        values: dict[str, Any] = {}
        wrong: dict[str, UsageError] = {}
        for name, field in self.fields.items():
            try:
                values[name] = read_setting(name, "" if field.value == THE_MODELS_OWN else field.value)
            except UsageError as error:
                wrong[name] = error
        system = clean(self.system.text).strip()
        return Tuned(Parameters(**values), system, self._route, self._preset), wrong

    @on(DescendantFocus)
    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(Choice.Changed)
    def _look(self) -> None:
        """At every change: what differs, what is wrong, and what would not go."""
        now, wrong = self._read()
        asked = self._helpers.judge(now)
        untaken = {one.name: one for one in asked.untaken}
        differs = {"system": bool(now.system), "route": now.route != ("auto", None)}
        differs |= {name: name in given(now.parameters) or name in wrong for name in SETTINGS}
        for name, label in self._labels.items():
            title = SETTINGS[name].title if name in SETTINGS else {"system": "system prompt", "route": "goes to"}[name]
            label.update(f"{'•' if differs[name] else ' '} {title}")
        for name in SETTINGS:
            self._notes[name].update(_note(SETTINGS[name], wrong.get(name), untaken.get(name)))
        route, model = now.route
        self.route.update(clean_line(f"{route} · {model}" if model else route, 60))
        self._notes["route"].update(Content(_who(asked.target)))
        self._foot.update(self._about(wrong, untaken, asked.target))

    def _about(
        self, wrong: Mapping[str, UsageError], untaken: Mapping[str, Untaken], target: Candidate | None
    ) -> Content:
        """Where something is wrong, that; else of the field that one is in."""
        here = next((name for name, field in self.fields.items() if field is self.focused), "")
        if wrong:
            return Content.assemble((str(wrong.get(here) or next(iter(wrong.values()))), "$error"))
        if here in untaken:
            return Content.assemble((f"{SETTINGS[here].title}: {untaken[here].why}", "$warning"))
        if here:
            return Content.assemble((f"{SETTINGS[here].meaning}: {SETTINGS[here].allowed}.", "$muted"))
        about = f"Now {_who(target)}. Enter chooses another." if self.focused is self.route else ABOUT_SYSTEM
        return Content.assemble((about, "$muted"))

    # --- what the keys do

    @work
    async def action_pick_route(self) -> None:
        if (chosen := await self._helpers.pick_route(self._route)) is not None:
            self._route = chosen
            self._look()

    @work
    async def action_pick_preset(self) -> None:
        preset = await self._helpers.pick_preset()
        if preset is not None:
            self._preset = preset
            self._route = (preset.route, preset.model) if preset.route else self._route
            self._show(parameters_of(preset), preset.system)

    def action_defaults(self) -> None:
        self._preset = None
        self._show(Parameters(), "")

    def _show(self, parameters: Parameters, system: str) -> None:
        for name, field in self.fields.items():
            field.value = _shown(name, getattr(parameters, name))
        self.system.load_text(system)
        self._look()

    def action_keep(self, saves: bool = False) -> None:
        now, wrong = self._read()
        if wrong:
            self.fields[next(iter(wrong))].focus()
        else:
            self.dismiss(now._replace(saves=saves))

    @work
    async def action_leave(self) -> None:
        """What was typed is not lost by a key."""
        now, wrong = self._read()
        is_same = now == self._before and not wrong
        question = Confirm(
            "Leave the settings as they were?", "What was changed here is gone.", yes="Leave", no="Go on"
        )
        if is_same or await self.app.push_screen_wait(question):
            self.dismiss(None)


def _field(name: str, parameters: Parameters) -> Input | Choice:
    value = _shown(name, getattr(parameters, name))
    if name == "effort":
        return Choice((THE_MODELS_OWN, *(effort.value for effort in Effort)), value)
    return Input(value, placeholder="default", compact=True)


def _shown(name: str, value: Any) -> str:
    return typed_setting(value) or (THE_MODELS_OWN if name == "effort" else "")


def _note(setting: Setting, wrong: UsageError | None, untaken: Untaken | None) -> Content:
    if wrong is not None:
        return Content.assemble((wrong.remedy, "$error"))
    if untaken is not None:
        says = "refused" if untaken.is_refused else "left out"
        return Content.assemble((clean_line(f"{says}: {untaken.why}", 80), "$warning"))
    return Content.assemble((setting.allowed, "$muted"))


def _who(target: Candidate | None) -> str:
    if target is None:
        return "nobody would answer now"
    return " · ".join(candidate_words(target))
