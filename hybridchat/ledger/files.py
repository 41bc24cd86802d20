"""The ledger's files: private to the user whatever the umask, never through a link, damaged ones kept aside."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

from hybridchat.errors import LedgerError

MAGIC = b"SQLite format 3\x00"
HEADER_BYTES = 100
SIDE_FILES = ("-wal", "-shm")
KEPT = ".corrupt-"  # and a time_name: a damaged ledger that was set aside


def run_dir(ledger: Path) -> Path:
    return ledger.parent / "run"


def backups_dir(ledger: Path) -> Path:
    return ledger.parent / "backups"


def refuse_link(ledger: Path) -> None:
    """Raises LedgerError for what is no plain file: whoever owns a link or reads a pipe would get the conversations."""
    for path in (ledger, *(beside(ledger, suffix) for suffix in SIDE_FILES)):
        if path.is_symlink():
            raise LedgerError(f"{path} is a symbolic link", "move the ledger itself there, or set HYBRIDCHAT_HOME")
        if path.exists() and not path.is_file():
            raise LedgerError(f"{path} is no file", "move it away, or set HYBRIDCHAT_HOME")


def beside(ledger: Path, suffix: str) -> Path:
    return ledger.with_name(ledger.name + suffix)


def prepare_folders(ledger: Path) -> None:
    """0700, whatever they were. Raises OSError where the home cannot be written."""
    for folder in (ledger.parent, run_dir(ledger), backups_dir(ledger)):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private(folder, 0o700)


def prepare(ledger: Path) -> None:
    """Folders 0700 and an existing or new ledger 0600. Raises OSError where the home cannot be written.

    Never while this process has the ledger open: closing any descriptor of it drops SQLite's locks on POSIX systems,
    and another process would then take the log away from under us.
    """
    prepare_folders(ledger)
    os.close(open_private(ledger))
    kept = (*ledger.parent.glob(f"{ledger.name}{KEPT}*"), *backups_dir(ledger).glob("*.db"))
    for path in (*(beside(ledger, suffix) for suffix in SIDE_FILES), *kept):
        _make_private(path, 0o600)


def open_private(path: Path) -> int:
    """A file descriptor for reading and writing; created 0600, repaired if it was more open."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    file = os.open(path, flags, 0o600)
    _make_private(path, 0o600)
    return file


def _make_private(path: Path, mode: int) -> None:
    if os.name != "posix" or not path.exists():
        return
    found = path.stat()
    is_shared_place = bool(found.st_mode & stat.S_ISVTX) or found.st_uid != os.getuid()
    if stat.S_IMODE(found.st_mode) != mode and not is_shared_place:
        path.chmod(mode)


def is_damaged_at_sight(ledger: Path, *, had_content: bool) -> bool:
    """What size and header alone can tell. `had_content`: an empty file is a loss, not a first start."""
    size = ledger.stat().st_size
    wal = beside(ledger, "-wal")
    has_wal = wal.exists() and wal.stat().st_size > 0
    if size == 0:
        return had_content or has_wal
    with ledger.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
        return True
    if header[18] not in (1, 2) or header[19] not in (1, 2) or header[21:24] != b"\x40\x20\x20":
        return True  # SQLite would call such a file read-only, or newer than itself
    page_bytes = int.from_bytes(header[16:18], "big")
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    pages = int.from_bytes(header[28:32], "big")
    is_count_valid = header[24:28] == header[92:96]
    # with a WAL the file may be behind its header: SQLite looks itself
    return is_count_valid and not has_wal and size < pages * page_bytes


def set_aside(ledger: Path) -> Path:
    """Moves a damaged ledger away, never over another one. Returns where it is kept."""
    time = time_name(datetime.now(UTC))
    kept = beside(ledger, f"{KEPT}{time}")
    number = 1
    while kept.exists():
        number += 1
        kept = beside(ledger, f"{KEPT}{time}-{number}")
    ledger.replace(kept)
    wal, shm = (beside(ledger, suffix) for suffix in SIDE_FILES)
    if wal.exists() and wal.stat().st_size:
        wal.replace(beside(kept, "-wal"))
    wal.unlink(missing_ok=True)
    shm.unlink(missing_ok=True)
    return kept


def time_name(moment: datetime) -> str:
    """A moment as part of a file's name, `20261121T093000Z`; sorts by time."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def parse_time_name(text: str) -> datetime:
    """Raises ValueError for anything else."""
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def sync_folder(folder: Path) -> None:
    """Makes a rename in it durable; where folders cannot be opened (Windows) the system does it."""
    if os.name != "posix":
        return
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
