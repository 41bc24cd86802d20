"""Which of the first-time hints have been seen: a small file of this user's, beside the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hybridchat.errors import HybridchatError
from hybridchat.session.own_file import OwnFile


class SeenHints(OwnFile[str]):
    """By hint, since when. It holds for the whole run, also where the file cannot be written."""

    def __init__(self, file: Path | None = None) -> None:
        super().__init__(str, file)
        self._here: set[str] = set()

    def is_new(self, hint: str) -> bool:
        return hint not in self._here and hint not in self.by_id

    def note(self, hint: str) -> None:
        """In memory; `keep` writes it."""
        self._here.add(hint)

    def keep(self, hint: str) -> None:
        """Blocks."""
        try:
            self._keep(hint, datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"))
        except HybridchatError:  # a home that cannot be written: then it is said once in every run
            return
