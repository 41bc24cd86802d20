"""Blocks of code out of a chat: to the clipboard, to a file, through a command. One way to say which is meant."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import work

from hybridchat.domain.chat import Privacy
from hybridchat.tui.code_words import PINNED, block_words
from hybridchat.tui.screens.reading import Reading
from hybridchat.tui.transcript.fences import CodeBlock

if TYPE_CHECKING:
    from hybridchat.tui.widgets.code_bar import CodeBar

_VERBS = {"copy": "Copy", "save": "Save", "pipe": "Pipe"}


class Code(Reading):
    """The block that is pointed at, else the only one on the screen, else by its number there, else from a list."""

    _piped = ""  # the last command: who comes back changes it
    _named = ""  # the file that was said after /save-code

    def action_copy_code(self) -> None:
        self._ask_for_code("copy")

    def action_save_code(self) -> None:
        self._named = ""
        self._ask_for_code("save")

    async def call_save_code(self, file: str) -> None:
        """It stands in the line that asks for one."""
        self._named = file
        self._ask_for_code("save")

    def action_pipe_code(self) -> None:
        self._ask_for_code("pipe")

    async def call_pipe_code(self, command: str) -> None:
        """It stands in the line that asks for one, and runs no sooner than there."""
        self._piped = command
        self._ask_for_code("pipe")

    def _ask_for_code(self, verb: str) -> None:
        from hybridchat.tui.widgets.code_bar import CodeBar

        self._close_code_bar()
        if (pointed := self.transcript.pointed_code) is not None:
            self._do(verb, pointed)
            return
        numbered = self.transcript.number_code()
        if len(numbered) > 1 and self.transcript.gutter_cells:
            bar = CodeBar(verb, _VERBS, len(numbered))
            self._numbered, self._focused_before = numbered, self.focused
            self.mount(bar, after=self.transcript)
            self.set_focus(bar)
            return
        self.transcript.clear_numbers()
        if len(numbered) == 1:
            self._do(verb, numbered[0])
        else:
            self._list(verb)

    def on_code_bar_chosen(self, event: CodeBar.Chosen) -> None:
        numbered = self._numbered
        self._close_code_bar()
        if event.number:
            self._do(event.verb, numbered[event.number - 1])
        else:
            self._list(event.verb)

    def on_code_bar_closed(self) -> None:
        self._close_code_bar()

    def _close_code_bar(self) -> None:
        for bar in self.query("CodeBar"):
            if self.focused is bar:
                self.set_focus(self._focused_before)
            bar.remove()
            self.transcript.clear_numbers()

    @work(exclusive=True, group="code")
    async def _list(self, verb: str) -> None:
        from hybridchat.tui.widgets.rows import Row

        blocks = self.transcript.code_blocks()
        if not blocks:
            self.notify("There is no code block in this chat.")
            return
        choice: object = len(blocks) - 1
        if len(blocks) > 1:
            rows = [Row(index, *block_words(block)) for index, block in enumerate(blocks)]
            choice = await self.pick(f"{_VERBS[verb]} a code block", rows, current=choice)
        if isinstance(choice, int):
            self._do(verb, blocks[choice])

    def _do(self, verb: str, block: CodeBlock) -> None:
        match verb:
            case "save":
                self._save_code(block)
            case "pipe":
                self._pipe_code(block)
            case _:
                self.copy(block.text, "The code block")

    @work(exclusive=True, group="code")
    async def _save_code(self, block: CodeBlock) -> None:
        name = self._named or f"~/code{await asyncio.to_thread(_suffix, block.language)}"
        await self.save_as(f"{block.text}\n", name)

    @work(exclusive=True, group="code")
    async def _pipe_code(self, block: CodeBlock) -> None:
        from hybridchat.tui.screens.pipe import PipeScreen

        if self.session is None or self.chat is None:
            return
        is_open = self.session.plan(self.chat, "").privacy is Privacy.OPEN
        screen = PipeScreen(block.text, self.session.key_variables, self._piped, "" if is_open else PINNED)
        self._piped = await self.app.push_screen_wait(screen) or self._piped


def _suffix(language: str) -> str:
    """That a file in that language has: .py; .txt for one that nobody knows."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        patterns = get_lexer_by_name(language).filenames
    except ClassNotFound:
        return ".txt"
    plain = (pattern[1:] for pattern in patterns if pattern.startswith("*.") and pattern[2:].isalnum())
    return next(plain, ".txt")
