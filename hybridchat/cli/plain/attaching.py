"""Attaching by name, for the next message."""

from __future__ import annotations

import asyncio

from hybridchat.cli import output
from hybridchat.cli.plain.asking import choose, confirm
from hybridchat.cli.plain.talk import Talk
from hybridchat.domain.attachments import AttachedFile, size_words
from hybridchat.domain.text import clean_line, count_of
from hybridchat.errors import UsageError
from hybridchat.session.files import path_of
from hybridchat.session.state import Along
from hybridchat.tui.words import attached_words


async def attach(talk: Talk, argument: str) -> None:
    """A file, or the texts of a folder once the user has seen how much that is."""
    if not argument:
        raise UsageError("no file was named", "/attach FILE")
    path, gathering = path_of(argument), talk.session.gathering
    if not await asyncio.to_thread(path.is_dir):
        talk.along += Along((await gathering.read(talk.chat, path),))
        output.note(f"With your next message: {attached_words(talk.along.files[-1])}")
        return
    gathered = await gathering.gather(path, argument.strip())
    size = sum(len(attachment.data) for attachment in gathered.attachments)
    left = f"; {count_of(gathered.left_out, 'other file')} would be left out" if gathered.left_out else ""
    texts = count_of(len(gathered.attachments), "text")
    question = f"Attach {texts} of {clean_line(argument, 60)}, {size_words(size)}{left}?"
    if not talk.reader.is_interactive or await confirm(talk.reader, question, "Attach"):
        talk.along += Along(await gathering.take(talk.chat, path, gathered))
        output.note(f"With your next message: {texts} of {clean_line(argument, 60)}")


async def attachments(talk: Talk, argument: str) -> None:
    """Of the next message, to take one out; of those that were sent, the names."""
    for message in talk.chat.messages:
        for file in message.attachments:
            output.line(f"sent: {attached_words(file)}")
    files = talk.along.files
    if not files:
        output.note("Nothing is attached to your next message. /attach FILE does that.")
        return
    choices: list[tuple[AttachedFile | None, str]] = [(None, "Leave it as it is")]
    choices += [(file, f"Take out {attached_words(file)}") for file in files]
    chosen = await choose(talk.reader, "With your next message:", choices)
    if chosen is not None:
        talk.along = talk.along.without(chosen)
