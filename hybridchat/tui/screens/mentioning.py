"""@ in the composer: files and folders are completed while they are typed, and what is chosen is attached."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct
from textual import work

from hybridchat.domain.attachments import Listing
from hybridchat.domain.text import clean_line
from hybridchat.errors import HybridchatError
from hybridchat.tui.mentions import Mention, as_mark, mention_in, ranked
from hybridchat.tui.screens.enclosing import Enclosing
from hybridchat.tui.widgets.rows import Row

FRESH_S = 10.0  # a folder's names are looked up again after this
MOST_OFFERED = 50


class _Chosen(Struct, frozen=True):
    """A name that may be meant, as it would be typed."""

    mention: Mention
    name: str

    @property
    def path(self) -> Path:
        from hybridchat.session.files import path_of

        return path_of(self.name)

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")


class _Seen(NamedTuple):
    of: tuple[Path, bool, bool]
    at: float
    listing: Listing


class Mentioning(Enclosing):
    """Nothing is read of a folder but its names, until something is chosen."""

    def __init__(self) -> None:
        super().__init__()
        self._last_names: _Seen | None = None

    def complete(self) -> None:
        mention = self._mention()
        if mention is None:
            super().complete()
        elif self.session is not None:
            self._offer(mention)

    def _mention(self) -> Mention | None:
        row, column = self.composer.cursor_location
        return mention_in(self.composer.document.get_line(row)[:column])

    @work(exclusive=True, group="mention", exit_on_error=False)
    async def _offer(self, mention: Mention) -> None:
        listing = await self._names(mention)
        found = await asyncio.to_thread(ranked, listing.names, mention.query)
        if self._mention() != mention:
            return
        rows = []
        for name, hits in found[:MOST_OFFERED]:
            shown = clean_line(mention.base + name, 200)
            at = len(mention.base)
            marked = tuple((at + hit, at + hit + 1) for hit in hits) if len(shown) == at + len(name) else ()
            key = _Chosen(mention, mention.base + name)
            rows.append(Row(key, shown, "folder" if name.endswith("/") else "", hits=marked))
        if not listing.is_whole and rows:
            rows.append(Row(None, f"There are more than {len(listing.names):,}: type a path such as ./folder/"))
        self.composer.completions.offer(f"@{mention.typed}", rows, self._choose)

    async def _names(self, mention: Mention) -> Listing:
        assert self.session is not None
        of = (mention.folder, not mention.is_path, mention.wants_hidden)
        if self._last_names is None or self._last_names.of != of or time.monotonic() - self._last_names.at > FRESH_S:
            folder, is_deep, with_hidden = of
            listing = await self.session.gathering.listing(folder, is_deep=is_deep, with_hidden=with_hidden)
            self._last_names = _Seen(of, time.monotonic(), listing)
        return self._last_names.listing

    def enter(self) -> None:
        """Enter chooses what is offered after an @."""
        chosen = self.composer.completions.current
        is_offered = self.composer.completions.display and chosen is not None and isinstance(chosen.key, _Chosen)
        if not (is_offered and self.composer.completions.accept(is_final=True)):
            super().enter()

    def _choose(self, chosen: _Chosen, is_final: bool) -> None:
        """Tab goes on in a folder; Enter attaches its texts."""
        composer, mention = self.composer, chosen.mention
        if self._mention() != mention:
            return
        row, column = composer.cursor_location
        goes_on = chosen.is_folder and not is_final
        mark = as_mark(chosen.name).removesuffix('"') if goes_on else f"{as_mark(chosen.name)} "
        composer.replace(mark, (row, mention.begin), (row, column), maintain_selection_offset=False)
        if not goes_on:
            self._attach_chosen(chosen)

    @work
    async def _attach_chosen(self, chosen: _Chosen) -> None:
        if self.session is None or self.chat is None:
            return
        with self.being_read(chosen.name):
            try:
                await self.attach_path(self.chat, chosen.path, chosen.name)
            except HybridchatError as error:
                self.notify(str(error), severity="error", timeout=10)
