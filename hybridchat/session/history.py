"""What the user has sent, to say it again: from this machine's ledger, and what is off the record from memory."""

from __future__ import annotations

import asyncio

from hybridchat.domain.chat import Privacy, is_off_record
from hybridchat.domain.privacy import strictest
from hybridchat.ledger.store import Said
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.state import Chat

__all__ = ["History", "Said"]

MOST = 20_000  # messages, the newest


class History:
    def __init__(self, ledgers: Ledgers) -> None:
        self._ledgers = ledgers

    async def said(self) -> list[Said]:
        """Newest first, each text once; of a long one its beginning."""
        return await self._ledgers.said(MOST)

    async def words(self, said: Said) -> str:
        """All of it."""
        return await asyncio.wrap_future(self._ledgers.of(said.message_id).text_of(said.message_id))


def would_loosen(said: Said, chat: Chat, privacy: Privacy) -> bool:
    """Whether its words may go further in that chat, of that privacy, than where they were said."""
    return strictest(said.privacy, privacy) is not privacy or (
        is_off_record(said.conversation_id) and not chat.is_off_record
    )
