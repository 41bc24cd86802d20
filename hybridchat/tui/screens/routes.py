"""The rows of the route pickers. A row that leads away from the user's machines says what goes along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from hybridchat.domain.routing import Candidate
from hybridchat.tui.widgets.rows import Row
from hybridchat.tui.widgets.welcome import HEALTH
from hybridchat.tui.words import candidate_words, earlier_turns

if TYPE_CHECKING:
    from hybridchat.session.chat import Session


def route_rows(session: Session, earlier: int) -> list[Row]:
    """For the conversation: the three words, then every backend with every model. Keys are (route, model)."""
    return [
        Row(("auto", None), "auto — the config's table decides at the first message"),
        Row(("local", None), "local — only your own machines", style="local"),
        Row(("managed", None), "managed — a third party", earlier_turns(earlier), "managed"),
        *backend_rows(session, earlier),
    ]


def backend_rows(session: Session, earlier: int) -> list[Row]:
    """Every backend with its default model, then its other models."""
    rows: list[Row] = []
    for candidate in session.candidates():
        others = [m for m in session.health(candidate.backend).models if m.name != candidate.model]
        rows += [Row(None, ""), _row(candidate, earlier, HEALTH[candidate.health])]
        rows += [_row(replace(candidate, model=m.name, remote_host=m.remote_host), earlier, "") for m in others]
    return rows


def ask_rows(choices: Sequence[Candidate], earlier: int) -> list[Row]:
    """For a message that needs a choice. The cursor's first place sends nothing, so Enter twice never does."""
    return [Row("stay", "Keep it here; send nothing"), *(_row(c, earlier, "") for c in choices)]


def _row(candidate: Candidate, earlier: int, health: str) -> Row:
    """A way off the user's machines says what goes along, rather than how the other side feels."""
    backend, model, zone = candidate_words(candidate)
    key = (candidate.backend, candidate.model)
    if candidate.is_local:
        return Row(key, f"{backend} · {model} · {zone}", health, "local")
    where = zone if candidate.remote_host else "managed"
    return Row(key, f"{backend} · {model} · {where}", earlier_turns(earlier), "managed")
