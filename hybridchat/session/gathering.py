"""Files of the user's that they choose to attach. One from a folder that pins keeps its chat on this device."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hybridchat.config.folders import look
from hybridchat.domain.attachments import AttachedFile, Attachment
from hybridchat.domain.chat import Privacy
from hybridchat.domain.privacy import strictest
from hybridchat.domain.text import clean_line
from hybridchat.errors import Refused
from hybridchat.session.events import Emit, Notice
from hybridchat.session.state import Chat

if TYPE_CHECKING:
    from hybridchat.attaching.gathering import Gathered
    from hybridchat.domain.files import Listing, Preview, Sixels

SetPrivacy = Callable[[Chat, Privacy], Awaitable[None]]


class Gathering:
    """All of it runs in threads: a disk can be slow, and a folder large."""

    def __init__(self, pinning: Sequence[str], set_privacy: SetPrivacy, emit: Emit) -> None:
        """`pinning`: the folders that the config lists."""
        self._pinning = pinning
        self._set_privacy = set_privacy
        self._emit = emit
        self._free: set[str] = set()  # digests of what is from no folder that pins, as far as this run has seen

    async def read(self, chat: Chat, path: Path, name: str = "") -> Attachment:
        """For a message of that chat. Raises UsageError for what cannot be attached."""
        from hybridchat.attaching.reading import read_file

        attachment = await asyncio.to_thread(read_file, path, name)
        await self._pin(chat, path, (attachment,))
        return attachment

    async def gather(self, folder: Path, name: str) -> Gathered:
        """The texts below a folder, under names that begin with the folder's; `take` makes them a chat's."""
        from hybridchat.attaching.gathering import gather

        return await asyncio.to_thread(gather, folder, name)

    async def take(self, chat: Chat, folder: Path, gathered: Gathered) -> tuple[Attachment, ...]:
        """What was gathered there, for a message of that chat."""
        await self._pin(chat, folder / "it", gathered.attachments)
        return gathered.attachments

    async def listing(self, folder: Path, *, is_deep: bool, with_hidden: bool) -> Listing:
        """The names in a folder, or `is_deep` of all below it that no ignore file names."""
        from hybridchat.attaching import walking

        names_of = walking.list_below if is_deep else walking.list_in
        return await asyncio.to_thread(names_of, folder, with_hidden=with_hidden)

    async def pasted(self, text: str, number: int) -> Attachment:
        """A paste too long for the composer."""
        attachment = await asyncio.to_thread(Attachment(f"paste-{number}.txt", "text/plain", text.encode()).counted)
        self._free.add(attachment.file.digest)
        return attachment

    def check_looser(self, chat: Chat, privacy: Privacy, files: Iterable[AttachedFile]) -> None:
        """Of a chat that stays on this device, with these attached to its draft. Raises Refused for one that may be
        from a folder that pins: nobody knows of a draft that came back."""
        pinning = [file for file in files if file.digest not in self._free]
        if chat.privacy is Privacy.LOCAL_ONLY and privacy is not Privacy.LOCAL_ONLY and pinning:
            names = clean_line(", ".join(file.name for file in pinning), 60)
            raise Refused(f"what is attached may be pinned: {names}", "take it out first, and attach it again after")

    async def preview(self, attachment: Attachment) -> Preview:
        """A picture, small enough for cells. Raises UsageError where it cannot be drawn."""
        from hybridchat.attaching.previews import preview

        return await asyncio.to_thread(preview, attachment.data, attachment.name)

    async def pixels(self, attachment: Attachment, most: tuple[int, int], *, as_sixels: bool) -> Preview | Sixels:
        """The same in at most so many pixels."""
        from hybridchat.attaching import previews

        draw = previews.sixels if as_sixels else previews.preview
        return await asyncio.to_thread(draw, attachment.data, attachment.name, most)

    async def _pin(self, chat: Chat, path: Path, attachments: Sequence[Attachment]) -> None:
        pin = await asyncio.to_thread(look, self._pinning, [path])
        digests = {attachment.file.digest for attachment in attachments}
        self._free = self._free - digests if pin.why else self._free | digests
        if pin.why and strictest(chat.privacy, Privacy.LOCAL_ONLY) is not chat.privacy:
            await self._set_privacy(chat, Privacy.LOCAL_ONLY)
            self._emit(Notice(f"this chat is local only now: what was attached is {pin.why}"))
