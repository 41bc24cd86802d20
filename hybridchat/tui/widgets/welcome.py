"""What an empty chat shows: the places that can answer, and the keys to begin with."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from hybridchat.domain.chat import HealthState
from hybridchat.domain.routing import Candidate
from hybridchat.tui.keymap import DEFAULT, Keymap, keymap_of
from hybridchat.tui.words import candidate_words

HEALTH = {
    HealthState.HEALTHY: "healthy",
    HealthState.LOADING: "loading",
    HealthState.UNHEALTHY: "not healthy",
    HealthState.UNKNOWN: "not checked",
}
_MAX_SHOWN = 6
HEAD = "Your own models and rented ones, in one conversation."
OFF_RECORD = "Off the record: this chat is in memory only, and gone when you quit."
OFF_RECORD_LEAVES = "Rented models still get your words, and the audit a row without them."


class Welcome(Static):
    def __init__(self) -> None:
        super().__init__("", id="welcome", markup=False)

    def show(self, candidates: Sequence[Candidate], *, is_off_record: bool = False) -> None:
        self.update(welcome_content(candidates, is_off_record=is_off_record, keymap=keymap_of(self)))


def welcome_content(
    candidates: Sequence[Candidate], *, is_off_record: bool = False, keymap: Keymap = DEFAULT
) -> Content:
    """One line for each backend, with who computes and whether it is healthy."""
    parts: list[str | tuple[str, str]] = [("hybridchat\n", "bold $primary")]
    if is_off_record:
        parts += [(f"{OFF_RECORD}\n", "bold $warning"), (f"{OFF_RECORD_LEAVES}\n\n", "$muted")]
    else:
        parts.append((f"{HEAD}\n\n", "$muted"))
    for candidate in candidates[:_MAX_SHOWN]:
        backend, model, zone = candidate_words(candidate)
        color = "$local" if candidate.is_local else "$managed"
        health = f" · {HEALTH[candidate.health]}\n"
        look = "$error" if candidate.health is HealthState.UNHEALTHY else "$muted"
        if not candidate.is_local and not candidate.model:
            model, health = f"no model yet: {keymap.name('route')}", "\n"
        parts += [(backend, f"bold {color}"), f" · {model} · {zone}", (health, look)]
    if len(candidates) > _MAX_SHOWN:
        parts.append((f"and {len(candidates) - _MAX_SHOWN} more\n", "$muted"))
    keys = (("route", "where this chat goes"), ("privacy", "keep it on this device"), ("chats", "earlier chats"))
    parts.append("\n")
    for action, words in keys:
        parts += [(keymap.name(action), "bold"), (f"  {words}\n", "$muted")]
    return Content.assemble(*parts)
