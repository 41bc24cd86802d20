"""The least privacy of all that is written in this run: the flag's, or that of the folder it is written in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hybridchat.config.folders import FolderPin
from hybridchat.domain.chat import Privacy
from hybridchat.domain.privacy import strictest
from hybridchat.errors import Refused


class Floor:
    """It only rises: what has pinned once in this run goes on to, though its file be gone."""

    def __init__(self, look: Callable[[], FolderPin] | None, *, local_only: bool) -> None:
        """`look` blocks; it is called now, and before each message while nothing is pinned."""
        self._look = look
        self._local_only = local_only
        self._folder = look() if look and not local_only else FolderPin()

    @property
    def privacy(self) -> Privacy:
        return Privacy.LOCAL_ONLY if self.why else Privacy.OPEN

    @property
    def why(self) -> str:
        """In words; "" where there is no floor."""
        return "this run is local only" if self._local_only else self._folder.why

    @property
    def reason(self) -> str:
        """The same without a folder's name: what usage rows keep outlives the conversation, and holds no text."""
        return "pinned by its folder" if self._folder.why else self.why

    @property
    def notices(self) -> tuple[str, ...]:
        """What the look at the folder met, one line each."""
        return self._folder.notices

    async def look_again(self) -> None:
        """At the folder: its file can have come since."""
        if self._look and not self.why:
            self._folder = await asyncio.to_thread(self._look)

    def check(self, privacy: Privacy) -> None:
        """Raises Refused for what is looser than the floor."""
        if strictest(privacy, self.privacy) is not privacy:
            remedy = "leave out --local-only" if self._local_only else "do that elsewhere, where nothing is pinned"
            raise Refused(self.why, remedy)
