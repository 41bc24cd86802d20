"""What goes along with the next message of a line conversation."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hybridchat.cli import output
from hybridchat.cli.plain.asking import confirm
from hybridchat.cli.plain.talk import Talk
from hybridchat.domain.attachments import Attachment, size_words
from hybridchat.domain.text import clean_line, count_of
from hybridchat.errors import UsageError
from hybridchat.session.files import path_of
from hybridchat.session.state import NOTHING, Along
from hybridchat.tui.words import attached_words


async def attach(talk: Talk, argument: str) -> None:
    """A file, or the texts of a folder once the user has heard how much that is."""
    if not argument:
        raise UsageError("no file was named", "/attach FILE, or a folder")
    path = await asyncio.to_thread(path_of, argument)
    if await asyncio.to_thread(path.is_dir):
        attachments = await _texts_of(talk, path, argument)
    else:
        attachments = (await talk.session.gathering.read(talk.chat, path),)
    talk.along += Along(attachments)
    for one in attachments:
        output.note(f"Goes along with the next message: {attached_words(one.file)}")


async def _texts_of(talk: Talk, folder: Path, name: str) -> tuple[Attachment, ...]:
    gathered = await talk.session.gathering.gather(folder, name)
    size = sum(attachment.file.size_bytes for attachment in gathered.attachments)
    what = f"{count_of(len(gathered.attachments), 'text')} of {clean_line(name, 60)}, {size_words(size)}"
    left = f" {count_of(gathered.left_out, 'other file')} would be left out." if gathered.left_out else ""
    question = f"Attach {what}?{left}"
    if talk.reader.is_interactive and not await confirm(talk.reader, question, "Attach"):
        return ()
    return await talk.session.gathering.take(talk.chat, folder, gathered)


async def attachments(talk: Talk, argument: str) -> None:
    """Of the next message, and of those that were sent; `none` takes them out of the next."""
    if argument == "none":
        talk.along = NOTHING
        output.note("Nothing goes along with the next message.")
        return
    sent = [file for message in talk.chat.messages for file in message.attachments]
    for file in talk.along.files:
        output.line(f"{attached_words(file)}, with the next message")
    for file in dict.fromkeys(sent):
        output.line(f"{attached_words(file)}, sent")
    if not (sent or talk.along):
        output.note("Nothing is attached here. /attach FILE attaches one to the next message.")
