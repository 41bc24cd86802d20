"""What a line conversation takes out of a chat: code or a whole reply to a file, through a command, or into the next
message, behind `>`."""

from __future__ import annotations

import asyncio

from hybridchat.cli import output
from hybridchat.cli.plain.asking import choose, confirm, type_in
from hybridchat.cli.plain.talk import Talk
from hybridchat.domain.chat import Message, Privacy, Role
from hybridchat.domain.text import clean, clean_line, count_of
from hybridchat.errors import UsageError
from hybridchat.session.files import Taken, path_of, save_text


async def save_code(talk: Talk, argument: str) -> None:
    """To that file, else asked; one that is there is replaced only if the user says so."""
    text = await _meant(talk, "Save")
    name = text and (argument or await type_in(talk.reader, "To which file?"))
    if not text or not name:
        output.note("Nothing is saved.")
        return
    path = await asyncio.to_thread(path_of, name)
    shown = clean_line(str(path), 200)
    try:
        await asyncio.to_thread(save_text, path, text)
    except Taken:
        if not talk.reader.is_interactive:
            raise
        if not await confirm(talk.reader, f"Replace {shown}? What is in it is gone then.", "Replace"):
            return
        await asyncio.to_thread(save_text, path, text, may_replace=True)
    output.note(f"Saved to {shown}.")


async def pipe_code(talk: Talk, argument: str) -> None:
    """Nothing runs before the user said yes; Ctrl+C ends it."""
    from hybridchat.session.piping import Pipe
    from hybridchat.tui.code_words import PINNED, how_it_ended, where_it_runs

    if not talk.reader.is_interactive:
        raise UsageError("a command is asked about first, and nobody is here to ask", "save it: /save-code FILE")
    text = await _meant(talk, "Pipe")
    command = text and (argument or await type_in(talk.reader, "To which command, such as sort | head?"))
    if not text or not command:
        output.note("Nothing ran.")
        return
    is_open = talk.session.plan(talk.chat, "").privacy is Privacy.OPEN
    what = count_of(len(text.splitlines()), "line")
    question = f"Run {clean_line(command, 300)} with {what}? {where_it_runs()}{'' if is_open else f' {PINNED}'}"
    if not await confirm(talk.reader, question, "Run it"):
        output.note("Nothing ran.")
        return
    done = await Pipe(command, text, talk.session.key_variables).run()
    for line in clean(done.output).splitlines():
        output.line(line)
    for line in clean(done.errors).splitlines():
        output.note(line)
    output.note(f"{how_it_ended(done)}.")


async def quote(talk: Talk, argument: str) -> None:
    """The message of that number, or the last one, before the next message; `none` takes it away again."""
    from hybridchat.tui.code_words import numbered, quoted

    if argument == "none":
        talk.quoted = ""
        output.note("Nothing is quoted.")
        return
    last = talk.chat.messages[-1:]
    message = numbered(talk.chat.messages, argument) if argument else next(iter(last), None)
    if message is None or not message.text.strip():
        raise UsageError("there is nothing to quote", "send a message first")
    new = quoted(clean(message.text))
    talk.quoted = f"{talk.quoted}\n\n{new}" if talk.quoted else new
    for line in new.splitlines():
        output.line(line)
    output.note("Your next message begins with this. /quote none takes it away.")


async def _meant(talk: Talk, verb: str) -> str | None:
    """The block or reply that the user chose, newest first; the newest where nobody is. None: nothing."""
    from hybridchat.tui.code_words import block_words
    from hybridchat.tui.transcript.fences import code_blocks

    blocks = [block for message in talk.chat.messages for block in code_blocks(message)][::-1]
    reply = next((m for m in reversed(talk.chat.messages) if m.role is Role.ASSISTANT and m.text.strip()), None)
    texts = [*(f"{block.text}\n" for block in blocks), *_whole(reply)]
    if not texts:
        raise UsageError("there is no reply yet", "send a message first")
    if not blocks or not talk.reader.is_interactive:
        return texts[0]
    words = [", ".join(reversed(block_words(block))) for block in blocks]
    choices = [(None, f"{verb} nothing"), *zip(texts, [*words, "The whole last reply"], strict=False)]
    return await choose(talk.reader, f"{verb} which?", choices)


def _whole(reply: Message | None) -> list[str]:
    return [f"{clean(reply.text).rstrip()}\n"] if reply else []
