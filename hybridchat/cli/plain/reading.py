"""What a line conversation prints on request: conversations, answers, numbers. Each fact a line, in words."""

from __future__ import annotations

from datetime import datetime

from hybridchat.cli import output
from hybridchat.cli.plain.talk import Talk
from hybridchat.domain.chat import Message, Privacy, Role
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError
from hybridchat.tui.comparison import comparison_notes, comparison_rows
from hybridchat.tui.words import PRIVACY, chat_name, when

MOST_FOUND = 20
CONTEXT = 40  # characters beside what was found
_MARKS = {0x02: None, 0x03: None}  # around what was found


async def list_chats(talk: Talk) -> None:
    conversations = await talk.session.conversations()
    if not conversations:
        output.note("There is no conversation yet.")
    now = datetime.now().astimezone()
    for one in conversations:
        words = [when(one.updated_at, now), clean_line(one.title)]
        if one.privacy is not Privacy.OPEN:
            words.append(PRIVACY[one.privacy].partition(":")[0])
        if one.id == talk.chat.id:
            words.append("open here")
        output.line(f"{chat_name(one.id)}. {', '.join(filter(None, words))}")


async def search(talk: Talk, argument: str) -> None:
    """Messages and titles, as `hybridchat search` finds them."""
    found = await talk.session.finding.search(argument, MOST_FOUND)
    for problem in found.problems:
        output.note(problem)
    if not found.hits:
        output.note("Nothing was found.")
    now = datetime.now().astimezone()
    for hit in found.hits:
        snippet = clean_line(hit.snippet.translate(_MARKS))
        output.line(f"{chat_name(hit.conversation_id)}. {when(hit.at, now)}, {clean_line(hit.title)}: {snippet}")


async def find(talk: Talk, argument: str) -> None:
    """In this conversation: the messages with these words, in short."""
    wanted = argument.casefold()
    found = [message for message in talk.chat.messages if wanted and wanted in message.text.casefold()]
    for message in found:
        at = max(0, message.text.casefold().find(wanted) - CONTEXT)
        said = "You" if message.role is Role.USER else "Reply"
        output.line(f"{said}: {'…' if at else ''}{clean_line(message.text[at:], len(argument) + 2 * CONTEXT)}")
    if not found:
        output.note("Nothing was found in this chat. /search looks through everything.")


async def export(talk: Talk, argument: str) -> None:
    """To a new file; its ending says in which format."""
    if talk.chat.conversation is None:
        raise UsageError("this chat is empty", "there is nothing to export")
    file = await talk.session.transfer.export_to(talk.chat.conversation, argument)
    output.note(f"Exported to {clean_line(str(file))}.")


async def details(talk: Talk, argument: str) -> None:
    """Of the last reply. The request itself is in `hybridchat show ID --details --json`."""
    from hybridchat.tui.detail_words import text_lines

    for line in text_lines(await talk.session.replies.read(talk.chat.messages)):
        output.line(line)


async def show(talk: Talk, argument: str) -> None:
    if not talk.chat.messages:
        output.note("This chat is empty.")
    await talk.show(talk.chat.messages)


async def answers(talk: Talk, argument: str) -> None:
    """Lists them, or goes on from the one of that number."""
    beside = await _answers(talk)
    if not beside:
        raise UsageError("the last question has no other answer", "/again or /other asks for one")
    if argument:
        if not (argument.isdecimal() and 1 <= int(argument) <= len(beside)):
            raise UsageError(f"there is no answer {argument!r}", f"1 to {len(beside)}")
        await talk.session.show_sibling(talk.chat, beside[int(argument) - 1].id)
        await talk.show_last_turn()
        return
    await talk.look_hidden()
    for number, message in enumerate(beside, 1):
        here = " (shown)" if message.id == talk.chat.leaf_id else ""
        output.line(f"{number}. {talk.teller.status(message)}{here}")


async def _answers(talk: Talk) -> list[Message]:
    """To the last question, if there are several."""
    questions = [message.id for message in talk.chat.messages if message.role is Role.USER]
    every = await talk.session.with_siblings(talk.chat)
    return [message for message in every if questions and message.parent_id == questions[-1]]


async def stats(talk: Talk, argument: str) -> None:
    books = talk.session.books
    books.takes_snapshots = True
    books.refresh()
    await books.settle()
    snapshot = books.snapshot
    for name, (local, managed) in comparison_rows(snapshot):
        if name:
            output.line(f"{name}: local {local}, managed {managed}")
    notes = "".join(part if isinstance(part, str) else part[0] for part in comparison_notes(snapshot))
    for line in filter(None, notes.splitlines()):
        output.line(line)
