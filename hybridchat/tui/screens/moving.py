"""The chat screen's ways in and out: this chat to a file, conversations from one."""

from __future__ import annotations

from textual import work

from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError
from hybridchat.tui.screens.chat_view import ChatView

FORMATS = {  # and whether with all branches
    ("html", False): "A page for a browser",
    ("html", True): "A page for a browser, with all branches",
    ("markdown", False): "Markdown",
    ("markdown", True): "Markdown, with all branches",
    ("json", True): "JSON, with all branches: for another hybridchat",
}


class Moving(ChatView):
    """Files are named by the user; nothing leaves this device by it."""

    @work(exclusive=True, group="moving")
    async def action_export_chat(self) -> None:
        from hybridchat.session.files import path_of
        from hybridchat.tui.screens.dialogs import Prompt
        from hybridchat.tui.widgets.rows import Row

        if self.session is None or self.chat is None or self.chat.conversation is None:
            self.notify("This chat is empty; there is nothing to export.")
            return
        conversation, transfer = self.chat.conversation, self.session.transfer
        picked = await self.pick("Export this chat", [Row(*row) for row in FORMATS.items()], has_filter=False)
        if not isinstance(picked, tuple):
            return
        form, branches = picked
        name = f"~/{transfer.file_name(conversation, form)}"
        file = await self.app.push_screen_wait(Prompt("To which file?", clean_line(name)))
        if file and file.strip():
            with self.told():
                await transfer.export(conversation, form, path_of(file), branches=branches)
                self.notify(f"Exported to {clean_line(file)}.")

    async def call_export_chat(self, file: str) -> None:
        """Its ending says in which format."""
        if self.session is None or self.chat is None or self.chat.conversation is None:
            raise UsageError("this chat is empty", "there is nothing to export")
        await self.session.transfer.export_to(self.chat.conversation, file)
        self.notify(f"Exported to {clean_line(file)}.")

    @work(exclusive=True, group="moving")
    async def action_import_chats(self) -> None:
        from hybridchat.tui.screens.dialogs import Prompt

        if self.session is None:
            return
        hint = "an export of ChatGPT, Claude, Open WebUI, llm or hybridchat"
        file = await self.app.push_screen_wait(Prompt("Import conversations from which file?", placeholder=hint))
        if file and file.strip():
            await self.call_import_chats(file)

    async def call_import_chats(self, file: str) -> None:
        from hybridchat.session.files import path_of
        from hybridchat.tui.screens.bringing_in import BringIn

        assert self.session is not None
        await self.app.push_screen_wait(BringIn(self.session.transfer.importer(), path_of(file)))
        self.session.books.refresh()
