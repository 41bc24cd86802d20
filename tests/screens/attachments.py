"""Scenes with attachments, for the pictures."""

from __future__ import annotations

from msgspec.structs import replace

from hybridchat.domain.attachments import Attachment
from hybridchat.domain.files import Preview
from hybridchat.session.state import Along
from hybridchat.tui.screens.attachment import AttachmentView
from hybridchat.tui.widgets.pager import Pager, lines_of
from hybridchat.tui.widgets.picture import Picture
from hybridchat.tui.words import attached_words
from tests.tui.conftest import Stage
from tests.tui.samples import CONVERSATION

NOTES = Attachment("notes on locking.md", "text/plain", b"# Locking\n\nA reader never waits for a writer.\n" * 60)
CHART = Attachment("latency.png", "image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x03 \0\0\x02X")


async def attaching(stage: Stage) -> None:
    await stage.screen.open_chat(stage.session.add("SQLite", CONVERSATION))
    chat = stage.screen.chat
    assert chat is not None
    chat.messages[0] = replace(chat.messages[0], attachments=(NOTES.file,))
    stage.screen.show_messages()
    stage.screen.carry(Along((NOTES, CHART)))
    await stage.until(lambda: "Attached" in stage.text)


async def attachment(stage: Stage) -> None:
    stage.app.push_screen(AttachmentView(attached_words(NOTES.file), Pager(lines_of(NOTES.text or ""))))
    await stage.until_top(AttachmentView)
    await stage.press("slash", *"writer")
    await stage.until(lambda: "1 of 60" in stage.text)


async def preview(stage: Stage) -> None:
    rgb = bytes(value for y in range(60) for x in range(90) for value in (x * 255 // 89, y * 255 // 59, 120))
    stage.app.push_screen(AttachmentView(attached_words(CHART.file), Picture(Preview(90, 60, rgb))))
    await stage.until_top(AttachmentView)
    await stage.until(lambda: "▀" in stage.text)
