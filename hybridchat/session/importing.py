"""Bringing conversations in: from other programs' exports, from our own, from another machine's ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from hybridchat.config.folders import look
from hybridchat.domain.chat import Privacy
from hybridchat.domain.imports import Found, ImportedAttempt, ImportedComparison, ImportedConversation, Unread
from hybridchat.domain.moments import utc_text
from hybridchat.domain.privacy import strictest
from hybridchat.domain.text import clean_line, count_of, title_of
from hybridchat.importing import sources
from hybridchat.ledger import merging
from hybridchat.ledger.imports import Added
from hybridchat.ledger.store import Ledger

LEDGER = "ledger"
FORMATS = (*sources.FORMATS, LEDGER)
BATCH_WEIGHT = 300  # messages in one transaction, fewer if they are long: other windows write between two of them
CHARACTERS = 4000  # weigh as much as a message
MAX_TOLD = 1000  # entries that were not read; the others are counted

OnProgress = Callable[["Report", float], None]


class Report(Struct):
    """What an import did, or would do; `empty` conversations had no message and were left out."""

    added: Added = field(default_factory=Added)
    empty: int = 0
    unread: int = 0
    told: list[Unread] = []  # the first MAX_TOLD of them
    pinned: str = ""  # why all of it stays on this device
    is_whole: bool = True  # it was not stopped

    def note(self, unread: Unread) -> None:
        self.unread += 1
        if len(self.told) < MAX_TOLD:
            self.told.append(unread)

    def lines(self, verb: str) -> list[str]:
        """What came, for people: `verb` is "added" or the like. What was not read is only counted."""
        added = self.added
        came = f"{verb} {count_of(added.new, 'new conversation')}"
        came += f" and {added.grown:,} that went on" if added.grown else ""
        came += f", with {count_of(added.messages, 'message')}"
        rows = (
            count_of(added.attempts, "usage row") if added.attempts else "",
            count_of(added.votes, "vote") if added.votes else "",
        )
        came += "".join(f" and {one}" for one in rows if one)
        left = [
            f"{added.known:,} here already" if added.known else "",
            f"{self.empty:,} empty" if self.empty else "",
            f"{self.unread:,} not read" if self.unread else "",
        ]
        pinned = f"all of it is local only: {self.pinned}" if self.pinned else ""
        return [line for line in (came, ", ".join(filter(None, left)), pinned) if line]


class Importer:
    """Blocks: for a thread of its own. Foreign conversations get the config's default privacy, ours keep their own, and
    none is looser than what is pinned: by this run, or by a folder that a file of it is in."""

    def __init__(self, ledger: Ledger, default: Privacy, folders: Sequence[str], pinned: Callable[[], str]) -> None:
        """`folders` pin, as the config lists them; `pinned`: why this run does, or ""."""
        self._ledger = ledger
        self._default = default
        self._folders = folders
        self._pinned = pinned
        self._stop = False

    def stop(self) -> None:
        """From any thread: no further batch. What was added stays; another run adds the rest."""
        self._stop = True

    def run(
        self,
        files: Sequence[Path],
        form: str | None = None,
        *,
        rehearse: bool = False,
        on_progress: OnProgress = lambda report, share: None,
    ) -> Report:
        """`form`: one of FORMATS, None: as each file looks. Raises UsageError for a file that is none of them as a
        whole, and LedgerError; what was added before stays."""
        report = Report(pinned=self._pinned() or look(self._folders, files).why)
        floor = Privacy.LOCAL_ONLY if report.pinned else Privacy.OPEN
        for done, file in enumerate(files):
            for batch, share in self._batches(file, form, report, floor):
                if self._stop:
                    report.is_whole = False
                    return report
                report.added.count(self._ledger.import_batch(batch, rehearse=rehearse).result())
                on_progress(report, (done + share) / len(files))
        return report

    def _batches(
        self, file: Path, form: str | None, report: Report, floor: Privacy
    ) -> Iterator[tuple[list[ImportedConversation | ImportedAttempt | ImportedComparison], float]]:
        batch: list[ImportedConversation | ImportedAttempt | ImportedComparison] = []
        size, share = 0, 0.0
        for found, share in self._found(file, form):
            match found:
                case Unread():
                    report.note(found)
                    continue
                case ImportedConversation(messages=()):
                    report.empty += 1
                    continue
                case ImportedConversation():
                    batch.append(self._own(found, floor))
                    size += _weight(found)
                case ImportedAttempt() | ImportedComparison():
                    batch.append(found)
                    size += 1
            if size >= BATCH_WEIGHT:
                yield batch, share
                batch, size = [], 0
        yield batch, share

    def _found(self, file: Path, form: str | None) -> Iterator[tuple[Found, float]]:
        sources.head_of(file)  # says what is wrong with it
        now = utc_text(datetime.now(UTC))
        if form == LEDGER or (form is None and merging.is_ledger(file)):
            return merging.found_in(file, self._ledger.ledger_uuid().result(), now)
        return sources.found_in(file, form, now)

    def _own(self, found: ImportedConversation, floor: Privacy) -> ImportedConversation:
        """With a title in one line, and its privacy here."""
        words = next((message.text for message in found.messages if message.text.strip()), "")
        return replace(
            found,
            title=clean_line(found.title) or title_of(words),
            privacy=strictest(found.privacy or self._default, floor),
        )


def _weight(conversation: ImportedConversation) -> int:
    return sum(1 + (len(message.text) + len(message.thinking)) // CHARACTERS for message in conversation.messages)
