"""Conversations in and out for the screen: what takes long runs in a thread, and its libraries load there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from hybridchat.config import PrivacyConfig
from hybridchat.domain.chat import Conversation, Privacy
from hybridchat.session.floor import Floor
from hybridchat.session.ledgers import Ledgers

if TYPE_CHECKING:
    from hybridchat.session.importing import Importer

BRANCHES = "--branches"  # before the file in /export, as on the command line


class Transfer:
    def __init__(self, ledgers: Ledgers, floor: Floor, config: PrivacyConfig) -> None:
        self._ledgers = ledgers
        self._floor = floor
        self._config = config

    def importer(self) -> Importer:
        """For one import. Its `run` blocks."""
        from hybridchat.session.importing import Importer

        default, folders = Privacy(self._config.default), self._config.local_only_folders
        return Importer(self._ledgers.kept, default, folders, lambda: self._floor.why)

    def file_name(self, conversation: Conversation, form: str) -> str:
        """That an export of it could have."""
        from hybridchat.session.exporting import file_name

        return file_name(conversation, form)

    async def export_to(self, conversation: Conversation, typed: str) -> Path:
        """To a new file, named as for a shell, whose ending says the format; `--branches` before it means all of them.
        Raises UsageError, also for a name that says no format."""
        named = typed.strip().removeprefix(f"{BRANCHES} ")
        file, form = await asyncio.to_thread(_file, named)
        await self.export(conversation, form, file, branches=named != typed.strip())
        return file

    async def export(self, conversation: Conversation, form: str, file: Path, *, branches: bool) -> None:
        """To a new file; json has all branches anyway. Raises UsageError where it cannot be written."""
        await asyncio.to_thread(self._export, conversation, form, file, branches)

    def _export(self, conversation: Conversation, form: str, file: Path, branches: bool) -> None:
        from hybridchat.session.exporting import Exporter, write_new

        exporter = Exporter(self._ledgers.of(conversation.id), branches=branches or form == "json")
        write_new(file, lambda stream: exporter.one(conversation, form, stream))


def _file(typed: str) -> tuple[Path, str]:
    from hybridchat.session.exporting import form_of
    from hybridchat.session.files import path_of

    file = path_of(typed)
    return file, form_of(file)
