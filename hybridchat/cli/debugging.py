"""`--debug`: the session's content-free events in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hybridchat.errors import UsageError

if TYPE_CHECKING:
    from hybridchat.paths import Paths
    from hybridchat.session.chat import Session


def log_if_debugging(session: Session, paths: Paths) -> None:
    """Until the command ends. Raises UsageError where the log cannot be written."""
    context = click.get_current_context()
    if not context.obj:  # what the root command was told
        return
    from hybridchat.session.debuglog import DebugLog

    try:
        log = DebugLog(paths.logs_dir)
    except OSError as error:
        raise UsageError(f"{paths.logs_dir} cannot be written: {error.strerror}", "leave out --debug") from None
    session.listen(log.on_event)
    context.call_on_close(log.close)
