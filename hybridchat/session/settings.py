"""The config file as the settings on the screen read and change it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hybridchat.config import Config, load_config, require_sound


class Settings:
    """Both methods raise UsageError for a file with a mistake, which is then not touched."""

    def __init__(self, file: Path) -> None:
        self.file = file

    async def read(self) -> Config:
        return await asyncio.to_thread(self._read)

    async def set(self, key: str, value: object) -> Config:
        """Writes one value, such as that of `ui.theme`, and keeps the file's comments; None takes it out.

        Raises UsageError for a value that is not allowed, HybridchatError when the file cannot be written.
        """
        from hybridchat.config_edit import set_value

        await asyncio.to_thread(set_value, self.file, key, value)
        return await self.read()

    def _read(self) -> Config:
        config, problems = load_config(self.file)
        require_sound(problems)
        return config
