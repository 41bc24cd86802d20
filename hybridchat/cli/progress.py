"""Progress on standard error: one line that is drawn over on a terminal, a few lines anywhere else."""

from __future__ import annotations

import sys
from types import TracebackType

from hybridchat.cli import output


class Progress:
    """A context manager; leaving it ends the line."""

    def __init__(self) -> None:
        self._drawn_over = sys.stderr.isatty()
        self._shown = ""
        self._tenths = -1

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn_over and self._shown:
            sys.stderr.write("\n")

    def show(self, text: str, fraction: float | None = None) -> None:
        """`fraction` is 0 to 1 or None; off a terminal a line is written for every new text or tenth."""
        if self._drawn_over:
            percent = "" if fraction is None else f" {fraction:.0%}"
            self._shown = text + percent
            output.redraw(self._shown)
            return
        tenths = -1 if fraction is None else int(fraction * 10)
        if tenths > self._tenths or (fraction is None and text != self._shown):
            output.note(text if fraction is None else f"{text} {fraction:.0%}")
            self._tenths, self._shown = tenths, text
