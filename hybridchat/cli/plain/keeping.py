"""What a line conversation takes in and notes: keys, imports, and marks of conversations."""

from __future__ import annotations

import asyncio

from hybridchat.cli import output
from hybridchat.cli.plain.asking import choose, type_in
from hybridchat.cli.plain.talk import Talk
from hybridchat.domain.chat import Conversation
from hybridchat.domain.tags import tags_of
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError
from hybridchat.session.files import path_of
from hybridchat.session.finding import NewMarks
from hybridchat.session.keeping import place_for_keys

MOST_UNREAD = 10


async def key(talk: Talk, argument: str) -> None:
    """Of that backend, else asked; what is typed is not shown, and nothing typed changes nothing."""
    backend = argument or await _which(talk)
    if backend is None:
        return
    if backend not in talk.session.fleet.specs:
        raise UsageError(f"there is no backend {clean_line(backend, 40)!r}", ", ".join(talk.session.fleet.specs))
    host = clean_line(talk.session.key_host(backend), 200)
    output.note(f"It is bound to {host}, and {clean_line(await place_for_keys())}.")
    typed = await type_in(talk.reader, f"Key of {clean_line(backend, 40)}, not shown:", is_secret=True)
    if typed and typed.strip():
        kept = await talk.session.set_key(backend, typed.strip())
        output.note(f"The key of {clean_line(backend, 40)} is {kept.detail}.")


async def _which(talk: Talk) -> str | None:
    choices: list[tuple[str | None, str]] = [(None, "Change nothing")]
    choices += [(one.backend, clean_line(one.backend, 40)) for one in talk.session.candidates() if not one.is_local]
    return await choose(talk.reader, "The key of which backend?", choices)


async def bring_in(talk: Talk, argument: str) -> None:
    """Ctrl+C ends it; what came stays."""
    if not argument:
        raise UsageError(
            "no file was named", "/import FILE: an export of ChatGPT, Claude, Open WebUI, llm or hybridchat"
        )
    importer = talk.session.transfer.importer()
    file = await asyncio.to_thread(path_of, argument)
    output.note("Importing. Ctrl+C ends it; what came stays.")
    try:
        report = await asyncio.to_thread(importer.run, [file])
    finally:
        importer.stop()
    talk.session.books.refresh()
    for line in report.lines("added"):
        output.note(line)
    for unread in report.told[:MOST_UNREAD]:
        output.note(f"not read: {unread.where}: {unread.why}")
    if report.unread > MOST_UNREAD:
        output.note(f"and {report.unread - MOST_UNREAD:,} more; `hybridchat import --json` tells all")


# --- marks


async def star(talk: Talk, argument: str) -> None:
    after = await _mark(talk, NewMarks(starred=_here(talk).starred_at is None))
    output.note("Starred: it is not deleted by its age." if after.starred_at else "No star any more.")


async def archive(talk: Talk, argument: str) -> None:
    after = await _mark(talk, NewMarks(archived=_here(talk).archived_at is None))
    output.note("Archived: out of the list until you write in it." if after.archived_at else "In the list again.")


async def tags(talk: Talk, argument: str) -> None:
    """`/tags work, to read`, `/tags -work`; without words, those that it has."""
    parts = [part.strip() for part in argument.split(",")]
    add, remove = (
        tags_of(",".join(chosen))
        for chosen in (
            [part for part in parts if not part.startswith("-")],
            [part[1:] for part in parts if part.startswith("-")],
        )
    )
    after = await _mark(talk, NewMarks(add_tags=add, remove_tags=remove)) if argument else _here(talk)
    output.note(f"Tags: {', '.join(map(clean_line, after.tags)) or 'none'}.")


def _here(talk: Talk) -> Conversation:
    if talk.chat.conversation is None:
        raise UsageError("this chat is empty", "send the first message, then it can be marked")
    return talk.chat.conversation


async def _mark(talk: Talk, new: NewMarks) -> Conversation:
    return await talk.session.finding.mark(_here(talk).id, new)
