"""The application: its session's life, themes, clipboard and end. What is on the screen is in screens/."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events
from textual.actions import ActionParseResult, SkipAction
from textual.dom import DOMNode
from textual.driver import Driver
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.signal import Signal
from textual.timer import Timer
from textual.widgets import Input, TextArea

from hybridchat.config import NotifyConfig, UiConfig
from hybridchat.domain.text import clean, clean_line
from hybridchat.errors import EXIT_FAILED, EXIT_INTERRUPTED, HybridchatError, Refused, UsageError
from hybridchat.session.events import Notice, SessionEvent, TurnEnded
from hybridchat.session.settings import Settings
from hybridchat.tui import terminal
from hybridchat.tui.beside import BESIDE
from hybridchat.tui.keymap import bindings
from hybridchat.tui.keys_in_order import KeysInOrder, Typed
from hybridchat.tui.pasting import Told, read_pastes_as_text
from hybridchat.tui.screens.chat import ChatScreen
from hybridchat.tui.widgets.hints import Hints
from hybridchat.tui.words import brief

if TYPE_CHECKING:
    from hybridchat.session.chat import Session
    from hybridchat.session.providers import Providers
    from hybridchat.session.setup import Setup
    from hybridchat.tui.screens.help import Entry

_DEFAULT_UI = UiConfig()
_DEFAULT_NOTIFY = NotifyConfig()
LOOK_FOR_HANGUP_S = 1.0
SAY_FOR_S = 4.0
PAINT_FIRST_S = 0.05  # what was typed ahead is on the screen before the session's imports take the interpreter
EXIT_HUNG_UP = 129  # as SIGHUP

OpenSession = Callable[[], "Awaitable[Session]"]


class HybridChatApp(KeysInOrder):
    """`open_session` is called once after the first paint (again after the first run's setup), and may be slow.

    `setup`: given when there is no config; the first-run screen then comes first. `open_demo`: its "demo" choice.
    `open_providers`: for adding backends; None: that cannot be done here.
    `settings`: where choices are kept. `hints_file`: which first-time hints have been seen; None: there are none.
    `preset`: the name of the one that the first chat goes by. `crash_log`: where a fault of ours is noted, without any
    words.
    """

    TITLE = "hybridchat"
    BINDINGS = bindings("app")
    ENABLE_COMMAND_PALETTE = False  # ours opens it: its key stands in the table like all others

    def __init__(
        self,
        open_session: OpenSession,
        *,
        ui: UiConfig = _DEFAULT_UI,
        notify: NotifyConfig = _DEFAULT_NOTIFY,
        theme_folders: Sequence[Path] = (),
        keymap_file: Path | None = None,
        notices: Sequence[Notice] = (),
        setup: Setup | None = None,
        open_demo: OpenSession | None = None,
        open_providers: Callable[[], Providers] | None = None,
        settings: Settings | None = None,
        hints_file: Path | None = None,
        reopen_latest: bool = False,
        preset: str | None = None,
        crash_log: Path | None = None,
    ) -> None:
        super().__init__(
            css_path=Path(__file__).parent / "screens" / "chat.tcss",
            ui=ui,
            notify=notify,
            theme_folders=theme_folders,
            keymap_file=keymap_file,
            settings=settings,
        )
        self._open_session = open_session
        self._notices = [*notices, *self.use_first_theme(ui.theme)]
        self._setup = setup
        self._open_demo = open_demo
        self.open_providers = open_providers
        self.chat_screen.hints_file = hints_file
        self._reopen_latest = reopen_latest
        self._preset = preset
        self._crash_log = crash_log
        self._said: tuple[str, str] | None = None
        self._silence: Timer | None = None
        self.session: Session | None = None
        self._is_ending = False
        self.parting_words: list[str] = []  # what the session told while it closed: for stderr, as the next
        self.last_words = ""  # why it failed; once the terminal is the shell's again
        self.terminal_told: Signal[Told] = Signal(self, "terminal-told")
        self._filters.append(terminal.InertFilter())
        if (getattr(sys.__stderr__, "encoding", None) or "utf-8").lower().replace("-", "") != "utf8":
            self._filters.append(terminal.AsciiFilter())

    # --- life

    def get_default_screen(self) -> Screen[None]:
        return self.chat_screen

    async def take_typed(self, event: Typed) -> None:
        if isinstance(event, events.Key):
            if self._said:
                self._say(None)
            if self._asks_for_help(event):
                self.action_help()
                return
        await super().take_typed(event)

    def _write_what_was_typed_ahead(self) -> None:
        """As soon as the composer has the focus: the words are in the first picture. Other keys wait for their turn."""
        if self.has_begun:
            return
        while self.typed and isinstance(key := self.typed[0], events.Key) and key.character and key.is_printable:
            self.chat_screen.composer.insert(key.character)
            del self.typed[0]

    def _asks_for_help(self, key: events.Key) -> bool:
        """With ?, say, in a dialog where nothing is written: its own keys are all that Textual looks for there."""
        is_help = key.is_printable and key.key in self.keymap.of("help")
        return is_help and self.screen.is_modal and not isinstance(self.focused, Input | TextArea)

    def on_mount(self) -> None:
        if not self.is_headless:
            terminal.on_end_signals(asyncio.get_running_loop(), self._end_by_signal)
            self.set_interval(LOOK_FOR_HANGUP_S, self._end_if_hung_up)
        if self._setup is None:
            self.is_starting = True
            self.watch(self.chat_screen.composer, "has_focus", self._write_what_was_typed_ahead, init=False)
            self.call_after_refresh(self.set_timer, PAINT_FIRST_S, partial(self._begin, self._open_session))
        else:
            from hybridchat.tui.screens.first_run import FirstRun

            self.push_screen(
                FirstRun(self._setup, self.open_providers, has_demo=self._open_demo is not None), self._after_setup
            )

    def _after_setup(self, wants_demo: bool | None) -> None:
        self.is_starting = True
        self._begin(self._open_demo if wants_demo and self._open_demo else self._open_session)

    def _begin(self, opener: OpenSession) -> None:
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        self.follow_theme_file()
        for notice in self._notices:
            self.chat_screen.banner(notice.text, notice.severity)
        self.tell_keymap_problems()
        self.run_worker(self._start_session(opener), name=BESIDE)

    async def _start_session(self, opener: OpenSession) -> None:
        screen = self.chat_screen
        try:
            session = self.session = await opener()
            session.listen(self._tell)
            latest = await session.open_latest() if self._reopen_latest else None
            chat = latest or session.new()
            if self._preset is not None and (kept_back := await session.presets.choose_by_name(chat, self._preset)):
                screen.banner(kept_back)
            screen.attach(session, chat)
            self.is_starting = False
            await session.start()
            if screen.is_running:  # else the user has quit meanwhile
                screen.plan_now()
        except Refused as error:  # the run was to be local only, and nothing would keep it so
            self.last_words = f"hybridchat: {error}"
            self.exit(return_code=error.exit_code)
        except HybridchatError as error:
            screen.banner(str(error), "error")
            if screen.chat is None:
                screen.route_line.say(f"No chat can be opened: {error}")
        finally:
            self.is_starting = False

    def _tell(self, event: SessionEvent) -> None:
        if self._is_ending and isinstance(event, Notice):
            self.parting_words.append(event.text)
        try:
            if isinstance(event, TurnEnded) and event.reply.attempt is not None and not event.is_hidden:
                self.tell_out_of_sight(event.reply.attempt)
            if self.chat_screen.is_running:
                self.chat_screen.tell(event)
        except Exception as error:  # noqa: BLE001 - a fault of the screen ends the screen, not the turn that told it
            self._handle_exception(error)

    async def on_unmount(self) -> None:
        """The terminal is the shell's again by now; what came of running replies is written."""
        self._is_ending = True
        if self.session is not None:
            self.chat_screen.keep_draft()
            try:
                await self.session.close()
            except HybridchatError as error:
                self.last_words = str(error)

    def get_driver_class(self) -> type[Driver]:
        driver_class = super().get_driver_class()
        self.can_ask_terminal = read_pastes_as_text(driver_class)
        return terminal.surviving(driver_class)

    def on_told(self, told: Told) -> None:
        self.terminal_told.publish(told)

    def _end_by_signal(self, code: int) -> None:
        self.exit(return_code=code)

    def _end_if_hung_up(self) -> None:
        if sys.__stdin__ is not None and terminal.is_hung_up(sys.__stdin__.fileno()):
            self._end_by_signal(EXIT_HUNG_UP)

    def _fatal_error(self) -> None:
        """Textual's own would print every local variable: prompts, replies, keys."""
        error = self._exception or sys.exc_info()[1]
        if error is not None:
            self.last_words = terminal.crash_report(error, self._crash_log)
        self._close_messages_no_wait()

    # --- actions for the whole app

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """However the user came to it: a hint about it has done its work."""
        is_done = await super().run_action(action, default_namespace, namespaces)
        if is_done and isinstance(action, str):
            self.chat_screen.note_done(action)
        return is_done

    def action_commands(self) -> None:
        from hybridchat.tui.palette import Palette

        if isinstance(self.screen, ChatScreen):
            self.push_screen(Palette())

    def action_suspend(self) -> None:
        if self._driver is None or not self._driver.can_suspend:
            raise SkipAction  # then the composer may use the key
        terminal.suspend_job(self._driver)

    def action_help(self) -> None:
        """Over every screen; its key closes it too."""
        from hybridchat.tui.screens.help import HelpScreen, entries_for

        if isinstance(self.screen, HelpScreen):
            self.screen.dismiss()
        else:
            groups = entries_for(self.screen, self.keymap)
            self.push_screen(HelpScreen(groups, self.keymap_problems), partial(self._do_entry, self.screen))

    async def _do_entry(self, screen: Screen[Any], entry: Entry | None) -> None:
        from hybridchat.tui.doing import do

        if entry is not None and entry.press:
            self.simulate_key(entry.press)
        elif entry is not None:
            await do(screen, entry.action)

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Another program has the terminal; what goes on here goes on unseen. Ctrl+C is that program's meanwhile."""
        if self._driver is None or not self._driver.can_suspend:
            raise UsageError("no other program can be run in this terminal")
        loop, driver = asyncio.get_running_loop(), self._driver
        met: BaseException | None = None
        try:
            terminal.on_end_signals(loop, lambda code: None if code == EXIT_INTERRUPTED else self._end_by_signal(code))
            with self.suspend():
                driver.is_muted = True  # type: ignore[attr-defined]
                try:
                    yield
                except BaseException as error:  # noqa: BLE001 - Textual comes back only where nothing is raised
                    met = error
                driver.is_muted = False  # type: ignore[attr-defined]
        finally:
            terminal.on_end_signals(loop, self._end_by_signal)
        if met is not None:
            raise met

    def action_help_quit(self) -> None:
        """Ctrl+C with nothing selected."""
        self.notify(f"{self.keymap.name('stop')} stops a reply, {self.keymap.name('quit')} quits.")

    # --- passing words

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """In place of the hints at the foot of every screen, until the next key: a toast would cover what is read.

        News passes after `timeout` seconds too; a warning or an error waits for the key. Never markup, nor a title.
        """
        self._say((brief(message), severity))
        if severity == "information":
            self._silence = self.set_timer(timeout or SAY_FOR_S, partial(self._say, None))

    def _say(self, said: tuple[str, str] | None) -> None:
        self._said = said
        if self._silence is not None:
            self._silence.stop()
        for screen in self.screen_stack:
            for hints in screen.query(Hints):
                hints.said = said

    # --- clipboard

    def copy_to_clipboard(self, text: str) -> None:
        """By OSC 52 through the terminal, over SSH too, and by the system's own program where there is one; inert."""
        from hybridchat.tui.desktop import copy_to_system

        text = clean(text)
        super().copy_to_clipboard(text)
        if not self.is_headless:
            self.run_worker(lambda: copy_to_system(text, dict(os.environ)), thread=True, name=BESIDE)


def run(app: HybridChatApp) -> int:
    """Runs it on this terminal until the user quits; returns the exit code. Its last words go to stderr."""
    if "ESCDELAY" not in os.environ:
        from textual import constants

        constants.ESCAPE_DELAY = terminal.ESCAPE_DELAY_S  # type: ignore[misc]
    app.run()
    for words in app.parting_words:
        print(f"hybridchat: {clean_line(words)}", file=sys.stderr)  # noqa: T201 - as below
    if app.last_words:
        print(app.last_words, file=sys.stderr)  # noqa: T201 - the screen is gone; this is the shell's line
        return app.return_code or EXIT_FAILED
    return app.return_code or 0
