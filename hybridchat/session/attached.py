"""What goes along with messages: kept with their words, loaded when it is sent again or looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from msgspec.structs import replace

from hybridchat.domain.attachments import AttachedFile, Attachment
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError
from hybridchat.session.events import Emit, Notice
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.planning import history_of
from hybridchat.session.state import Along, Chat, Draft


class Attached:
    """Contents stay in the ledger: an open chat knows their names, sizes and digests alone."""

    def __init__(self, ledgers: Ledgers, emit: Emit) -> None:
        self._ledgers = ledgers
        self._emit = emit
        self._told: set[str] = set()  # digests of what is missing

    async def loaded(self, chat: Chat, draft: Draft) -> Draft:
        """With the contents of all that goes along. What the ledger has no longer is left out, and that is said."""
        along = [file for message in history_of(chat, draft) for file in message.attachments]
        enclosed = draft.along.enclosed
        contents = await self._load(chat, (*along, *enclosed))
        missing = [file for file in (*along, *enclosed) if file not in contents]
        if missing and not self._told.issuperset(file.digest for file in missing):
            self._told.update(file.digest for file in missing)
            names = clean_line(", ".join(file.name for file in missing), 120)
            self._emit(Notice(f"{names}: not in the ledger any more, so it does not go along"))
        again = tuple(contents[file] for file in enclosed if file in contents)
        return replace(draft, along=Along((*again, *draft.along.attachments)), loaded=contents)

    async def content(self, chat: Chat, file: AttachedFile) -> Attachment:
        """To look at it. Raises UsageError where it is not there any more."""
        contents = await self._load(chat, [file])
        if file not in contents:
            raise UsageError(f"{clean_line(file.name, 60)} is not in the ledger any more", "attach it again")
        return contents[file]

    async def _load(self, chat: Chat, files: Iterable[AttachedFile]) -> dict[AttachedFile, Attachment]:
        wanted = dict.fromkeys(files)
        if not wanted:
            return {}
        digests = {file.digest for file in wanted}
        data = await asyncio.wrap_future(self._ledgers.of_chat(chat).contents(digests))
        return await asyncio.to_thread(_attachments, wanted, data)


def _attachments(files: Iterable[AttachedFile], data: dict[str, bytes]) -> dict[AttachedFile, Attachment]:
    """For a thread."""
    return {
        file: Attachment(file.name, file.media_type, data[file.digest], file.pages).counted()
        for file in files
        if file.digest in data
    }
