"""Prompts of the library, into the composer and out of it. Nothing is sent by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work

from hybridchat.domain.text import clean, clean_line
from hybridchat.errors import HybridchatError
from hybridchat.tui.screens.chat_view import ChatView

if TYPE_CHECKING:
    from hybridchat.config.prompts import PromptFile
    from hybridchat.session.chat import Chat


class Prompting(ChatView):
    @work
    async def action_prompts(self) -> None:
        from hybridchat.tui.screens.prompts import PromptList

        if self.session is None or self.chat is None:
            return
        chat, shelf = self.chat, await self.session.prompts.list()
        if not (shelf.prompts or shelf.problems):
            where = self.session.prompts.folder
            self.notify(
                f"There is no prompt in {where}: `hybridchat prompts init` writes two." if where else "None here."
            )
            return
        prompt = await self.ask(PromptList(shelf, self.session.prompts.folder))
        if prompt is not None:
            await self._use_prompt(chat, prompt)

    async def call_prompts(self, name: str) -> None:
        assert self.session is not None and self.chat is not None
        await self._use_prompt(self.chat, await self.session.prompts.find(name))

    async def _use_prompt(self, chat: Chat, prompt: PromptFile) -> None:
        from hybridchat.config.prompts import fill
        from hybridchat.tui.screens.prompts import FillPrompt

        assert self.session is not None
        if prompt.variables:
            text = await self.ask(FillPrompt(prompt))
        else:
            text = clean(fill(prompt, {}))
        if text is None or self.chat is not chat:
            return
        with self.told():
            for line in await self.session.use_prompt(chat, prompt):
                self.banner(line)
        if self.composer.text.strip():
            self.composer.paste(text)
        else:
            self.composer.set_draft(text)
        self.composer.focus()
        self.plan_now()

    # --- out of the composer

    @work
    async def action_save_prompt(self) -> None:
        await self._save_prompt(None)

    async def call_save_prompt(self, name: str) -> None:
        await self._save_prompt(name)

    async def _save_prompt(self, name: str | None) -> None:
        """The draft; without one the message that is pointed at, or the newest of the user's."""
        from hybridchat.tui.screens.dialogs import Confirm, Prompt

        if self.session is None or self.chat is None:
            return
        text, what = self._to_save()
        if not text:
            self.notify("There is neither a draft nor a message to save.")
            return
        if name is None:
            name = await self.ask(Prompt(f"Save {what} as which prompt?", placeholder="such as code/review"))
        if not name or not name.strip():
            return
        prompts = self.session.prompts
        try:
            file = await prompts.save(name, text)
        except HybridchatError as error:
            is_taken = "already" in error.message
            question = Confirm(
                f"Replace the prompt {clean_line(name, 60)}?", "What it says now is gone.", yes="Replace"
            )
            if not is_taken:
                self.banner(str(error), "error")
            if not is_taken or not await self.app.push_screen_wait(question):
                return
            file = await prompts.save(name, text, replace=True)
        self.notify(f"Saved as {clean_line(str(file), 200)}.")

    def _to_save(self) -> tuple[str, str]:
        from hybridchat.domain.chat import Role

        assert self.chat is not None
        if draft := self.composer.text.strip():
            return draft, "the draft"
        pointed = self.transcript.pointed
        own = (message for message in reversed(self.chat.messages) if message.role is Role.USER)
        message = pointed or next(own, None)
        return (message.text.strip() if message else ""), "this message" if pointed else "your last message"
