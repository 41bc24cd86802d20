"""`--debug`: the session's content-free events in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hybridchat.errors import UsageError

if TYPE_CHECKING:
    from hybridchat.paths import Paths
    from hybridchat.session.chat import Session


def listen(session: Session, paths: Paths) -> None:
    """Raises UsageError where the log cannot be written."""
    from hybridchat.session.debuglog import DebugLog

    try:
        session.listen(DebugLog(paths.logs_dir).on_event)
    except OSError as error:
        raise UsageError(f"{paths.logs_dir} cannot be written: {error.strerror}", "leave out --debug") from None
