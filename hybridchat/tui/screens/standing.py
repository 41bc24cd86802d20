"""What "local" means for each backend: what was checked, when and by which means; and asking for the user's word."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from hybridchat.domain.chat import Proof, Zone
from hybridchat.domain.text import clean_line
from hybridchat.session.standing import COULD_STILL, HOLDS, Standing
from hybridchat.tui.screens.dialogs import Confirm
from hybridchat.tui.words import seconds, zone_words

_MEANINGS = (
    (
        zone_words(Zone.DEVICE, Proof.VERIFIED),
        "Our own child process on a Unix socket that only you can open; or Ollama's own program, seen at each "
        "connection, asked under a name that it never forwards.",
    ),
    (zone_words(Zone.DEVICE, Proof.VOUCHED), "You said that it computes here. " + HOLDS),
    (zone_words(Zone.DEVICE, Proof.ASSUMED), COULD_STILL + " No local-only chat goes there."),
    (zone_words(Zone.PRIVATE, Proof.VOUCHED), "Another machine, which your config calls yours. Not for local-only."),
    (zone_words(Zone.MANAGED, None), "A third party computes, whatever the address says. For open chats alone."),
)


class StandingScreen(ModalScreen[None]):
    """The backend in question first."""

    CSS_PATH = "standing.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter,alt+i", "dismiss", "Close", show=False)]

    def __init__(self, standings: Iterable[Standing]) -> None:
        super().__init__()
        self._standings = tuple(standings)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Who computes, and how that is known", markup=False, classes="title")
            with VerticalScroll():
                yield Static(standing_content(self._standings, min(96, self.app.size.width) - 12), markup=False)
            yield Static("Esc closes · Up and Down scroll", markup=False, classes="hint")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


def standing_content(standings: Iterable[Standing], width: int) -> Content:
    """Each backend with what it rests on, then what each word means; wrapped to `width` cells."""
    parts: list[str | tuple[str, str]] = []
    for standing in standings:
        color = "$managed" if standing.zone is Zone.MANAGED else "$local"
        words = zone_words(standing.zone, standing.proof, standing.kind)
        parts += [(clean_line(standing.backend, 40), f"bold {color}"), f" · {words}\n"]
        for name, text in _facts(standing):
            parts += [(f"  {name:<9}", "$muted"), _indented(clean_line(text, 300), width, 11)] if text else []
        parts.append("\n")
    for words, meaning in _MEANINGS:
        parts += [(f"{words}\n", "bold"), "  ", (_indented(meaning, width, 2), "$muted")]
    return Content.assemble(*parts)


def _indented(text: str, width: int, by: int) -> str:
    return ("\n" + " " * by).join(wrap(text, width - by)) + "\n"


def _facts(standing: Standing) -> tuple[tuple[str, str], ...]:
    seen = f"{standing.peer}, {seconds(standing.seen_s)} ago" if standing.seen_s is not None else ""
    return (
        ("where", standing.url),
        ("because", standing.how),
        ("answers", seen),
        ("but", standing.doubt),
    )


def vouch_question(standing: Standing) -> Confirm:
    """Enter and Esc say no."""
    facts = (
        f"{clean_line(standing.url, 200)} · {standing.kind}",
        f"Answered by {clean_line(standing.answers, 300)}.",
        clean_line(standing.doubt[:1].upper() + standing.doubt[1:], 300),
    )
    detail = ("\n".join(filter(None, facts)), COULD_STILL, HOLDS)
    question = f"Do you know that {clean_line(standing.backend, 40)} computes on this machine?"
    return Confirm(question, "\n\n".join(detail), yes="Yes, it does", no="No")
