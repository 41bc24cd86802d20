"""The chat screen: what the user can do with the open chat, one method for each action of the table."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import work

from hybridchat.domain.chat import Privacy, Reasoning
from hybridchat.domain.privacy import strictest
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError
from hybridchat.tui.keymap import Keymap, bindings, keymap_of, rebind
from hybridchat.tui.screens.backends import Backends
from hybridchat.tui.screens.branching import Branching
from hybridchat.tui.screens.code import Code
from hybridchat.tui.screens.comparing import Comparing
from hybridchat.tui.screens.editing import EditingDrafts
from hybridchat.tui.screens.finding import Finding
from hybridchat.tui.screens.hinting import Hinting
from hybridchat.tui.screens.links import Links
from hybridchat.tui.screens.marking import Marking
from hybridchat.tui.screens.moving import Moving
from hybridchat.tui.screens.prompting import Prompting
from hybridchat.tui.screens.tuning import Tuning
from hybridchat.tui.slashes import route_in, value_of
from hybridchat.tui.widgets.composer import Composer, placeholder
from hybridchat.tui.words import PRIVACY, WORKLOADS, chat_number

if TYPE_CHECKING:
    from hybridchat.session.floor import Floor
    from hybridchat.session.state import Chat


class ChatScreen(
    Backends, Links, Moving, Code, Finding, Marking, Tuning, EditingDrafts, Prompting, Hinting, Branching, Comparing
):
    """Actions return at once; what takes time runs in a worker, and its failures become banners."""

    BINDINGS = bindings("chat")

    def use_keymap(self, keymap: Keymap) -> None:
        """Its keys, and those of what stands on it."""
        for node, where in ((self, "chat"), (self.composer, "composer"), (self.transcript, "transcript")):
            rebind(node, where, keymap)
        self.composer.placeholder = placeholder(keymap)
        if self.is_mounted:
            self._show_welcome()
            self.query("*").refresh()

    def on_text_area_changed(self) -> None:
        self.complete()
        self.keep_draft_soon()
        self.plan_soon()

    def on_composer_scrolled(self, event: Composer.Scrolled) -> None:
        match event.action:
            case "page_up":
                self.transcript.action_page_up()
            case "page_down":
                self.transcript.action_page_down()
            case _:
                self.action_end()

    # --- chats

    def action_new_chat(self) -> None:
        if self.session is not None:
            self.show_chat(self.session.new())

    def action_new_off_record(self) -> None:
        if self.session is not None:
            self.show_chat(self.session.new(off_record=True))

    @work(exclusive=True, group="chats")
    async def action_chats(self) -> None:
        from hybridchat.tui.screens.chats import ChatList

        if self.session is None:
            return
        current = self.chat.id if self.chat else None
        chats = ChatList(self.session, current, keymap_of(self))
        chosen = await self.app.push_screen_wait(chats)
        if chosen is not None and chosen != current:
            await self.open_chat(chosen)
        elif current in chats.deleted:
            self.action_new_chat()
        else:
            self.plan_now()  # the title may be another one now

    async def call_chats(self, number: str) -> None:
        assert self.session is not None
        self.show_chat(await self.session.open(chat_number(number)))

    async def open_chat(self, conversation_id: int) -> None:
        assert self.session is not None
        with self.told():
            self.show_chat(await self.session.open(conversation_id))

    @work
    async def action_rename_chat(self) -> None:
        from hybridchat.tui.screens.dialogs import Prompt

        if self.session is None or self.chat is None or self.chat.conversation is None:
            self.say("Send the first message, then the chat has a title.")
            return
        number, old = self.chat.conversation.id, self.chat.conversation.title
        title = await self.app.push_screen_wait(Prompt("Rename this chat", clean_line(old)))
        if title and title.strip() and title != old:
            with self.told():
                await self.session.rename(number, title.strip())
            self.plan_now()

    async def call_rename_chat(self, title: str) -> None:
        if self.session is None or self.chat is None or self.chat.conversation is None:
            raise UsageError("this chat is empty", "send the first message, then it has a title")
        await self.session.rename(self.chat.conversation.id, title)

    @work
    async def action_delete_chat(self) -> None:
        if self.session is None or self.chat is None:
            return
        if self.chat.id is None:
            self.say("This chat is empty; there is nothing to delete.")
            return
        with self.told():
            await self.session.delete(self.chat.id)
            self.action_new_chat()
            self.say(f"Chat deleted. {keymap_of(self).name('undo_delete')} brings it back, until you quit.")

    @work
    async def action_undo_delete(self) -> None:
        if self.session is None:
            return
        with self.told():
            restored = await self.session.undo_delete()
            if restored is None:
                self.say("There is no deletion to undo.")
            elif self.chat is None or self.chat.id != restored:  # else it has been told by now
                self.show_chat(await self.session.open(restored))

    # --- where it goes

    @work
    async def action_route(self) -> None:
        from hybridchat.tui.screens.routes import pick_route, route_rows

        if self.session is None or self.chat is None:
            return
        rows = partial(route_rows, self.session, self.chat)
        choice = await pick_route(self, "Route of this chat", rows, current=(self.chat.route, self.chat.model))
        if isinstance(choice, tuple):
            with self.told():
                await self.session.set_route(self.chat, *choice)
            self.plan_now()

    async def call_route(self, route: str) -> None:
        assert self.session is not None and self.chat is not None
        await self.session.set_route(self.chat, *route_in(route))

    @work
    async def action_privacy(self) -> None:
        from hybridchat.tui.widgets.rows import Row

        if self.session is None or self.chat is None:
            return
        chat, floor = self.chat, self.session.floor
        rows = [Row(level, words, *_below(floor, level)) for level, words in PRIVACY.items()]
        current = self.session.plan(chat, "").privacy
        choice = await self.pick("Privacy of this chat", rows, current=current, note=floor.why)
        if not isinstance(choice, Privacy) or self.chat is not chat:
            return
        with self.told():
            await self._set_privacy(chat, choice)
        self.plan_now()

    async def call_privacy(self, level: str) -> None:
        assert self.session is not None and self.chat is not None
        privacy = Privacy(value_of(level, list(Privacy)))
        self.session.floor.check(privacy)
        await self._set_privacy(self.chat, privacy)

    async def _set_privacy(self, chat: Chat, privacy: Privacy) -> None:
        assert self.session is not None
        if self.session.must_fork(chat, privacy):
            await self.loosen_in_fork(chat, privacy)
        else:
            self.session.gathering.check_looser(chat, privacy, self.along.files)
            await self.session.set_privacy(chat, privacy)
            self.keep_draft(chat)

    async def loosen_in_fork(self, chat: Chat, privacy: Privacy) -> None:
        """What was said stays as private as it is; the draft too."""
        from hybridchat.session.forking import past_turns
        from hybridchat.tui.screens.fork import ForkReview

        assert self.session is not None
        before = self.session.plan(chat, "").privacy
        along = await self.ask(ForkReview(past_turns(chat), chat.system, before, privacy))
        if along is not None and self.chat is chat:
            fork = await self.session.make_fork(chat, privacy, along.turns, with_system=along.with_system)
            self.show_chat(await self.session.open(fork))
            self.say("This is the fork. The conversation before it stays as it was.")

    @work
    async def action_reasoning(self) -> None:
        if self.session is None or self.chat is None:
            return
        is_high = self.session.plan(self.chat, self.composer.words).reasoning is Reasoning.HIGH
        with self.told():
            await self.session.set_reasoning(self.chat, Reasoning.NORMAL if is_high else Reasoning.HIGH)
        self.plan_now()

    @work
    async def action_workload(self) -> None:
        from hybridchat.tui.widgets.rows import Row

        if self.session is None or self.chat is None:
            return
        rows = [Row("", "not said"), *(Row(name, name) for name in WORKLOADS)]
        choice = await self.pick("Kind of task", rows, current=self.chat.workload or "")
        if isinstance(choice, str):
            with self.told():
                await self.session.set_workload(self.chat, choice or None)
            self.plan_now()

    async def call_workload(self, kind: str) -> None:
        assert self.session is not None and self.chat is not None
        await self.session.set_workload(self.chat, None if kind == "none" else kind)

    # --- reading

    def action_toggle_panel(self) -> None:
        is_shown = self.panel.display
        self._panel_mode = "off" if is_shown else self._panel_shown_as
        self._place_panel(self.app.size.width)

    def action_read(self) -> None:
        """To the transcript, and back; at once, for what is typed next."""
        if self.focused is self.transcript:
            self.set_focus(self.composer)
        elif self.transcript.display:
            self.set_focus(self.transcript)

    def action_leave(self) -> None:
        if self.transcript.display:
            self.set_focus(self.transcript)

    def action_write(self) -> None:
        self.set_focus(self.composer)

    def action_end(self) -> None:
        self.transcript.action_scroll_end()

    # --- the program

    @work
    async def action_theme(self) -> None:
        from hybridchat.tui.app import HybridChatApp
        from hybridchat.tui.screens.theme_picker import ThemePicker

        assert isinstance(self.app, HybridChatApp)
        choice = await self.ask(ThemePicker(self.app))
        if isinstance(choice, str):
            with self.told():
                await self.app.use_theme(choice)

    async def call_theme(self, name: str) -> None:
        from hybridchat.tui.app import HybridChatApp

        assert isinstance(self.app, HybridChatApp)
        await self.app.use_theme(value_of(name, self.app.theme_names()))

    @work
    async def action_settings(self) -> None:
        from hybridchat.tui.app import HybridChatApp
        from hybridchat.tui.screens.settings import SettingsScreen

        assert isinstance(self.app, HybridChatApp)
        settings = self.app.settings
        if settings is None:
            self.say("Nothing can be kept here: start `hybridchat` without the demo.")
            return
        with self.told():
            await self.ask(SettingsScreen(await settings.read(), settings, self.app.keep))

    def say(self, text: str) -> None:
        """A passing word."""
        self.notify(text)


def _below(floor: Floor, level: Privacy) -> tuple[str, str, str]:
    """Of a row: detail, style, and why it cannot be chosen."""
    if strictest(level, floor.privacy) is level:
        return "", "", ""
    return "barred", "muted", floor.why
