"""The running comparison: local and managed side by side, from frozen snapshots and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from msgspec import Struct
from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from hybridchat.domain.budget import Standing
from hybridchat.domain.events import Limits
from hybridchat.domain.stats import Money, Side, Snapshot
from hybridchat.domain.text import clean_line
from hybridchat.tui.comparison import comparison_notes, comparison_rows, money_words
from hybridchat.tui.widgets.allowances import Allowance, allowance_lines, allowance_parts, budget_parts, scarce
from hybridchat.tui.words import Part, milliseconds, seconds

MOST_ALLOWANCES = 2


def _now_here() -> datetime:
    return datetime.now().astimezone()


class Live(Struct, frozen=True):
    """The reply that streams now; times by time.monotonic()."""

    backend: str
    is_local: bool
    began_at: float
    ttft_ms: float | None = None


class Panel(Widget):
    """As a side panel (class -side) or as one line; which of them is the chat screen's business."""

    snapshot: reactive[Snapshot] = reactive(Snapshot(), layout=True)
    live: reactive[Live | None] = reactive(None, layout=True)
    standings: reactive[tuple[Standing, ...]] = reactive((), layout=True)
    warn: reactive[float] = reactive(1.0)  # the share of a budget from which on it is coloured
    allowances: reactive[tuple[Allowance, ...]] = reactive((), layout=True)  # the newest first

    def __init__(self, clock: Callable[[], float] = time.monotonic, now: Callable[[], datetime] = _now_here) -> None:
        super().__init__(id="panel")
        self._clock, self._now = clock, now
        self.is_still = False  # it counts no seconds up

    def on_mount(self) -> None:
        self._ticks = self.set_interval(0.25, self.refresh, pause=True)

    def watch_live(self, live: Live | None) -> None:
        if self.is_mounted:
            (self._ticks.resume if live and not self.is_still else self._ticks.pause)()

    def note_limits(self, backend: str, limits: Limits) -> None:
        """What a reply told; it is shown until it cannot hold any more."""
        now = self._now()
        new = Allowance(backend, limits, now)
        self.allowances = (new, *(a for a in self.allowances if a.backend != backend))[:MOST_ALLOWANCES]
        if new.full_at is not None:
            self.set_timer((new.full_at - now).total_seconds() + 0.1, partial(self.refresh, layout=True))

    def render(self) -> RenderResult:
        elapsed_s = self._clock() - self.live.began_at if self.live and not self.is_still else None
        if self.has_class("-side"):
            width = self.content_size.width
            left = [
                *budget_parts(self.standings, self.warn, width),
                *allowance_parts(self.allowances, self._now(), width),
            ]
            return Content.assemble(table(self.snapshot, self.live, elapsed_s, width), *left)
        little = scarce(self.allowances, self._now())
        return one_line(self.snapshot, self.live, elapsed_s, self.content_size.width, little)

    def allowance_lines(self) -> list[str]:
        """What rate limits leave now, a line for each provider that told."""
        return allowance_lines(self.allowances, self._now())


# --- as one line

_LEFT_OUT_FIRST = ("month", "today", "share", "speed", "failures", "cost", "ttft", "scarce")


def one_line(snapshot: Snapshot, live: Live | None, elapsed_s: float | None, width: int, scarce: str = "") -> Content:
    """What streams now, both sides in short, and of what rate limits leave little: as much as fits into `width`."""
    for count in range(len(_LEFT_OUT_FIRST) + 1):
        line = _line(snapshot, live, elapsed_s, scarce, _LEFT_OUT_FIRST[:count])
        if line.cell_length <= width:
            return line
    return line


def _line(
    snapshot: Snapshot, live: Live | None, elapsed_s: float | None, scarce: str, left_out: Sequence[str]
) -> Content:
    gap: Part = ("  │  ", "$muted")
    parts: list[Part] = [*_now(live, elapsed_s), gap] if live is not None else []
    parts += [*_brief("local", snapshot.local, "$local", left_out), gap]
    parts += _brief("managed", snapshot.managed, "$managed", left_out)
    if snapshot.local_share is not None and "share" not in left_out:
        parts += [gap, (f"{snapshot.local_share:.0%} local", "$muted")]
    if scarce and "scarce" not in left_out:
        parts += [gap, (scarce, "$warning")]
    return Content.assemble(*parts)


def _brief(name: str, side: Side, color: str, left_out: Sequence[str]) -> list[Part]:
    failed = f"{side.failures:,} failed" if side.failures else ""
    if not side.replies:
        return [(name, f"bold {color}"), (f" {failed or 'none yet'}", "$muted")]
    facts = {
        "replies": f"{side.replies:,}",
        "failures": failed,
        "ttft": "" if side.ttft_ms.p50 is None else f"TTFT {milliseconds(side.ttft_ms.p50)}",
        "speed": "" if side.tokens_per_s.p50 is None else f"{side.tokens_per_s.p50:.0f} tok/s",
        "cost": _spent(side.cost_chat, "this chat"),
        "today": _spent(side.cost_today, "today"),
        "month": _spent(side.cost_month, "this month"),
    }
    return [(name, f"bold {color}"), " " + " · ".join(v for k, v in facts.items() if v and k not in left_out)]


def _spent(money: Money, when: str) -> str:
    return "" if money.usd is None else f"{money_words(money)} {when}"


def _now(live: Live, elapsed_s: float | None) -> list[Part]:
    color = "$local" if live.is_local else "$managed"
    first = "no token yet" if live.ttft_ms is None else f"TTFT {milliseconds(live.ttft_ms)}"
    elapsed = "" if elapsed_s is None else f" · {seconds(elapsed_s)}"
    return [("now ", "$muted"), (clean_line(live.backend, 24), f"bold {color}"), f" {first}{elapsed}"]


# --- as a table


def table(snapshot: Snapshot, live: Live | None, elapsed_s: float | None, width: int) -> Content:
    """The whole comparison; `width` in cells."""
    label = 16
    column = max(6, (width - label) // 2)
    parts: list[Part] = [
        ("compared".ljust(label), "bold"),
        ("local".rjust(column), "bold $local"),
        ("managed".rjust(column), "bold $managed"),
        "\n\n",
    ]
    for name, (left, right) in comparison_rows(snapshot):
        parts += [(name.ljust(label), "$muted"), left.rjust(column), right.rjust(column), "\n"]
    parts += comparison_notes(snapshot)
    if live is not None:
        parts += ["\n", *_now_tall(live, elapsed_s)]
    return Content.assemble(*parts)


def _now_tall(live: Live, elapsed_s: float | None) -> list[Part]:
    color = "$local" if live.is_local else "$managed"
    first = "not yet" if live.ttft_ms is None else milliseconds(live.ttft_ms)
    return [
        *(("answering now  ", "$muted"), (clean_line(live.backend, 24), f"bold {color}"), "\n"),
        *(("first token    ", "$muted"), first, "\n"),
        *(() if elapsed_s is None else (("elapsed        ", "$muted"), seconds(elapsed_s), "\n")),
    ]
