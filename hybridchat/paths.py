"""Where our files are, how one is opened and replaced. Computing a path never creates anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Paths(NamedTuple):
    """All places that hybridchat reads or writes; `HYBRIDCHAT_HOME` puts everything under one folder."""

    config_dir: Path
    data_dir: Path

    @property
    def config_file(self) -> Path:
        return self.config_dir / "config.toml"

    @property
    def keymap_file(self) -> Path:
        return self.config_dir / "keymap.toml"

    @property
    def themes_dir(self) -> Path:
        """The user's own themes; the shipped ones are found by `shipped_themes_dir`."""
        return self.config_dir / "themes"

    @property
    def prompts_dir(self) -> Path:
        """The library of prompts, where the config names no other folder."""
        return self.config_dir / "prompts"

    @property
    def ledger_file(self) -> Path:
        return self.data_dir / "hybridchat.db"

    @property
    def vouches_file(self) -> Path:
        """What the user vouched for in the program; see `session.vouches`."""
        return self.data_dir / "vouches.json"

    @property
    def key_hosts_file(self) -> Path:
        """For which host each key was used that the config names itself; see `session.key_hosts`."""
        return self.data_dir / "key-hosts.json"

    @property
    def hints_file(self) -> Path:
        """Which first-time hints have been seen; see `session.hints`."""
        return self.data_dir / "hints.json"

    @property
    def backups_dir(self) -> Path:
        return self.data_dir / "backups"

    @property
    def logs_dir(self) -> Path:
        return self.data_dir / "logs"

    @property
    def models_dir(self) -> Path:
        return self.data_dir / "models"

    @property
    def run_dir(self) -> Path:
        """Sockets, process records and locks of engines and windows that are running."""
        return self.data_dir / "run"


def find_paths() -> Paths:
    """The places for this user, from `HYBRIDCHAT_HOME` or the platform's own directories."""
    home = os.environ.get("HYBRIDCHAT_HOME")
    if home:
        root = Path(home).expanduser().absolute()
        return Paths(root, root)
    import platformdirs

    return Paths(
        platformdirs.user_config_path("hybridchat", appauthor=False),
        platformdirs.user_data_path("hybridchat", appauthor=False),
    )


def is_file(path: Path) -> bool:
    """False too where that cannot be looked at, for which `Path.is_file` raises PermissionError."""
    try:
        return path.is_file()
    except OSError:
        return False


def without_waiting(path: str, flags: int) -> int:
    """An opener: a pipe that nobody writes to would be waited for. What it is, the opened file itself tells."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def replace_file(path: Path, content: bytes) -> None:
    """At once, or it stays as it was; with its folder, and for the user alone (0600). Raises OSError."""
    import tempfile

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def shipped_themes_dir() -> Path:
    """Inside the wheel they lie beside the package's data; in a checkout at the top."""
    here = Path(__file__).parent
    installed = here / "data" / "themes"
    return installed if installed.is_dir() else here.parent / "themes"
