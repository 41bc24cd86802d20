"""The chat screen: what the user can do with the open chat, one method for each action of the table."""

from __future__ import annotations

import asyncio

from textual import work

from hybridchat.domain.chat import Privacy, Reasoning
from hybridchat.domain.routing import Outlook
from hybridchat.domain.text import clean, clean_line
from hybridchat.errors import HybridchatError
from hybridchat.tui.actions import bindings
from hybridchat.tui.screens.chat_view import ChatView
from hybridchat.tui.transcript import CodeBlock, Transcript
from hybridchat.tui.widgets.bars import Banner
from hybridchat.tui.widgets.composer import Composer
from hybridchat.tui.words import PRIVACY

WORKLOADS = (
    "chat",
    "code",
    "summarization",
    "classification",
    "extraction",
    "translation",
    "writing",
    "reasoning",
    "agentic",
)


class ChatScreen(ChatView):
    """Actions return at once; what takes time runs in a worker, and its failures become banners."""

    BINDINGS = bindings("chat")

    def __init__(self, *, panel: str = "auto", show_thinking: bool = False) -> None:
        super().__init__(panel=panel, show_thinking=show_thinking)
        self._sending = asyncio.Lock()
        self._submit_when_ready = False

    # --- sending

    def on_composer_submitted(self, event: Composer.Submitted) -> None:
        if self.session is None:
            self._submit_when_ready = True  # typed faster than the start: it goes as soon as there is a session
            return
        self.submit()

    def on_chat_view_opened(self) -> None:
        if self._submit_when_ready:
            self._submit_when_ready = False
            self.submit()

    def submit(self, route: str | None = None, model: str | None = None) -> None:
        """Sends the composer's text; asks first where the route needs a choice. Empty text sends what waits, if any."""
        if self.session is None or self.chat is None:
            return
        text = self.composer.text
        if not text.strip() and (route or not self.chat.queue or self.chat.is_streaming):
            return
        plan = self.session.plan(self.chat, text, route=route, model=model)
        if plan.decision.outlook is Outlook.ASK and not self.chat.is_streaming:
            self._ask_where()
            return
        self.composer.set_draft("")
        self._send(text, route, model)

    @work
    async def _send(self, text: str, route: str | None, model: str | None) -> None:
        chat, session = self.chat, self.session
        assert chat is not None and session is not None
        async with self._sending:
            try:
                await session.send(chat, text, route=route, model=model)
            except HybridchatError as error:
                self._give_back(text)
                self.banner(str(error), "error")
        self.plan_now()

    def _give_back(self, text: str) -> None:
        """Words that were not sent return to the composer, before whatever was typed since."""
        newer = self.composer.text
        self.composer.set_draft(f"{text}\n{newer}" if newer.strip() and text.strip() else text or newer)

    @work
    async def _ask_where(self) -> None:
        from hybridchat.tui.screens.routes import ask_rows

        assert self.session is not None and self.chat is not None
        decision = self.session.plan(self.chat, self.composer.text).decision
        note = f"{clean_line('; '.join(decision.reasons))}. Nothing has been sent."
        rows = ask_rows(decision.choices, len(self.chat.messages))
        await self._submit_to(await self._pick("Where should this message go?", rows, current="stay", note=note))

    @work
    async def action_send_to(self) -> None:
        from hybridchat.tui.screens.routes import backend_rows

        if self.session is None or self.chat is None:
            return
        rows = backend_rows(self.session, len(self.chat.messages))
        await self._submit_to(await self._pick("Send this message to…", rows, note="For this message only."))

    async def _submit_to(self, choice: object) -> None:
        if isinstance(choice, tuple):
            self.submit(*choice)

    async def on_composer_big_paste(self, event: Composer.BigPaste) -> None:
        self._confirm_paste(event.text)

    @work
    async def _confirm_paste(self, text: str) -> None:
        from hybridchat.tui.screens.dialogs import Confirm

        lines = text.count("\n") + 1
        question = f"Paste {len(text) / 1e6:.1f} million characters in {lines:,} lines?"
        detail = "Control characters have been made visible. A model may not take this much."
        if await self.app.push_screen_wait(Confirm(question, detail, yes="Paste", is_harmless=True)):
            self.composer.insert(text, maintain_selection_offset=False)
        self.composer.focus()

    def on_text_area_changed(self) -> None:
        self.plan_soon()

    def on_composer_scrolled(self, event: Composer.Scrolled) -> None:
        match event.action:
            case "page_up":
                self.transcript.action_page_up()
            case "page_down":
                self.transcript.action_page_down()
            case _:
                self.action_end()

    # --- the running turn

    @work(group="stop")
    async def action_stop(self) -> None:
        """Stops the reply; with none running, Esc dismisses the newest banner, then returns to the composer."""
        if self.session is not None and self.chat is not None and self.chat.is_streaming:
            with self.told():
                await self.session.stop(self.chat)
        elif banners := self.query(Banner):
            await banners.last().remove()
        else:
            self.composer.focus()

    def action_take_back(self) -> None:
        if self.session is not None and self.chat is not None and self.chat.queue:
            self._give_back(self.session.unqueue(self.chat))

    # --- chats

    def action_new_chat(self) -> None:
        if self.session is not None:
            self.show_chat(self.session.new())

    @work(exclusive=True, group="chats")
    async def action_chats(self) -> None:
        from hybridchat.tui.screens.chats import ChatList

        if self.session is None:
            return
        current = self.chat.id if self.chat else None
        chosen = await self.app.push_screen_wait(ChatList(self.session, current))
        if chosen is not None and chosen != current:
            await self.open_chat(chosen)
        elif current is not None and await self._is_gone(current):
            self.action_new_chat()

    async def _is_gone(self, conversation_id: int) -> bool:
        assert self.session is not None
        try:
            await self.session.open(conversation_id)
        except HybridchatError:
            return True
        return False

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
        chat, old = self.chat, self.chat.conversation.title
        title = await self.app.push_screen_wait(Prompt("Rename this chat", clean_line(old)))
        if title and title.strip() and title != old:
            with self.told():
                await self.session.rename(self.chat.conversation.id, title.strip())
                if self.chat is chat:
                    self.show_chat(await self.session.open(self.chat.conversation.id))

    @work
    async def action_delete_chat(self) -> None:
        if self.session is None or self.chat is None:
            return
        if self.chat.id is None:
            self.say("This chat is empty; there is nothing to delete.")
            return
        with self.told():
            await self.session.delete(self.chat.id)
            self.show_chat(self.session.new())
            self.say("Chat deleted. F9 brings it back, until you quit.")

    @work
    async def action_undo_delete(self) -> None:
        if self.session is None:
            return
        with self.told():
            restored = await self.session.undo_delete()
            if restored is None:
                self.say("There is no deletion to undo.")
            else:
                self.show_chat(await self.session.open(restored))

    # --- where it goes

    @work
    async def action_route(self) -> None:
        from hybridchat.tui.screens.routes import route_rows

        if self.session is None or self.chat is None:
            return
        if (
            self.session.plan(self.chat, self.composer.text).decision.outlook is Outlook.ASK
            and self.composer.text.strip()
        ):
            self._ask_where()
            return
        rows = route_rows(self.session, len(self.chat.messages))
        choice = await self._pick("Route of this chat", rows, current=(self.chat.route, self.chat.model))
        if isinstance(choice, tuple):
            with self.told():
                await self.session.set_route(self.chat, *choice)
            self.plan_now()

    @work
    async def action_privacy(self) -> None:
        from hybridchat.tui.widgets.rows import Row

        if self.session is None or self.chat is None:
            return
        rows = [Row(level, words) for level, words in PRIVACY.items()]
        choice = await self._pick("Privacy of this chat", rows, current=self.chat.privacy)
        if isinstance(choice, Privacy):
            with self.told():
                await self.session.set_privacy(self.chat, choice)
            self.plan_now()

    @work
    async def action_reasoning(self) -> None:
        if self.session is None or self.chat is None:
            return
        is_high = self.session.plan(self.chat, self.composer.text).reasoning is Reasoning.HIGH
        with self.told():
            await self.session.set_reasoning(self.chat, Reasoning.NORMAL if is_high else Reasoning.HIGH)
        self.plan_now()

    @work
    async def action_workload(self) -> None:
        from hybridchat.tui.widgets.rows import Row

        if self.session is None or self.chat is None:
            return
        rows = [Row("", "not said"), *(Row(name, name) for name in WORKLOADS)]
        choice = await self._pick("Kind of task", rows, current=self.chat.workload or "")
        if isinstance(choice, str):
            with self.told():
                await self.session.set_workload(self.chat, choice or None)
            self.plan_now()

    # --- reading

    def action_copy_reply(self) -> None:
        if text := self.transcript.last_reply():
            self.copy(text, "The last reply")
        else:
            self.say("There is no reply to copy yet.")

    @work
    async def action_copy_code(self) -> None:
        from hybridchat.tui.widgets.rows import Row

        blocks = self.transcript.code_blocks()
        if not blocks:
            self.say("There is no code block in this chat.")
            return
        choice: object = len(blocks) - 1
        if len(blocks) > 1:
            rows = [Row(index, *_block_words(block)) for index, block in enumerate(blocks)]
            choice = await self._pick("Copy a code block", rows, current=choice)
        if isinstance(choice, int):
            self.copy(blocks[choice].text, "The code block")

    def on_transcript_copy_requested(self, event: Transcript.CopyRequested) -> None:
        self.copy(event.text, "The selection")

    def copy(self, text: str, what: str) -> None:
        """To the terminal's clipboard and the system's; made inert on the way."""
        self.app.copy_to_clipboard(clean(text))
        self.say(f"{what} is in the clipboard.")

    def action_toggle_thinking(self) -> None:
        self.transcript.toggle_thinking()

    def action_toggle_panel(self) -> None:
        is_shown = self.panel.display
        self._panel_mode = "off" if is_shown else "auto"
        self._place_panel(self.app.size.width)

    def action_end(self) -> None:
        self.transcript.action_scroll_end()

    # --- the program

    @work
    async def action_theme(self) -> None:
        from hybridchat.tui.app import HybridChatApp
        from hybridchat.tui.widgets.rows import Row

        assert isinstance(self.app, HybridChatApp)
        rows = [Row(name, name) for name in self.app.theme_names()]
        choice = await self._pick("Theme", rows, current=self.app.theme)
        if isinstance(choice, str):
            with self.told():
                await self.app.use_theme(choice)

    @work
    async def action_help(self) -> None:
        from hybridchat.tui.screens.help import HelpScreen

        await self.app.push_screen_wait(HelpScreen())

    async def _pick(self, title: str, rows: list, *, current: object = None, note: str = "") -> object:  # type: ignore[type-arg]
        from hybridchat.tui.screens.picker import Picker

        choice = await self.app.push_screen_wait(Picker(title, rows, current=current, note=note))
        self.composer.focus()
        return choice

    def say(self, text: str) -> None:
        """A passing word."""
        self.notify(clean_line(text), markup=False, timeout=4)


def _block_words(block: CodeBlock) -> tuple[str, str]:
    lines = len(block.text.rstrip("\n").splitlines())
    return clean_line(block.text, 100) or "(empty)", f"{clean_line(block.language, 20) or 'text'}, {lines} lines"
