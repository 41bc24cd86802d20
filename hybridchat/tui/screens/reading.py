"""Reading: which message is meant, and what is taken out of one."""

from __future__ import annotations

from textual import work

from hybridchat.domain.text import clean_line
from hybridchat.tui.screens.chat_view import ChatView
from hybridchat.tui.transcript import CodeBlock, Transcript


class Reading(ChatView):
    """What is copied goes to the terminal's clipboard and the system's."""

    def action_message_before(self) -> None:
        self.transcript.point_step(-1)

    def action_message_after(self) -> None:
        self.transcript.point_step(1)

    def action_copy_reply(self) -> None:
        if text := self.transcript.last_reply():
            self.copy(text, "The last reply")
        else:
            self.notify("There is no reply to copy yet.")

    @work
    async def action_copy_code(self) -> None:
        from hybridchat.tui.widgets.rows import Row

        blocks = self.transcript.code_blocks()
        if not blocks:
            self.notify("There is no code block in this chat.")
            return
        choice: object = len(blocks) - 1
        if len(blocks) > 1:
            rows = [Row(index, *_block_words(block)) for index, block in enumerate(blocks)]
            choice = await self.pick("Copy a code block", rows, current=choice)
        if isinstance(choice, int):
            self.copy(blocks[choice].text, "The code block")

    def on_transcript_copy_requested(self, event: Transcript.CopyRequested) -> None:
        self.copy(event.text, "The selection")

    def copy(self, text: str, what: str) -> None:
        """To the terminal's clipboard and the system's."""
        self.app.copy_to_clipboard(text)
        self.notify(f"{what} is in the clipboard.")


def _block_words(block: CodeBlock) -> tuple[str, str]:
    lines = len(block.text.rstrip("\n").splitlines())
    return clean_line(block.text, 100) or "(empty)", f"{clean_line(block.language, 20) or 'text'}, {lines} lines"
